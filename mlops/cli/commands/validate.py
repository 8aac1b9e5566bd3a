"""`mlops validate`: whether stack files describe a platform, and everything that is wrong if not."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError
from mlops.core import documentation


def validate(
    stack: options.Stack = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="STACK", help="Also whether these settings can become the stack's."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check stack files against their tier, the catalogue and AWS's limits.

    Everything that is wrong is said at once: what was given, what is allowed,
    why, what to do. Without -s, all stack files are checked. No pulumi, no
    account, no network. Exit code 2 when something is wrong.

    With --from, also what AWS would refuse on the way from another stack's
    settings, although both are valid: a database that goes back a version, a
    network that moves.

    \b
    mlops validate -s prod
    mlops validate -s prod --from dev
    mlops validate --json
    """
    names = [options.target(stack).stack] if stack else list(options.stack_names(options.project_root()))
    if not names:
        raise BadInputError("There is no stack file here yet. Make one with `mlops init --stack dev`.")
    if start and not stack:
        raise BadInputError("--from says where one stack comes from; name that stack with -s.")
    results = [_checked(name, options.project_root()) for name in names]
    if start and results[0]["valid"]:
        results[0] = _reached(results[0], options.target(stack), options.target(start))
    if as_json:
        ui.print_json({"stacks": results})
    else:
        for result in results:
            _print(result)
    if not all(result["valid"] for result in results):
        raise SystemExit(2)


def _checked(name: str, root: Path) -> dict[str, Any]:
    documentation.wanted = False
    from mlops import settings, stacks
    from mlops.core.problems import SettingsError

    try:
        resolved = settings.resolve(stacks.read(name, root))
    except SettingsError as error:
        return {
            "stack": name,
            "valid": False,
            "problem": error.message,
            "problems": [one.as_data() for one in error.problems],
        }
    return {
        "stack": name,
        "valid": True,
        "tier": resolved.tier,
        "settings": resolved.platform.model_dump(mode="json"),
    }


def _reached(result: dict[str, Any], target: options.Target, start: options.Target) -> dict[str, Any]:
    """The result, with what is refused on the way from another stack's settings."""
    from mlops.change.classify import classify
    from mlops.change.model import Danger
    from mlops.cli.planning import planned

    came, goes = planned(start).graph, planned(target).graph
    named = replace(came, project=goes.project, stack=goes.stack)
    refused = classify(named, goes).of(Danger.REFUSED)
    if not refused:
        return result
    told = "\n".join(f"- {change.node.name}: {change.fate}. {change.instead}" for change in refused)
    problem = f"{target.stack} is valid, and {start.stack} cannot become it as it is. AWS refuses on the way:\n{told}"
    return {"stack": target.stack, "valid": False, "problem": problem}


def _print(result: dict[str, Any]) -> None:
    if not result["valid"]:
        ui.problem(result["problem"])
        return
    platform = result["settings"]
    slots = {name: part["kind"] for name, part in platform.items() if isinstance(part, dict) and "kind" in part}
    modules = ", ".join(f"{slot} {kind}" for slot, kind in slots.items()) or "no modules"
    ui.out().print(f"[green]✓[/] Pulumi.{result['stack']}.yaml: tier {result['tier']}, {platform['region']}, {modules}")
