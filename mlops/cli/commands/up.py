"""`mlops up`: bring a stack up, on the stand-in cloud of this machine or with the user's own pulumi on AWS."""

from typing import Annotated

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError


def up(
    stack: options.Stack = None,
    here: options.Here = False,
    yes: options.Yes = False,
    infrastructure_only: Annotated[
        bool, typer.Option("--infrastructure-only", help="On this machine: no services, no loop.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="kind|k3d|CONTEXT",
            help="On this machine: put the Kubernetes objects onto this cluster.",
        ),
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="PART=NNN", help="On this machine: port of a part, as recommender=8001."),
    ] = None,
    as_json: options.Json = False,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PULUMI OPTIONS]", help="Handed to `pulumi up`.")
    ] = None,
) -> None:
    """Bring a stack up.

    A stack of tier [bold]local[/], or any with --here, comes up on this machine: the
    real Pulumi engine on a stand-in cloud, state in .local/, no account, no
    network. A second time it reports no change. With tier local the services
    come up too: MLflow, the recommender, the loop, which runs once, on AWS's
    APIs emulated on loopback; [bold]mlops local status[/] looks after them.

    With --cluster the Kubernetes objects go to a real cluster: one that kind or
    k3d makes for the stack, or a context of your kubeconfig that is marked as
    the platform's own. The services and the loop then run in its pods, on an
    AWS emulated beside them. Destroy takes all of it away again.

    Any other stack is checked and planned; then your own `pulumi up` runs,
    with your backend and your AWS credentials. The first time, make the stack
    in your backend: pulumi stack init dev.

    \b
    mlops up -s local
    mlops up -s local --port recommender=8001
    mlops up -s local --cluster kind
    mlops up -s prod --here           production's shape, on this machine
    mlops up -s dev                   AWS; pulumi shows a preview and asks
    mlops up -s dev --yes -- --diff   what follows -- is pulumi's
    """
    from mlops.cli.planning import planned

    target = options.target(stack)
    if cluster and not options.is_local(target, here=here):
        raise BadInputError(f"--cluster is for stacks on this machine, and {target.stack} is in the cloud; add --here.")
    if not infrastructure_only and options.belongs_here(target):
        from mlops.cli.local import on_cluster
        from mlops.cli.local.up import bring_everything_up

        if cluster or on_cluster.is_there(target):
            on_cluster.bring_everything_up(target, as_json=as_json, cluster=cluster)
            return
        bring_everything_up(target, asked_ports=port or (), as_json=as_json)
        return
    plan = planned(target)
    if options.is_local(target, here=here):
        from mlops.cli import ui
        from mlops.cli.local.infrastructure import bring_up

        up = bring_up(target, plan, as_json=as_json, cluster=cluster)
        if as_json:
            ui.print_json(up.data)
        return
    from mlops.cli import ui
    from mlops.cli.engine import own_pulumi
    from mlops.cli.views.plan import headline
    from mlops.plan.summary import summarise

    pulumi = own_pulumi.find(target, runs_program=True)
    own_pulumi.check_credentials(target, plan.graph)
    ui.err().print(headline(plan, summarise(plan.graph)))
    more = [*(["--yes"] if yes else []), *(["--json"] if as_json else []), *(arguments or [])]
    own_pulumi.hand_over(pulumi, target, "up", more)
