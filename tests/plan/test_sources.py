"""Graphs from files: what a deployed stack exported, what a preview foresaw."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from mlops.plan.graph import Graph
from mlops.plan.sources import SourceError, read, source
from tests.cost.stacks import resource, stack
from tests.cost.test_estimate import as_export, as_preview

GRAPH = stack(resource("aws:kms/key:Key", "key"))


def keys(graph: Graph) -> list[str]:
    return [node.name for node in graph.of_type("aws:kms/key:Key")]


def written(folder: Path, content: Any, name: str = "stack.json") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize("content", [as_export(GRAPH), as_preview(GRAPH), GRAPH.to_json()])
def test_an_export_a_preview_and_a_plan_are_told_apart_by_themselves(tmp_path: Path, content: Any) -> None:
    graph = read(written(tmp_path, content))
    assert [node.name for node in graph.of_type("aws:kms/key:Key")] == ["key"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({**as_export(GRAPH), "version": 5}, "a stack export of version 5; versions 3 and 4 are what Pulumi 3 writes"),
        ({"steps": [], "diagnostics": [{"severity": "error", "message": "no such key"}]}, "failed.*no such key"),
        ("", "is empty"),
        ('{"sequence": 0}\n{"sequence": 1}', "a stream of events"),
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_a_shell_or_an_archive_made_of_the_bytes_is_no_matter(tmp_path: Path, encoding: str, packed: bool) -> None:
    data = json.dumps(as_export(GRAPH)).encode(encoding)
    file = tmp_path / "export.json"
    file.write_bytes(gzip.compress(data) if packed else data)
    assert read(file) == read(written(tmp_path, as_export(GRAPH)))


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (b"PK\x03\x04", "a zip archive. Unpack it first"),
        (b"\x1f\x8bbroken", "cannot be read"),
        (b"\xff\xd8\xff", "cannot be"),
    ],
)
def test_bytes_that_nobody_reads_are_refused_with_what_to_do(tmp_path: Path, start: bytes, sentence: str) -> None:
    file = tmp_path / "export.json"
    file.write_bytes(start)
    with pytest.raises(SourceError, match=sentence):
        read(file)


def test_a_stack_comes_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.dumps(as_preview(GRAPH)).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert keys(read(Path("-"))) == ["key"]


def test_an_export_with_features_is_read_and_what_is_not_known_of_them_is_named(tmp_path: Path) -> None:
    content = as_export(GRAPH)
    content["deployment"]["resources"][1]["taint"] = True
    view = {"urn": "urn:pulumi:s::p::x:y:Z::view", "type": "x:y:Z", "viewOf": "urn:of:another"}
    content["deployment"]["resources"].append(view)
    content |= {"version": 4, "features": ["taint", "views", "something-new"]}
    found = source(written(tmp_path, content))
    assert [node.name for node in found.graph if node.tainted] == ["aws"]
    assert len(found.remarks) == 2
    assert "something-new" in found.remarks[1]


def test_an_interrupted_update_is_said(tmp_path: Path) -> None:
    content = as_export(GRAPH)
    content["deployment"]["pending_operations"] = [{"type": "creating"}]
    assert "pulumi refresh" in source(written(tmp_path, content)).remarks[0]


def test_a_checkpoint_of_a_file_backend_is_an_export(tmp_path: Path) -> None:
    latest = as_export(GRAPH)["deployment"]
    found = read(written(tmp_path, {"version": 3, "checkpoint": {"stack": "qa", "latest": latest}}))
    assert keys(found) == ["key"]


TWO = stack(resource("aws:kms/key:Key", "key"), resource("aws:kms/key:Key", "other"))


def partial(*changed: str) -> dict[str, Any]:
    """A preview that shows only what changes, as the CLI writes it unless it is told otherwise."""
    steps = [
        {**step, "op": "update" if step["urn"].rpartition("::")[2] in changed else "same"}
        for step in as_preview(TWO)["steps"]
    ]
    shown = [step for step in steps if step["op"] == "update" or "Stack" in step["urn"]]
    return {"steps": shown, "changeSummary": {"same": len(steps) - len(changed), "update": len(changed)}}


@pytest.mark.parametrize("changed", [(), ("key",)])
def test_a_preview_that_leaves_out_what_stays_is_not_taken_for_the_whole(
    tmp_path: Path, changed: tuple[str, ...]
) -> None:
    with pytest.raises(SourceError, match="--show-sames"):
        read(written(tmp_path, partial(*changed)))


def test_a_partial_preview_is_completed_by_the_state_of_its_stack(tmp_path: Path) -> None:
    state = written(tmp_path, as_export(TWO), "state.json")
    found = source(written(tmp_path, partial("key")), state)
    assert keys(found.graph) == ["key", "other"]
    assert "those of the state" in found.remarks[0]
    foreign = json.loads(json.dumps(as_export(TWO)).replace(f"urn:pulumi:{TWO.stack}::", "urn:pulumi:elsewhere::"))
    with pytest.raises(SourceError, match=r"do not belong together.*elsewhere"):
        source(written(tmp_path, partial("key")), written(tmp_path, foreign, "foreign.json"))


def test_a_state_beside_what_is_no_preview_is_refused(tmp_path: Path) -> None:
    state = written(tmp_path, as_export(TWO), "state.json")
    with pytest.raises(SourceError, match="is no preview"):
        source(state, state)


def test_what_a_preview_deletes_after_refreshing_it_is_gone(tmp_path: Path) -> None:
    whole = as_preview(TWO)
    steps = [{**step, "op": "refresh"} for step in whole["steps"]]
    gone = next(step["urn"] for step in steps if step["urn"].endswith("other"))
    content = {
        "steps": [*steps, {"urn": gone, "op": "delete", "oldState": {}}],
        "changeSummary": {"same": 2, "delete": 1},
    }
    assert keys(read(written(tmp_path, content))) == ["key"]
