"""What all commands have in common: where they find the settings, and how they answer."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from pipelines.loop import Context, LoopOptions
from pipelines.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def make_context(options: LoopOptions | None = None) -> Context:
    """A context without a run."""
    return Context(Settings.from_environment(), options or LoopOptions(), "none")


def answer(value: object, as_json: bool, text: Callable[[], str]) -> None:
    """Print the answer, and nothing else."""
    typer.echo(TypeAdapter(Any).dump_json(value, indent=1).decode() if as_json else text())
