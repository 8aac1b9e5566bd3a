"""`mlops access`: who may do what on which resource."""

from typing import Annotated

import typer

from mlops.cli import options


def access(
    stack: options.Stack = None,
    who: Annotated[str | None, typer.Option("--who", help="Only principals whose name contains this.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Only resources whose name contains this.")] = None,
    actions: Annotated[bool, typer.Option("--actions", help="Name every action, however many.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show who may do what on which resource.

    Read from every policy that the stack makes. Service accounts get their
    rights by EKS Pod Identity or IRSA; AWS services by roles, and by the
    policies of keys, buckets and repositories. Python only.

    \b
    mlops access -s prod
    mlops access -s prod --who mlflow     what the tracking server may do
    mlops access -s prod --on artifacts   who gets at the artifacts
    mlops access -s prod --json
    """
    from mlops.cli.planning import planned
    from mlops.cli.views import access as access_view

    access_view.show(planned(options.target(stack)).graph, who=who, on=on, every_action=actions, as_json=as_json)
