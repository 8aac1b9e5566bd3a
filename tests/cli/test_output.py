"""What the commands print for machines, and into a pipe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from jsonschema import Draft202012Validator

from mlops.cli import ui
from mlops.cli.app import app
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "output.schema.json").read_text())
PRINTED = {
    "plan": ("plan", "-s", "dev"),
    "plan-against": ("plan", "-s", "prod", "--against", "dev"),
    "access-flows": ("access", "-s", "dev", "--flows"),
    "access": ("access", "-s", "dev"),
    "secrets": ("secrets", "-s", "dev"),
    "validate": ("validate",),
    "cost": ("cost", "-s", "prod", "--against", "dev"),
    "cost-bill": ("cost", "--bill", "dev"),
    "cost-why": ("cost", "-s", "dev", "--why", "NAT"),
    "usage": ("usage", "-s", "dev"),
    "policy": ("policy", "-s", "dev"),
    "policy-rules": ("policy", "--rules"),
    "policy-rule": ("policy", "--rule", "k8s-pdb"),
    "policy-coverage": ("policy", "--coverage", "-s", "dev"),
    "evidence": ("evidence", "-s", "dev", "--framework", "soc2"),
    "capacity": ("capacity", "-s", "dev"),
    "versions": ("versions", "-s", "dev"),
    "upgrade-plan": ("upgrade-plan", "-s", "dev"),
    "timeline": ("timeline", "-s", "dev", "--teardown"),
    "prices": ("prices",),
    "prices-list": ("prices", "list", "nat"),
    "presets": ("presets",),
    "compare": ("compare", "data_pipeline", "kafka,kinesis", "--tier", "dev"),
    "modules": ("modules",),
    "doctor": ("doctor",),
    "init": ("init", "--stack", "qa", "--tier", "dev"),
    "schema": ("schema", "--write"),
    "local-status": ("local", "status"),
    "local-stop": ("local", "stop"),
    "destroy": ("destroy", "-s", "local", "--yes"),
    "error": ("plan", "-s", "nope"),
}
ELSEWHERE = {
    "diff",
    "local-adopt",
    "local-logs",
    "local-restart",
    "local-run-loop",
    "new-module",
    "prices-refresh",
    "rehearse",
    "rehearse-fault",
    "render",
    "rightsize",
    "up",
}
"""Documents that need a repository, an engine, a usage export or the services to be printed."""
SHARED = {"problem", "node", "finding", "rule", "operation", "part", "services"}


def conforms(document: Any, name: str) -> None:
    """A document is what `docs/output.schema.json` says of it."""
    one = {**{key: SCHEMA[key] for key in ("$schema", "type", "required", "properties", "$defs")}}
    Draft202012Validator({**one, "$ref": f"#/$defs/{name}"}).validate(document)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words; a group that does something by itself is one."""
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None or command.invoke_without_command:
            yield (*path, name), command
        if inner:
            yield from commands(command, (*path, name))


EVERY = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_speaks_to_machines_and_says_what(words: tuple[str, ...]) -> None:
    options = [option for parameter in EVERY[words].params for option in parameter.opts]
    assert "--json" in options
    assert "-".join(words) in SCHEMA["$defs"]


def test_every_definition_is_of_a_document_that_some_test_prints() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == ui.JSON_VERSION
    assert set(SCHEMA["$defs"]) == PRINTED.keys() | ELSEWHERE | SHARED


def test_whatever_is_printed_elsewhere_is_held_to_its_schema_there() -> None:
    told = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in ELSEWHERE if f', "{name}")' not in told] == []


@pytest.mark.parametrize("name", PRINTED)
def test_what_a_command_prints_is_what_its_schema_says(mlops: Run, name: str) -> None:
    answer = mlops(*PRINTED[name], "--json")
    conforms(answer.json(), name)
    if name != "error":
        assert "error" not in answer.json()


def names_of(document: Any, key: str) -> set[str]:
    """Every text under a key, at any depth."""
    if isinstance(document, dict):
        own = {document[key]} if isinstance(document.get(key), str) else set[str]()
        return own.union(*(names_of(value, key) for value in document.values()))
    return set[str]().union(*(names_of(value, key) for value in document)) if isinstance(document, list) else set()


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("access", "-s", "prod", "--actions"), "resource"),
        (("policy", "-s", "prod"), "fix"),
        (("policy", "--rules"), "condition"),
        (("policy", "--coverage"), "type"),
        (("modules",), "not_for"),
        (("modules", "serving"), "description"),
        (("cost", "-s", "prod"), "label"),
        (("prices", "list", "a"), "sku"),
        (("timeline", "-s", "prod", "--teardown"), "advice"),
    ],
)
def test_in_a_pipe_no_line_is_broken_and_nothing_is_coloured(mlops: Run, command: tuple[str, ...], key: str) -> None:
    """However narrow the window is said to be, and whatever asks for colours."""
    wanted = names_of(mlops(*command, "--json").json(), key)
    answer = mlops(*command, COLUMNS="40", FORCE_COLOR="1", CLICOLOR_FORCE="1", TERM="xterm-256color")
    lines = answer.out.splitlines()
    whole = [name for name in wanted if any(name in line for line in lines)]
    assert wanted
    shown = {name for name in wanted if any(word in answer.out for word in name.split(" ")[:1])}
    assert len(whole) == len(shown), sorted(shown - set(whole))[:3]
    assert "\x1b" not in answer.out + answer.err
    assert not any(line.endswith(" ") for line in lines)


def test_help_in_a_pipe_is_not_coloured_either(mlops: Run) -> None:
    answer = mlops("plan", "--help", FORCE_COLOR="1", GITHUB_ACTIONS="true", COLUMNS="40")
    assert "\x1b" not in answer.out
    assert "--against" in answer.out
