"""From a stack's name to its plan: from the cache where nothing changed, else by recording the program."""

import runpy
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.cli.options import Target
from mlops.core import documentation
from mlops.plan import cache
from mlops.plan.graph import Graph
from mlops.plan.plan import Plan

if TYPE_CHECKING:
    from mlops.stacks import StackFile


def planned(target: Target) -> Plan:
    """The plan of a stack.

    Raises:
        SettingsError: its settings cannot be used.
        RecordError: the program registers what an engine would refuse.
    """
    entry = cache.load(target.root, target.stack)
    if entry is not None:
        # A damaged entry is no more than one that is missing.
        with suppress(KeyError, TypeError, AttributeError):
            return Plan.from_json(entry)
    with ui.err().status(f"Planning {target.stack} …"):
        plan = _record(target)
    cache.store(target.root, target.stack, plan.to_json())
    return plan


def graph_in(file: Path) -> Graph:
    """The graph in a file: a stack export, a preview's JSON, or a plan's.

    Raises:
        BadInputError: it cannot be read, or is none of these.
    """
    from mlops.plan.sources import SourceError, read

    try:
        return read(file)
    except SourceError as error:
        raise BadInputError(str(error)) from None


def program(root: Path) -> Callable[[], object]:
    """The project's `__main__.py`, to be run."""

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    return run


def record_stack(stack: "StackFile", root: Path) -> Plan:
    """The plan of a stack as its file, or something in its place, describes it.

    Raises:
        SettingsError: its settings cannot be used.
        RecordError: the program registers what an engine would refuse.
    """
    from mlops import settings
    from mlops.plan.choices import choices

    # Bad input ends before the SDKs are loaded, which is most of a plan's time.
    resolved = settings.resolve(stack)
    from mlops.plan.recorder import record

    graph = record(
        program(root),
        project=stack.project,
        stack=stack.name,
        config=stack.config,
        secret_keys=stack.secret_keys,
    )
    return Plan(tier=resolved.tier, choices=choices(resolved.platform, settings.override(stack)), graph=graph)


def _record(target: Target) -> Plan:
    documentation.wanted = False
    from mlops import stacks

    return record_stack(stacks.read(target.stack, target.root), target.root)
