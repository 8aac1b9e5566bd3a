"""`mlops plan`: what a stack makes, from Python alone."""

from typing import Annotated

import typer

from mlops.cli import options


def plan(
    stack: options.Stack = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="STACK", help="Show the difference to another stack.")
    ] = None,
    show_access: Annotated[bool, typer.Option("--access", help="Show who may do what on which resource.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show what a stack will make: by module, in total, what is protected.

    Also what the tier and the stack file chose. Python only: no pulumi, no
    account, no network. The program runs against a recorder, so what you see
    is what it registers. An unchanged plan comes from a cache.

    \b
    mlops plan -s prod
    mlops plan -s prod --against dev   what tells the two apart
    mlops plan -s prod --access        the access matrix
    mlops plan -s prod --json          every node, with inputs and dependencies
    """
    from mlops.cli import ui
    from mlops.cli.planning import planned

    target = options.target(stack)
    made = planned(target)
    if against:
        from mlops.cli.views import difference as difference_view

        difference_view.show(planned(options.target(against)), made, as_json=as_json)
    elif show_access:
        from mlops.cli.views import access as access_view

        access_view.show(made.graph, as_json=as_json)
    elif as_json:
        # The engine hands mappings over in no particular order.
        ui.print_json({"tier": made.tier, **made.graph.to_json()}, sort_keys=True)
    else:
        from mlops.cli.views import plan as plan_view

        plan_view.show(made)
