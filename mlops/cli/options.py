"""Options that several commands share, and what they resolve to: the project's folder and one of its stacks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.errors import BadInputError

PROJECT_FILE = "Pulumi.yaml"
LOCAL_STACK = "local"
"""The stack that is always run on this machine, as every stack of a tier for it is; any other is with `--here`."""


def stack_names(root: Path) -> tuple[str, ...]:
    """The stacks that have a file. Reads names only, so that it is quick enough for completion."""
    return tuple(sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml")))


def _complete(incomplete: str) -> list[str]:
    root = _root_or_none()
    return [name for name in (stack_names(root) if root else ()) if name.startswith(incomplete)]


Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        "-s",
        envvar="PULUMI_STACK",
        help="Stack to work on: [bold]dev[/] is Pulumi.dev.yaml.",
        autocompletion=_complete,
        metavar="STACK",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
State = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="FILE", help="Beside a preview in --graph: the stack's export, with what it leaves out."
    ),
]
Here = Annotated[bool, typer.Option("--here", help="On the stand-in cloud of this machine.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Target:
    """One stack of one project."""

    root: Path
    """The folder with Pulumi.yaml."""
    stack: str
    """Name of the stack's file."""
    given: str
    """As the user wrote it, perhaps with organisation and project before the name."""

    @property
    def file(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"


def target(stack: str | None) -> Target:
    """The stack that a command works on.

    Raises:
        BadInputError: no project here, or no stack was named.
    """
    root = project_root()
    if not stack:
        names = ", ".join(stack_names(root)) or "none yet; make one with `mlops init --stack dev`"
        raise BadInputError(f"Which stack? Name it with -s, or set PULUMI_STACK. Stacks here: {names}.")
    return Target(root=root, stack=stack.rpartition("/")[2], given=stack)


def belongs_here(chosen: Target) -> bool:
    """Whether a stack is one of this machine by itself: by its tier, or by its name.

    Raises:
        SettingsError: it has no file, or one that cannot be read.
    """
    from mlops import stacks
    from mlops.tiers import ON_THIS_MACHINE

    file = stacks.read(chosen.stack, chosen.root)
    return chosen.stack == LOCAL_STACK or file.config.get(f"{file.project}:tier") in ON_THIS_MACHINE


def is_local(chosen: Target, *, here: bool) -> bool:
    """Whether a stack is run on this machine."""
    return here or belongs_here(chosen)


def project_root() -> Path:
    """The nearest folder, from the current one upwards, that holds a Pulumi project.

    Raises:
        BadInputError: there is none.
    """
    root = _root_or_none()
    if root is None:
        raise BadInputError(f"There is no {PROJECT_FILE} in {Path.cwd()} or above it. Go to the project's folder.")
    return root


def _root_or_none() -> Path | None:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / PROJECT_FILE).is_file()), None)
