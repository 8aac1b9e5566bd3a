"""From a stack's name to its plan: from the cache where nothing changed, else by recording the program."""

from contextlib import suppress
from pathlib import Path

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.cli.options import PROJECT_FILE, Target
from mlops.core import documentation
from mlops.plan import cache
from mlops.plan.graph import Graph
from mlops.plan.plan import Plan


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


def graph_in(file: Path, state: Path | None = None) -> Graph:
    """The graph in a file, `-` for standard input: a stack export, a preview's JSON, or a plan's.

    Args:
        state: an export of the preview's stack, for the resources that the preview leaves out.

    Raises:
        BadInputError: it cannot be read, is none of these, or is not whole.
    """
    from mlops.plan.sources import SourceError, source

    try:
        found = source(file, state)
    except SourceError as error:
        raise BadInputError(str(error)) from None
    for remark in found.remarks:
        ui.note(remark)
    return found.graph


def tier_of(graph: Graph) -> str:
    """The tier of the stack in a file: as the graph tells it, else as the stack's own file here does; empty where
    neither is known."""
    from mlops import stacks
    from mlops.tiers import TIERS

    tier = graph.tier
    root = Path.cwd()
    if not tier and (root / PROJECT_FILE).is_file() and stacks.project_name(root) == graph.project:
        own = graph.stack in stacks.names(root)
        tier = stacks.read(graph.stack, root).config.get(f"{graph.project}:tier", "") if own else ""
    return tier if tier in TIERS else ""


def _record(target: Target) -> Plan:
    documentation.wanted = False
    from mlops import stacks
    from mlops.choice.trials import record_stack

    return record_stack(stacks.read(target.stack, target.root), target.root)
