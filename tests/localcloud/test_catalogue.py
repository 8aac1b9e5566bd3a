"""The catalogue of AWS types against the SDK: a type or property that AWS's provider does not know is a mistake."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pulumi_aws
import pytest

from localcloud.catalogue import KINDS
from localcloud.catalogue.kind import ANYTHING
from localcloud.references import references
from localcloud.rules.aws import refused_inputs
from localcloud.world import Thing

_TOKEN = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'(aws:[^']+)'")
_PROPERTY = re.compile(r'__props__\.__dict__\["(\w+)"\]')


@cache
def sdk() -> Mapping[str, frozenset[str]]:
    """Every type of the SDK's modules that the catalogue draws on -> its properties in camelCase."""
    root = Path(pulumi_aws.__file__).parent
    services = {type_.split(":")[1].partition("/")[0] for type_ in KINDS}
    found: dict[str, frozenset[str]] = {}
    for service in services:
        folder = root / ("lambda_" if service == "lambda" else service)
        for path in folder.glob("*.py"):
            text = path.read_text()
            for token in _TOKEN.findall(text):
                found[token] = frozenset(map(_camel, _PROPERTY.findall(text)))
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_every_type_and_property_is_one_of_the_provider(type_: str) -> None:
    kind = KINDS[type_]
    properties = sdk().get(type_)
    assert properties is not None, "no such type"
    named = [kind.name.property, kind.name.prefix] if kind.name else []
    paths = [*kind.outputs, *kind.unique, *kind.brings, *kind.trust, *named]
    unknown = {path for path in paths if path and path.partition(".")[0] not in properties}
    assert unknown == set()
    assert ("tagsAll" in properties) == kind.tags
    assert ("arn" in properties) >= bool(kind.arn)


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_every_type_that_keeps_something_or_comes_along_is_known(type_: str) -> None:
    kind = KINDS[type_]
    others = {*kind.kept_by, *kind.brings.values()} - {ANYTHING}
    assert {other for other in others if other not in sdk()} == set()


def test_every_generated_name_is_one_that_the_service_takes() -> None:
    from localcloud.fakes import outputs

    for type_, kind in KINDS.items():
        if kind.name and type_ != "aws:kms/alias:Alias":
            _, made = outputs(type_, "data-pipeline-a-rather-long-logical-name-of-a-resource", {})
            inputs = {kind.name.property: made.get(kind.name.property)}
            assert not refused_inputs(Thing(type=type_, id="", urn="", name="x", inputs=inputs)), type_


def test_a_property_that_refers_to_something_names_a_type_of_the_provider() -> None:
    from localcloud import references as module

    targets = {*module._BY_PROPERTY.values(), *(target for target in module._BY_SERVICE.values())}
    assert {target for target in targets if target not in sdk()} == set()


def test_references_are_found_at_any_depth_and_the_own_name_is_none() -> None:
    inputs = {
        "bucket": "mine",
        "serverSideEncryptionConfiguration": {"rule": {"kmsKeyId": "key-1"}},
        "loggings": [{"targetBucket": "logs"}, {"targetBucket": "[unknown]"}],
    }
    found = {(one.path, one.identity) for one in references("aws:s3/bucket:Bucket", inputs)}
    assert found == {("serverSideEncryptionConfiguration.rule.kmsKeyId", "key-1"), ("loggings.targetBucket", "logs")}


def test_no_file_of_the_catalogue_holds_what_another_holds_too() -> None:
    package = importlib.import_module("localcloud.catalogue")
    modules = [
        importlib.import_module(f"localcloud.catalogue.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    ]
    tables = [module.KINDS for module in modules if "KINDS" in dict(inspect.getmembers(module))]
    assert sum(map(len, tables)) == len(KINDS)
