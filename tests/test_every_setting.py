"""A walk over every setting that a stack file can hold: AWS and Kubernetes bound all of them, so must we.

A setting that fails here lacks its type: take one of `mlops/core/fields`, or give a number its bounds.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from components.settings import PlatformConfig
from mlops.core.fields import Form
from mlops.core.module import SlotConfig, variants
from tests.test_conformance import models

LISTED: Mapping[str, str] = dict.fromkeys(
    (
        "compute.jobs[].arguments",
        "stream_processing.jobs[].args",
        "training.jobs[].arguments",
        "workloads.containers[].command",
        "workloads.containers[].health_command",
    ),
    "a command may say a word twice",
)
"""Settings that need no bound, each with the reason."""

Schema = Mapping[str, Any]


@cache
def _schema() -> Schema:
    return PlatformConfig.model_json_schema()


def leaves(node: Schema, path: str = "", seen: tuple[str, ...] = ()) -> Iterator[tuple[str, Schema]]:
    """Every part of the schema that is no mere reference, with the path by which a stack file reaches it."""
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        if name not in seen:
            yield from leaves(_schema()["$defs"][name], path, (*seen, name))
        return
    choices = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    if choices:
        for choice in choices:
            yield from leaves(choice, path, seen)
        return
    yield path, node
    for key, child in node.get("properties", {}).items():
        yield from leaves(child, f"{path}.{key}".lstrip("."), seen)
    if "items" in node:
        yield from leaves(node["items"], f"{path}[]", seen)
    for child in (*node.get("patternProperties", {}).values(), node.get("additionalProperties")):
        if isinstance(child, Mapping):
            yield from leaves(child, f"{path}.*", seen)


ALL = sorted(dict(leaves(_schema())).items())


def test_the_walk_reaches_the_settings_of_every_part() -> None:
    paths = {path for path, _ in ALL}
    assert {
        "tags.extra",
        "cluster.node_groups.*.taints[].key",
        "data_pipeline.brokers.topics.*.partitions",
        "ml_platform.auth.groups[]",
        "serving.models[].storage_uri",
        "usage.requests.kms",
        "budget.teams.*",
        "account_baseline.alarm_emails[]",
    } <= paths
    assert len(paths) > 250


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        ("string", {"pattern", "enum", "const"}),
        ("array", {"uniqueItems"}),
        ("array", {"maxItems"}),
        ("integer", {"maximum", "exclusiveMaximum", "enum"}),
        ("integer", {"minimum", "exclusiveMinimum", "enum"}),
        ("number", {"maximum", "exclusiveMaximum"}),
        ("number", {"minimum", "exclusiveMinimum"}),
    ],
)
def test_every_setting_says_what_it_takes(kind: str, needs: set[str]) -> None:
    open_ones = [path for path, node in ALL if node.get("type") == kind and not needs & node.keys()]
    assert [path for path in open_ones if path not in LISTED] == [], f"a {kind} needs one of {sorted(needs)}"


def test_every_mapping_says_what_its_keys_are_and_how_many_it_holds() -> None:
    mappings = {
        path: node
        for path, node in ALL
        if node.get("type") == "object" and "properties" not in node and node.get("additionalProperties") is not False
    }
    assert len(mappings) > 5
    for path, node in mappings.items():
        assert "patternProperties" in node or "propertyNames" in node, f"{path} takes any key"
        assert "maxProperties" in node or "enum" in node.get("propertyNames", {}), f"{path} takes any number of entries"


def test_what_is_listed_is_still_there() -> None:
    assert LISTED.keys() <= {path for path, _ in ALL}


def _types(annotation: Any) -> Iterator[Any]:
    """An annotation and all that it mentions."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _types(part)


def _models() -> Iterator[type[BaseModel]]:
    """Every settings model, those of the slots' variants included."""
    for model in models(PlatformConfig):
        yield model
        if isinstance(model, type) and issubclass(model, SlotConfig):
            for variant in variants(model):
                yield from models(variant)


FIELDS = sorted(
    {(model, name) for model in _models() for name in model.model_fields},
    key=lambda pair: (pair[0].__name__, pair[1]),
)


def _marks(model: type[BaseModel], name: str, kind: type) -> Iterator[tuple[Any, Any]]:
    """Types within a field that carry a mark, with the mark."""
    field = model.model_fields[name]
    for mark in field.metadata:
        if isinstance(mark, kind):
            yield field.annotation, mark
    for annotation in _types(field.annotation):
        for mark in getattr(annotation, "__metadata__", ()):
            if isinstance(mark, kind):
                yield annotation.__origin__, mark


FORMS = sorted(
    {(mark.says, mark) for model, name in FIELDS for _, mark in _marks(model, name, Form)}, key=lambda pair: pair[0]
)


@pytest.mark.parametrize("form", [mark for _, mark in FORMS], ids=[says[:60] for says, _ in FORMS])
def test_no_text_takes_what_breaks_manifests_arguments_or_policies(form: Form) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, form])
    hostile = ("\n", "a\nb", "a\x00b", "a\tb", "${x}", "a*b", "a?b", '"', "a\u2028b", "x" * (form.most + 1), " a", "a ")
    for text in (*hostile, "é" * (form.most + 1), "{{ x }}"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_true_is_taken_by_switches_alone() -> None:
    for model, name in FIELDS:
        if bool not in set(_types(model.model_fields[name].annotation)):
            with pytest.raises(ValidationError) as error:
                model.model_validate({name: True})
            assert any(problem["loc"][:1] == (name,) for problem in error.value.errors()), f"{name} takes true"


def test_no_number_takes_what_is_none() -> None:
    numbers = [
        (model, name) for model, name in FIELDS if {int, float} & set(_types(model.model_fields[name].annotation))
    ]
    assert len(numbers) > 100
    for model, name in numbers:
        for value in (float("nan"), float("inf"), -float("inf"), 10**19):
            with pytest.raises(ValidationError) as error:
                model.model_validate({name: value})
            if "dict" not in str(model.model_fields[name].annotation):
                assert any(problem["loc"][:1] == (name,) for problem in error.value.errors()), f"{name} takes {value}"
