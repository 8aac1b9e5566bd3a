"""`mlops upgrade-plan`: the way to newer versions, step by step."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.lifecycle.support import Row
    from mlops.lifecycle.upgrade import Raise, Setting


def upgrade_plan(
    stack: options.Stack = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="SETTING", help="Only this setting: cluster.version."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the ordered way of a stack to newer versions: what is raised, what that replaces, how long it takes.

    Each version that the stack file can raise goes one legal step up, in an
    update of its own: Kubernetes by one minor version, control plane first, then
    add-ons, nodes and charts; then the database, then the brokers. The steps are
    what the program itself would change: planned with the new version, compared
    with the plan as it is. Nothing is written.

    \b
    mlops upgrade-plan -s prod
    mlops upgrade-plan -s prod --only cluster.version
    mlops upgrade-plan -s prod --json
    """
    from mlops.cli import ui
    from mlops.cli.commands.versions import found_in
    from mlops.lifecycle.upgrade import SETTINGS, wanted

    paths = [setting.path for setting in SETTINGS.values()]
    if only is not None and only not in paths:
        raise BadInputError(f"--only {only}: no such version can be raised. Allowed: {', '.join(paths)}.")
    target = options.target(stack)
    chosen = [(row, setting) for row, setting in wanted(found_in(target)) if only in (None, setting.path)]
    raises = _raises(target, chosen)
    if as_json:
        ui.print_json({"stack": target.stack, "raises": [_document(one) for one in raises]})
    elif not raises:
        ui.out().print(f"{target.stack} pins no version that a stack file can raise and that has a next one.")
    else:
        from mlops.cli.views import upgrade

        upgrade.show(target, raises)


def _raises(target: options.Target, chosen: "list[tuple[Row, Setting]]") -> "list[Raise]":
    """Each raise on top of those before it, as the stack would be by then."""
    from mlops import stacks
    from mlops.change.classify import classify
    from mlops.choice.trials import record_stack
    from mlops.cli import ui
    from mlops.cli.planning import planned
    from mlops.lifecycle.upgrade import Raise, raised, stages

    graph, file = planned(target).graph, stacks.read(target.stack, target.root)
    made = []
    for row, setting in chosen:
        file = raised(file, {setting.path: row.next, **setting.also})
        with ui.err().status(f"Planning {target.stack} with {setting.path} {row.next} …"):
            after = record_stack(file, target.root).graph
        made.append(
            Raise(
                setting=setting,
                what=row.pinned.what,
                before=row.pinned.cycle.name if row.pinned.cycle else row.pinned.version,
                after=row.next,
                state=row.state,
                held_by=row.held_by,
                stages=stages(classify(graph, after, deployed=True)),
            )
        )
        graph = after
    return made


def _document(one: "Raise") -> dict[str, Any]:
    return {
        "setting": one.setting.path,
        "what": one.what,
        "before": one.before,
        "after": one.after,
        "state": one.state.value,
        "held_by": list(one.held_by),
        "beforehand": one.setting.beforehand,
        "afterwards": one.setting.afterwards,
        "typical_seconds": one.typical_seconds,
        "stages": [
            {
                "title": stage.title,
                "typical_seconds": stage.seconds.typical,
                "basis": stage.seconds.basis,
                "changes": [
                    {"resource": change.node.name, "type": change.node.type, "change": change.kind.value}
                    for change in stage.changes
                ],
            }
            for stage in one.stages
        ],
    }
