"""Graphs from files: what a deployed stack exported, what a preview foresaw."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlops.plan.sources import SourceError, read
from tests.cost.stacks import resource, stack
from tests.cost.test_estimate import as_export, as_preview

GRAPH = stack(resource("aws:kms/key:Key", "key"))


def written(folder: Path, content: Any) -> Path:
    file = folder / "stack.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize("content", [as_export(GRAPH), as_preview(GRAPH), GRAPH.to_json()])
def test_an_export_a_preview_and_a_plan_are_told_apart_by_themselves(tmp_path: Path, content: Any) -> None:
    graph = read(written(tmp_path, content))
    assert [node.name for node in graph.of_type("aws:kms/key:Key")] == ["key"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({**as_export(GRAPH), "version": 4}, "a stack export of version 4; version 3 is what Pulumi 3 writes"),
        ("{", "is not JSON"),
        ("[]", "holds no stack"),
        ({"something": "else"}, "neither a stack export"),
        ({"version": 3, "deployment": {"resources": []}}, "the stack is empty"),
        ({"version": 3, "deployment": {"resources": [{"type": "x"}]}}, "the stack is empty"),
        ({"version": 3, "deployment": None}, "cannot be read"),
        ({"nodes": [{"urn": "x"}]}, "a resource in it cannot be read"),
    ],
)
def test_a_file_that_holds_no_stack_is_refused_with_the_reason(tmp_path: Path, content: Any, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        read(written(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read(tmp_path / "nowhere.json")
