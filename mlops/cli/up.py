"""`mlops up`: bring a stack up, on the stand-in cloud of this machine or with the user's own pulumi on AWS."""

from typing import Annotated

import typer

from mlops.cli import options


def up(
    stack: options.Stack = None,
    here: options.Here = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PULUMI OPTIONS]", help="Handed to `pulumi up`.")
    ] = None,
) -> None:
    """Bring a stack up.

    The stack [bold]local[/], or any with --here, comes up on this machine: the
    real Pulumi engine on a stand-in cloud, state in .local/, no account, no
    network. A second time it reports no change.

    Any other stack is checked and planned; then your own `pulumi up` runs,
    with your backend and your AWS credentials. The first time, make the stack
    in your backend: pulumi stack init dev.

    \b
    mlops up -s local
    mlops up -s prod --here           production's shape, on this machine
    mlops up -s dev                   AWS; pulumi shows a preview and asks
    mlops up -s dev --yes -- --diff   what follows -- is pulumi's
    """
    from mlops.cli.planning import planned

    target = options.target(stack)
    plan = planned(target)
    if options.is_local(target, here=here):
        from mlops.cli.local import bring_up

        bring_up(target, plan, as_json=as_json)
        return
    from mlops.cli import own_pulumi, ui
    from mlops.cli.plan_view import headline
    from mlops.plan.summary import summarise

    pulumi = own_pulumi.find(target, runs_program=True)
    own_pulumi.check_credentials(target, plan.graph)
    ui.err().print(headline(plan, summarise(plan.graph)))
    more = [*(["--yes"] if yes else []), *(["--json"] if as_json else []), *(arguments or [])]
    own_pulumi.hand_over(pulumi, target, "up", more)
