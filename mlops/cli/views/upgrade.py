"""The view of the way to newer versions."""

from collections.abc import Sequence

from mlops.change.report import because, shown
from mlops.cli import ui
from mlops.cli.options import Target
from mlops.lifecycle.upgrade import Raise, Stage
from mlops.stacks import project_name

RESOURCES_SHOWN = 4


def show(target: Target, raises: Sequence[Raise]) -> None:
    """Each raise with its steps, in the order in which they are done."""
    console = ui.out()
    for number, one in enumerate(raises, 1):
        console.print(
            f"[bold]{number}. {one.what} {one.before} → {one.after}[/] · {one.state.value} · about "
            f"{ui.clock(one.typical_seconds)}, {ui.counted(len(one.replaced), 'resource')} replaced"
        )
        for words in one.held_by:
            console.print(f"   First: {words}. Raise it, or stay on {one.before}.", markup=False)
        console.print(f"   {one.setting.beforehand}.", markup=False)
        console.print(_table(one.stages))
        console.print(f"   {one.setting.afterwards}. To do it:", markup=False)
        for path, value in {one.setting.path: one.after, **one.setting.also}.items():
            told = str(value).lower() if isinstance(value, bool) else value
            words = f"pulumi config set -s {target.stack} --path '{project_name(target.root)}:platform.{path}' {told}"
            console.print(f"     {words}", markup=False)
        console.print(f"     mlops diff -s {target.stack} --base HEAD && mlops up -s {target.stack}", markup=False)
        console.print()
    ui.note("Times of updates are from memory or derived, not measured; a step takes as long as its longest change.")


def _table(stages: Sequence[Stage]) -> object:
    rows = [
        (stage.title, _resources(stage), _what(stage), ui.clock(stage.seconds.typical), stage.seconds.basis)
        for stage in stages
    ]
    return ui.table("", "Step", "Resources", "What happens", ("Takes", "right"), "Known from", rows=rows)


def _resources(stage: Stage) -> str:
    names = [change.node.name for change in stage.changes]
    more = len(names) - RESOURCES_SHOWN
    return ", ".join(names[:RESOURCES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _what(stage: Stage) -> str:
    """The kinds of change, and the first one's reason."""
    kinds = ", ".join(dict.fromkeys(change.kind.value for change in stage.changes))
    reason = next(iter(because(stage.changes[0])), "")
    return f"{kinds}: {shown(reason)}" if reason else kinds
