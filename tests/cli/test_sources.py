"""Graphs that others wrote, on the command line: a pipe, a partial preview, the state beside it."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.cost.test_estimate import as_export, as_preview
from tests.platforms import tier_graph

GRAPH = tier_graph("local")


def partial() -> str:
    """A preview without changes, as the CLI writes it unless it is told to show what stays."""
    steps = [{**step, "op": "same"} for step in as_preview(GRAPH)["steps"]]
    return json.dumps({"steps": steps[:1], "changeSummary": {"same": len(steps)}})


def test_a_stack_is_read_from_a_pipe(mlops: Run) -> None:
    answer = mlops("cost", "--graph", "-", "--json", stdin=json.dumps(as_export(GRAPH)))
    assert answer.code == 0, answer.text
    assert answer.json()["lines"]


def test_a_preview_without_changes_is_neither_empty_nor_the_whole(mlops: Run, tmp_path: Path) -> None:
    for command in ("cost", "policy", "capacity", "timeline"):
        answer = mlops(command, "--graph", "-", stdin=partial())
        assert answer.code == 2
        assert "--show-sames" in answer.text
        assert "empty" not in answer.text
    state = tmp_path / "state.json"
    state.write_text(json.dumps(as_export(GRAPH)))
    answer = mlops("cost", "--graph", "-", "--state", str(state), "--json", stdin=partial())
    assert answer.code == 0, answer.text
    assert "those of the state" in answer.err
