"""The view of a stack's secrets."""

from collections.abc import Mapping
from dataclasses import asdict

from mlops.cli import ui
from mlops.plan.graph import Graph
from mlops.plan.secrets import State, compliance, secrets

_SAID: Mapping[State, str] = {
    "rotates": "yes",
    "never": "cannot",
    "off": "no",
    "given": "by others",
    "unexplained": "no",
}


def show(graph: Graph, *, as_json: bool) -> None:
    """Each secret, and the share that is replaced by itself."""
    found = secrets(graph)
    figures = compliance(found)
    if as_json:
        ui.print_json({"secrets": [asdict(one) for one in found], **asdict(figures), "percent": figures.percent})
        return
    if not found:
        ui.out().print("This stack has no secret.")
        return
    rows = [(one.module or "-", one.name, one.where, _SAID[one.state], one.words or "nobody has said") for one in found]
    ui.out().print(ui.table("Secrets", "Module", "Secret", "Kept in", "Rotates", "How, or why not", rows=rows))
    ui.note(
        f"Rotation: {figures.rotate} of {figures.able} that can, {figures.percent}%. "
        f"{figures.explained} of {figures.all} rotate or say why not."
    )
