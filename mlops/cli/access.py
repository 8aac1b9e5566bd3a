"""`mlops access`: who may do what on which resource."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from mlops.cli import options, ui
from mlops.cli.planning import planned
from mlops.plan.access import Right, rights
from mlops.plan.graph import Graph
from mlops.plan.summary import short_type

KINDS = {
    "service account": "Kubernetes service accounts",
    "AWS service": "AWS services",
    "through a service": "Whoever in the account comes through an AWS service, as far as IAM lets them",
}


def access(
    stack: options.Stack = None,
    who: Annotated[str | None, typer.Option("--who", help="Only principals whose name contains this.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Only resources whose name contains this.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show who may do what on which resource, read from every policy that the stack makes.

    Service accounts get their rights by EKS Pod Identity or IRSA; AWS services by roles and by the policies
    of keys, buckets and repositories. Python only.

    \b
    mlops access -s prod
    mlops access -s prod --who mlflow        what the tracking server may do
    mlops access -s prod --on artifacts      who gets at the artifacts
    mlops access -s prod --json
    """
    print_rights(planned(options.target(stack)).graph, who=who, on=on, as_json=as_json)


def print_rights(graph: Graph, *, who: str | None = None, on: str | None = None, as_json: bool) -> None:
    """The matrix, narrowed to some principals or resources."""
    found = [
        right
        for right in rights(graph)
        if (who or "") in f"{right.principal.name} {right.role}" and (on or "") in right.resource
    ]
    if as_json:
        ui.print_json([asdict(right) for right in found])
        return
    if not found:
        ui.out().print("No policy of this stack grants that to anybody.")
        return
    for kind, title in KINDS.items():
        chosen = [right for right in found if right.principal.kind == kind]
        if chosen:
            ui.out().print(ui.table(title, "Who", "On", "Type", "May", "Granted by", rows=_rows(chosen)))
    if any(right.conditional for right in found):
        ui.note("(if): under a condition only, such as the account, or the service that the request comes through.")


def _rows(found: Sequence[Right]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    last = ""
    for right in found:
        name = right.principal.name
        rows.append(
            (
                "" if name == last else name,
                right.resource,
                short_type(right.resource_type) if right.resource_type else "",
                _actions(right.actions) + (" (if)" if right.conditional else ""),
                right.role or f"policy of {right.resource}",
            )
        )
        last = name
    return rows


def _actions(actions: Sequence[str]) -> str:
    """`s3: GetObject, ListBucket; kms: Decrypt`."""
    services: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.partition(":")
        services.setdefault(service, []).append(name or service)
    return "; ".join(f"{service}: {', '.join(names)}" for service, names in services.items())
