"""What is written in a stack file: read as Pulumi reads it, refused with its place where it would be passed over."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.settings import PlatformConfig
from mlops import stacks
from mlops.cli.commands.schema import stack_schema
from mlops.core import problems
from mlops.core.problems import SettingsError
from mlops.settings import Settings, resolve
from tests.pulumi_config import PulumiConfig
from tests.test_settings import refusal, settings, stack

HEAD = "config:\n  mlops:tier: dev\n"
MODEL = "serving: {models: [{name: a, storage_uri: artifacts/a,"


def refused(tmp_path: Path, text: str) -> str:
    """The message with which a file is refused."""
    with pytest.raises(SettingsError) as error:
        resolve(stack(tmp_path, text))
    return error.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            f"{HEAD}mlops:platform:\n  network: {{zones: 3}}\n",
            ["line 3, column 1", "mlops:platform has no effect here"],
        ),
        ("config:\nmlops:tier: dev\n", ["line 2, column 1", "Indent it", "below `config:`"]),
        (f"{HEAD}confg: {{}}\n", ["line 3, column 1", 'Did you mean "config"?']),
        ("config:\n  mlpos:tier: dev\n", ["line 2, column 3", "nobody reads mlpos:tier", 'Did you mean "mlops:tier"?']),
        (f"{HEAD}  mlop:platform: {{}}\n", ['Did you mean "mlops:platform"?']),
        (f"{HEAD}  MLOPS:platform: {{}}\n", ['Did you mean "mlops:platform"?']),
        (f"{HEAD}  other:platform: {{}}\n", ['Did you mean "mlops:platform"?']),
        (f"{HEAD}  awss:region: us-east-1\n", ['Did you mean "aws:region"?']),
        (f"{HEAD}  kubernetes:context: x\n", ["kubernetes:context would have no effect"]),
        (f"{HEAD}  aws:profile: x\n", ["line 3, column 3", "aws:profile would have no effect"]),
        (f"{HEAD}  mlops:platform.network.zones: 3\n", ["pulumi config set --path 'mlops:platform.network.zones'"]),
        (f"{HEAD}  tier: prod\n", ["line 3, column 3", "tier says again what mlops:tier says at line 2, column 3"]),
        (f"{HEAD}  mlops:tier: prod\n", ["line 3, column 3", "a second time", "the first is at line 2, column 3"]),
        ("config:\n  mlops:tier: prd\n", ["line 2, column 3", 'mlops:tier is "prd"']),
        ("config: 3\n", ["line 1, column 1", "`config` must be a mapping"]),
        (f"{HEAD}  mlops:platform:\n    account: {{id: {{secure: AAAA}}}}\n", ["line 3, column 3", "encrypted"]),
        (f"{HEAD}  mlops:platform: {{account: {{id: 1}}, account: {{}}}}\n", ["a second time"]),
        (f"{HEAD}  mlops:platform: [1]\n", ["line 3, column 3", "must be a mapping of settings"]),
    ],
)
def test_what_pulumi_would_pass_over_is_refused_with_its_place(text: str, says: list[str], tmp_path: Path) -> None:
    message = refused(tmp_path, text)
    assert message.startswith("Pulumi.test.yaml")
    for words in says:
        assert words in message, message


@pytest.mark.parametrize(
    "text", [f"{HEAD}  mlops:platform:\n", f'{HEAD}  mlops:platform: ""\n', f"{HEAD}  team:x: 1\n"]
)
def test_what_says_nothing_changes_nothing(text: str, tmp_path: Path) -> None:
    assert resolve(stack(tmp_path, text)) == settings(tmp_path, tier_name="dev")


def test_what_pulumi_itself_writes_into_a_stack_file_is_left_alone(tmp_path: Path) -> None:
    own = "secretsprovider: awskms://x\nencryptedkey: x\nencryptionsalt: v1:x\nenvironment: [x]\n"
    assert resolve(stack(tmp_path, f"{own}{HEAD}  pulumi:tags: {{a: b}}\n")).tier == "dev"


def test_each_wrong_setting_is_named_with_its_own_place(tmp_path: Path) -> None:
    text = f"""{HEAD}  mlops:platform:
    network:
      zones: 9
      nat: no
    data_pipeline: {{kind: kafka,
      shards: 3}}
    cluster:
      node_groups:
        gpu: {{instance_types: [m5.large], gpu: true}}
"""
    with pytest.raises(SettingsError) as error:
        resolve(stack(tmp_path, text))
    places = {problem.text.split(" ")[0].rstrip(":"): problem.place for problem in error.value.problems}
    lines = {setting: place.line for setting, place in places.items() if place}
    assert lines["network.zones"] == 5
    assert lines["network.nat"] == 6
    assert lines["data_pipeline.shards"] == 8
    assert all(f"  {problem}" in error.value.message for problem in error.value.problems)


def test_what_two_settings_say_against_each_other_stands_where_the_first_named_one_does(tmp_path: Path) -> None:
    message = refusal(tmp_path, "region: us-west-1\nnetwork: {cidr: 10.0.0.0/16,\n  zones: 3}")
    assert "line 6, column 7: network.zones is 3, but us-west-1 has 2" in message


@pytest.mark.parametrize(
    ("platform", "read"),
    [
        ("account: {id: 123456789012}", lambda s: s.platform.account.id == "123456789012"),
        ("cluster: {version: 1.35}", lambda s: s.platform.cluster.version == "1.35"),
        ("tags: {cost_center: 4711}", lambda s: s.platform.tags.cost_center == "4711"),
        ("tags: {extra: {Shift: 1.5}}", lambda s: s.platform.tags.extra["Shift"] == "1.5"),
        (
            "serving: {models: [{name: a, storage_uri: artifacts/a, cpu: 2}]}",
            lambda s: s.platform.serving.models[0].cpu == "2",
        ),
        (
            "serving: {models: [{name: a, storage_uri: artifacts/a, cpu: 0.5}]}",
            lambda s: s.platform.serving.models[0].cpu == "0.5",
        ),
        ("network: {mode: public, nat: none}", lambda s: s.platform.network.nat == "none"),
    ],
)
def test_a_number_is_taken_where_a_text_is_meant_and_nothing_of_it_is_lost(
    platform: str, read: Any, tmp_path: Path
) -> None:
    """The engine hands over the number alone, so that both ways must lead to the same settings."""
    file = stack(tmp_path, f"{HEAD}  mlops:platform:\n" + "".join(f"    {line}\n" for line in platform.splitlines()))
    handed_over = stacks.StackFile(name=file.name, project=file.project, config=file.config)
    for settled in (resolve(file), resolve(handed_over)):
        assert isinstance(settled, Settings)
        assert read(settled)


@pytest.mark.parametrize(
    ("platform", "says"),
    [
        (
            "cluster: {version: 1.30}",
            'cluster.version is 1.30, which Pulumi hands over as the number 1.3. Put it into quotes: "1.30".',
        ),
        (
            "tags: {cost_center: 1_000}",
            "tags.cost_center is 1_000, which Pulumi hands over as the number 1000. Put it into quotes",
        ),
        ("tags: {cost_center: 0x1F}", "hands over as the number 31"),
        ("tags: {owner: yes, cost_center: true}", 'tags.cost_center is true; a text goes into quotes: "true"'),
        (
            "account: {id: 012345678901}",
            '012345678901 would be the number 12345678901; as a text, write "012345678901"',
        ),
        ("account: {id: 12345678901}", "12 digits"),
        ("tags: {cost_center: 2026-12-31}", 'as a text, write "2026-12-31"'),
    ],
)
def test_a_number_that_has_lost_something_is_refused_with_its_text_in_quotes(
    platform: str, says: str, tmp_path: Path
) -> None:
    assert says in refusal(tmp_path, platform)


@pytest.mark.engine
def test_what_pulumi_config_set_writes_is_taken(tmp_path: Path) -> None:
    """With --path it writes an account id as a number; as measured, one with a leading zero stays a text."""
    pulumi = PulumiConfig(tmp_path)
    pulumi.run("config", "set", "mlops:tier", "dev")
    for path, value in (
        ("account.id", "123456789012"),
        ("cluster.version", "1.35"),
        ("tags.cost_center", "4711"),
        ("network.zones", "3"),
        ("database.multi_az", "true"),
    ):
        pulumi.run("config", "set", "--path", f"mlops:platform.{path}", value)
    assert "id: 123456789012" in pulumi.file.read_text()
    platform = resolve(stacks.read("dev", tmp_path)).platform
    assert (platform.account.id, platform.tags.cost_center, platform.network.zones) == ("123456789012", "4711", 3)
    assert platform.cluster
    assert platform.cluster.version == "1.35"
    assert platform.database
    assert platform.database.multi_az
    pulumi.run("config", "set", "--path", "mlops:platform.account.id", "012345678901")
    assert resolve(stacks.read("dev", tmp_path)).platform.account.id == "012345678901"
    pulumi.run("config", "set", "--path", "--secret", "mlops:platform.tags.owner", "me")
    with pytest.raises(SettingsError, match="encrypted"):
        resolve(stacks.read("dev", tmp_path))


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    schema = stack_schema("mlops")
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(stacks.KEYS)
    names = schema["properties"]["config"]["propertyNames"]["pattern"]
    assert all(re.match(names, key) for key in ("pulumi:tags", "tier", "platform"))
    assert not any(re.match(names, key) for key in ("mlpos:tier", "aws:profile", "teir", "kubernetes:context"))


def test_a_message_explains_although_the_docstrings_were_not_read_at_first() -> None:
    """They are switched off for speed where nothing is wrong; a process of its own, because they are read once."""
    program = """
import json, sys
from mlops.core import documentation
documentation.wanted = False
from components.settings import PlatformConfig
schema = PlatformConfig.model_json_schema()
documentation.describe(schema, PlatformConfig)
print(json.dumps(schema))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    late, early = json.loads(done.stdout), PlatformConfig.model_json_schema()
    described = dict(_descriptions(early, ()))
    assert len(described) > 200
    assert dict(_descriptions(late, ())) | described == dict(_descriptions(late, ()))


def _descriptions(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            yield path, node["description"]
        for key, value in node.items():
            yield from _descriptions(value, (*path, key))


def patterns() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every class, field and schema of a field in the settings tree that has a pattern somewhere within."""
    schema = PlatformConfig.model_json_schema()
    for name, node in {"PlatformConfig": schema, **schema["$defs"]}.items():
        for field, inner in node.get("properties", {}).items():
            if '"pattern"' in json.dumps(inner):
                yield name, field, inner


@pytest.mark.parametrize("given", ["?", "Not This!", "a b", "é", " "])
def test_no_message_is_a_regular_expression(given: str) -> None:
    classes = {one.__name__: one for one in _models(PlatformConfig.__mro__[1])}
    shown = 0
    for name, field, node in patterns():
        for wrong in (given, [given], {given: given}):
            about = [line for line in refusals(classes[name], {field: wrong}) if line.startswith(field)]
            shown += len(about)
            for line in about:
                assert not any(f"{pattern}" in line for pattern in _texts(node, "pattern")), line
                assert "pattern" not in line, line
                assert len(line.split()) > 6, line
    assert shown > 50


def refusals(model: Any, given: dict[str, Any]) -> list[str]:
    """What is said of settings; nothing where they can be used."""
    try:
        TypeAdapter(model).validate_python(given)
    except ValidationError as error:
        return [one.text for one in problems.explain(error, model, given)]
    return []


def _models(kind: type) -> Iterator[type]:
    yield kind
    for one in kind.__subclasses__():
        yield from _models(one)


def _texts(node: Any, key: str) -> list[str]:
    """Every text under a key, at any depth."""
    if isinstance(node, dict):
        own = [node[key]] if isinstance(node.get(key), str) else []
        return own + [text for value in node.values() for text in _texts(value, key)]
    return [text for item in node for text in _texts(item, key)] if isinstance(node, list) else []
