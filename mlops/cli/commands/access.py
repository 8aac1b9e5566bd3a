"""`mlops access`: who may do what on which resource."""

from typing import Annotated

import typer

from mlops.cli import options


def access(
    stack: options.Stack = None,
    who: Annotated[str | None, typer.Option("--who", help="Only principals whose name contains this.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Only resources whose name contains this.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only what a team's people and pods may do.")] = None,
    flows: Annotated[
        bool, typer.Option("--flows", help="The connections that are let through, instead of the rights.")
    ] = False,
    actions: Annotated[bool, typer.Option("--actions", help="Name every action, however many.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show who may do what on which resource.

    Read from every policy that the stack makes. People get their rights on the
    cluster by EKS access entries; service accounts by EKS Pod Identity or IRSA;
    AWS services by roles, and by the policies of keys, buckets and repositories.
    Python only.

    \b
    mlops access -s prod
    mlops access -s prod --who mlflow     what the tracking server may do
    mlops access -s prod --on artifacts   who gets at the artifacts
    mlops access -s prod --team fraud     what a team's people and pods may do
    mlops access -s prod --flows          who may connect to what
    mlops access -s prod --json
    """
    from mlops.cli.planning import planned
    from mlops.cli.views import access as access_view

    graph = planned(options.target(stack)).graph
    if flows:
        access_view.show_flows(graph, who=who, on=on, as_json=as_json)
        return
    access_view.show(graph, who=who, on=on, team=team, every_action=actions, as_json=as_json)
