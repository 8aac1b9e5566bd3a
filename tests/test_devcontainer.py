"""The devcontainer opens the project ready to run: what it calls is there, and its Python is one that both
environments take."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
CONTAINER: dict[str, Any] = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": TEXT,
        "image": TEXT,
        "features": {"type": "object"},
        "hostRequirements": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "cpus": {"type": "integer", "minimum": 1},
                "memory": {"type": "string", "pattern": "^\\d+([tgmk]b)?$"},
                "storage": {"type": "string", "pattern": "^\\d+([tgmk]b)?$"},
                "gpu": {},
            },
        },
        "postCreateCommand": {"type": ["string", "array", "object"]},
        "customizations": {"type": "object"},
    },
}
"""Of the properties that are used here. Source: devcontainers/spec, schemas/devContainer.base.schema.json."""


def test_it_is_one_that_the_specification_takes() -> None:
    jsonschema.validate(CONTAINER, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CONTAINER, "postCreateComand": "make"}, SCHEMA)


def test_what_it_calls_when_it_is_made_prepares_both_environments() -> None:
    make, *targets = CONTAINER["postCreateCommand"].split()
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert make == "make"
    assert set(targets) == {"setup", "services"}
    assert set(targets) <= known


@pytest.mark.parametrize("project", [".", "services"])
def test_its_python_is_one_that_the_environments_take(project: str) -> None:
    found = re.search(r"python:(\d+\.\d+)-", CONTAINER["image"])
    assert found
    wanted = tomllib.loads((ROOT / project / "pyproject.toml").read_text())["project"]["requires-python"]
    assert SpecifierSet(wanted).contains(found[1])
