"""`mlops versions`: which versions a stack pins, how old they are, and until when they are supported."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options

if TYPE_CHECKING:
    from datetime import date

    from mlops.lifecycle.support import Row

ENDED = 3
"""Exit code of --strict when something is past its support."""


def versions(
    stack: options.Stack = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 3 when a version is past its support.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show which versions a stack pins, how old they are, until when they are supported, and what comes next.

    EKS, engines and charts, images, and the libraries that the program runs on.
    Dates are those of endoflife.date, on the day that is printed below. A chart
    is pinned by this project: it is raised in mlops/core/versions.py, or by the
    project's next release. What a stack file can raise, `mlops upgrade-plan`
    raises.

    \b
    mlops versions -s prod
    mlops versions -s prod --strict     for a nightly job
    mlops versions -s prod --json
    """
    from mlops.cli import ui
    from mlops.core import lifecycles
    from mlops.core.clock import today
    from mlops.core.versions import CATALOGUE_DATE
    from mlops.lifecycle.support import State

    target = options.target(stack)
    day = today()
    found = found_in(target)
    ended = [row for row in found if row.state is State.ENDED]
    if as_json:
        head = {"stack": target.stack, "today": day, "catalogue": CATALOGUE_DATE, "lifecycles": lifecycles.as_of()}
        ui.print_json({**head, "pinned": [document(row, day) for row in found]})
    else:
        for kind, title in _TITLES.items():
            chosen = [row for row in found if row.pinned.kind == kind]
            if chosen:
                columns = ("What", "Pinned", "Out for", "Supported until", "Next", "Asked for by")
                ui.out().print(ui.table(title, *columns, rows=[_cells(row, day) for row in chosen]))
        for words in dict.fromkeys(words for row in found for words in row.held_by):
            ui.note(f"Before the next Kubernetes: {words}.")
        ui.note(f"Versions of {CATALOGUE_DATE}; ends of support as known on {lifecycles.as_of()}.")
    if strict and ended:
        ui.problem(f"Past its support: {', '.join(f'{row.pinned.what} {row.pinned.version}' for row in ended)}.")
        raise typer.Exit(ENDED)


def found_in(target: options.Target) -> "tuple[Row, ...]":
    """The versions of a stack, with their support today."""
    from mlops import stacks
    from mlops.cli.planning import planned
    from mlops.core.clock import today
    from mlops.lifecycle import upgrade
    from mlops.lifecycle.pinned import pinned
    from mlops.lifecycle.support import rows

    file = stacks.read(target.stack, target.root)
    pins = pinned(planned(target).graph, target.root / "uv.lock")
    return rows(pins, today(), lambda product, version: upgrade.takes(file, product, version))


_TITLES = {"AWS": "What AWS runs", "chart": "Helm charts", "image": "Images of others", "SDK": "The program itself"}


def document(row: "Row", day: "date") -> dict[str, Any]:
    """A row for a machine."""
    one = row.pinned
    return {
        "kind": one.kind,
        "what": one.what,
        "version": one.version,
        "app": one.app or None,
        "product": one.product or None,
        "resources": list(one.resources),
        "released": row.released,
        "age_days": row.age_days(day),
        "state": row.state.value,
        "until": row.until,
        "extended_until": row.extended_until,
        "next": row.next or None,
        "held_by": list(row.held_by),
    }


def _cells(row: "Row", day: "date") -> tuple[str, ...]:
    one = row.pinned
    age = row.age_days(day)
    by = ", ".join(one.resources[:3]) + (f" and {len(one.resources) - 3} more" if len(one.resources) > 3 else "")
    return (
        one.what,
        one.version + (f" (brings {one.app})" if one.app else ""),
        "" if age is None else f"{age} days",
        until(row),
        row.next + (" (something holds it back)" if row.held_by else ""),
        by,
    )


def until(row: "Row") -> str:
    """How long it is supported, in a few words."""
    from mlops.lifecycle.support import State

    match row.state:
        case State.UNKNOWN:
            return "no end published" if row.pinned.product else ""
        case State.ENDED:
            return f"ended {row.extended_until or row.until}"
        case State.EXTENDED:
            return f"{row.until}; extended until {row.extended_until}"
        case State.SOON:
            return f"{row.until}, soon"
        case _:
            return str(row.until)
