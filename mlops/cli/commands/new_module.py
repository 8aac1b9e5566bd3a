"""`mlops new-module`: the file of a new variant, whole enough to pass every check on its first day."""

import inspect
import keyword
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.choice.catalogue import Slot

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new_module(
    slot: Annotated[str, typer.Argument(help="The slot it fills; `mlops modules` lists them.")],
    name: Annotated[str, typer.Argument(help="Its kind, in lower case: redpanda.")],
    as_json: options.Json = False,
) -> None:
    """Write the file of a new variant of a slot.

    Nothing else has to be touched: it is found by lying there. The file passes
    ruff, basedpyright and the conformance test as it is: it makes a log group, and
    publishes addresses that the stack file gives. From there, make its
    resources and publish their outputs.

    \b
    mlops new-module data_pipeline redpanda
    mlops modules data_pipeline redpanda   it is in the catalogue at once
    """
    from mlops.choice.catalogue import slots

    every = {one.name: one for one in slots()}
    if slot not in every:
        raise BadInputError(f'There is no slot "{slot}". Slots: {", ".join(every)}.')
    if not NAME.fullmatch(name):
        raise BadInputError(f'"{name}" cannot name a module: lower case letters, digits, underscores, a letter first.')
    path = _folder(every[slot]) / f"{name}{'_' if keyword.iskeyword(name) else ''}.py"
    kind = name.replace("_", "-")
    if path.exists() or kind in every[slot].kinds:
        raise BadInputError(f"{slot} has a variant {kind} already: {path}. Nothing was written.")
    _write(path, every[slot], name)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    if as_json:
        ui.print_json({"slot": slot, "kind": kind, "file": str(shown)})
        return
    console = ui.out()
    console.print(f"[green]✓[/] Wrote {shown}. It is a variant of {slot} from now on: kind {kind}.")
    console.print(
        "Next:\n"
        f"  mlops modules {slot} {kind}\n"
        "  mlops schema --write\n"
        f"  .venv/bin/pytest tests/test_conformance.py -k {kind}\n"
        "  CONTRIBUTING.md, from there to a merged module",
        markup=False,
    )


def _folder(slot: "Slot") -> Path:
    return Path(inspect.getfile(slot.config)).parent


def _write(path: Path, slot: "Slot", name: str) -> None:
    from mlops.cli.scaffold import source

    path.write_text(source(slot, name), encoding="utf-8")
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff:
        # How lines break depends on the names in them; the formatter knows best.
        subprocess.run([ruff, "check", "--quiet", "--fix", path], check=False, stdout=subprocess.DEVNULL)
        subprocess.run([ruff, "format", "--quiet", path], check=False)
