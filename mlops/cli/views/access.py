"""The view of who may do what on which resource."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.plan.access import Right, rights
from mlops.plan.flows import flows, unguarded
from mlops.plan.graph import Graph
from mlops.plan.people import teams
from mlops.plan.summary import short_type

KINDS = {
    "person": "People, on the cluster",
    "service account": "Kubernetes service accounts",
    "AWS service": "AWS services",
    "through a service": "Whoever in the account comes through an AWS service, as far as IAM lets them",
}
FLOWS = {"pods": "Pods, by network policy", "security group": "Everything else, by security group"}
ACTIONS_SHOWN = 4
"""A right with more actions than this on a service is summed up, unless actions are asked for."""

_READ = re.compile(r"^(Get|List|Describe|BatchGet|BatchCheck|Check|Read|Lookup|Filter|Decrypt)")
_TAG = re.compile(r"(Tag|Untag|Tags)(Resource)?$")


def show(
    graph: Graph,
    *,
    who: str | None = None,
    on: str | None = None,
    team: str | None = None,
    every_action: bool = False,
    as_json: bool,
) -> None:
    """The matrix, narrowed to some principals or resources, or to a team: what its people and pods may do."""
    if team is not None and team not in (known := teams(graph)):
        allowed = ", ".join(known) or "none; teams are declared in the stack file"
        raise BadInputError(f"--team {team}: the stack has no such team. Allowed: {allowed}.")
    found = [
        right
        for right in rights(graph)
        if (who or "") in f"{right.principal.name} {right.role}"
        and (on or "") in right.resource
        and (team is None or _concerns(right, f"team-{team}"))
    ]
    if as_json:
        ui.print_json({"rights": [asdict(right) for right in found]})
        return
    if not found:
        ui.out().print("No policy of this stack grants that to anybody.")
        return
    for kind, title in KINDS.items():
        chosen = [right for right in found if right.principal.kind == kind]
        if chosen:
            rows = _rows(chosen, every_action=every_action)
            ui.out().print(ui.table(title, "Who", "On", "May", "Granted by", rows=rows))
    if any(right.conditional for right in found):
        ui.note("(if): under a condition only, such as the account, or the service that the request comes through.")


def show_flows(graph: Graph, *, who: str | None, on: str | None, as_json: bool) -> None:
    """The connections that are let through, narrowed to where they are let through, or to the other end."""
    found = [one for one in flows(graph) if (who or "") in one.where and (on or "") in one.other]
    open_ = unguarded(graph)
    if as_json:
        ui.print_json({"flows": [asdict(one) for one in found], "unguarded": list(open_)})
        return
    if not found:
        ui.out().print("No rule of this stack lets such a connection through.")
    for kind, title in FLOWS.items():
        rows: dict[tuple[str, str, str, str], list[str]] = {}
        for one in found:
            if one.kind == kind:
                rows.setdefault((one.where, one.direction, one.ports, one.rule), []).append(one.other)
        if rows:
            cells = [(where, way, ", ".join(others), ports, rule) for (where, way, ports, rule), others in rows.items()]
            ui.out().print(ui.table(title, "Where", "Way", "Other end", "Ports", "Says", rows=cells))
    if open_:
        ui.note(f"No network policy closes all pods of {', '.join(open_)}: their charts bring what they run.")


def _concerns(right: Right, namespace: str) -> bool:
    """Whether a right is held in a namespace, or over it."""
    return right.resource == namespace or right.principal.name.startswith(f"{namespace}/")


def _rows(found: Sequence[Right], *, every_action: bool) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    last = ""
    for right in found:
        name = right.principal.name
        may = _may(right.actions, every_action=every_action) + (" (if)" if right.conditional else "")
        granted_by = right.role or f"policy of {right.resource}"
        rows.append(("" if name == last else name, _resource(right), may, granted_by))
        last = name
    return rows


def _resource(right: Right) -> str:
    if right.resource_type:
        return f"{right.resource} ({short_type(right.resource_type)})"
    if all(action.startswith("managed:") for action in right.actions):
        return "what AWS writes into it"
    # Partition, region and account of a pattern tell nothing here.
    parts = right.resource.split(":", 5)
    return f"{parts[2]}:{parts[5]}" if len(parts) == 6 else right.resource


def _may(actions: Sequence[str], *, every_action: bool) -> str:
    """`s3 GetObject, ListBucket; ec2 read, write, tag (31 actions)`."""
    services: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.partition(":")
        services.setdefault(service, []).append(name or service)
    return "; ".join(
        f"{service} {', '.join(names) if every_action or len(names) <= ACTIONS_SHOWN else _summed(names)}"
        for service, names in services.items()
    )


def _summed(names: Sequence[str]) -> str:
    levels = dict.fromkeys(_level(name) for name in names)
    return f"{', '.join(level for level in ('read', 'write', 'tag') if level in levels)} ({len(names)} actions)"


def _level(action: str) -> str:
    """Roughly IAM's access level, told by the name of an action as AWS forms them."""
    if _READ.match(action):
        return "read"
    return "tag" if _TAG.search(action) else "write"
