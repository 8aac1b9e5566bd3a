"""`mlops usage`: what an estimate assumes of a stack's use, to be read, changed and handed back."""

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

FILE = Path("usage.yaml")


def usage(
    stack: options.Stack = None,
    write: Annotated[bool, typer.Option("--write", help="Write them into a file instead of printing them.")] = False,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="The file that --write writes.")] = FILE,
    as_json: options.Json = False,
) -> None:
    """Show the use that a stack's estimate assumes: every key, what holds for it, and what it means.

    Figures come from the tier, and from the stack file where it says otherwise. What is derived from the others is
    commented out, with what it comes to: uncommented it holds as it is.

    \b
    mlops usage -s prod                  every figure with what it means
    mlops usage -s prod --write          usage.yaml, to be changed
    mlops cost -s prod --usage usage.yaml
    """
    from mlops.cli.commands.cost import estimated

    # Before a plan is made, which does without the figures' docstrings: they are what is shown.
    from mlops.cost.usage import as_yaml, derived_figures

    made = estimated(stack, None, None)[0]
    figures, derived = made.context.usage, derived_figures(made.context)
    text = as_yaml(figures, derived, stack or "")
    if write:
        _write(file, text)
    if as_json:
        ui.print_json({"usage": figures.model_dump(), "derived": derived, "file": str(file) if write else None})
    elif write:
        ui.out().print(f"Wrote {file}. `mlops cost -s {stack} --usage {file}` reckons with it.")
    else:
        ui.out().print(text, markup=False, highlight=False, end="", soft_wrap=True)


def _write(file: Path, text: str) -> None:
    if file.exists():
        raise BadInputError(f"{file} is there already. Name another with --file, or remove it.")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be written: {error}.") from None
