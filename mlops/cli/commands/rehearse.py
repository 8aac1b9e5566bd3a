"""`mlops rehearse`: the whole life of a stack on the real engine, on this machine, with nothing kept."""

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError


def rehearse(
    stack: options.Stack = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="STACK", help="Bring this stack's settings up first, then change.")
    ] = None,
    fault: Annotated[
        str | None,
        typer.Option("--fault", metavar="URN|types|each", help="Let resources fail: one, one of every type, or each."),
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig", metavar="FILE", help="Send the Kubernetes objects to this real API server; asks first."
        ),
    ] = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Rehearse a stack on the real Pulumi engine: up, up again, destroy.

    The cloud is a stand-in on this machine, which refuses what AWS and
    Kubernetes refuse about order, names and containment. State is thrown
    away; no account, no network. Exit code 1 when a second up changes
    something, a fault does not heal, or anything is left over.

    \b
    mlops rehearse -s prod
    mlops rehearse -s prod --from dev      the change of tier, as an update
    mlops rehearse -s prod --fault types   a failure for every type, healed
    mlops rehearse -s prod --fault each    one for every resource: long
    mlops rehearse -s dev --kubeconfig scratch-cluster.yaml

    With --kubeconfig the objects, without the Helm releases, are really made
    and deleted in the file's current context. A server that holds anything of
    their names already is refused: nothing is taken over.
    """
    target = options.target(stack)
    if kubeconfig and not kubeconfig.is_file():
        raise BadInputError(f"--kubeconfig {kubeconfig}: there is no such file.")
    if fault and start:
        raise BadInputError("--fault and --from cannot be rehearsed together; do one after the other.")
    from mlops.cli.engine.real_server import OnServer

    on = OnServer(kubeconfig=kubeconfig, yes=yes) if kubeconfig else None
    if fault:
        from mlops.cli.engine.fault_rehearsal import faults

        faults(target, fault, on=on, as_json=as_json)
        return
    from mlops.cli.engine.rehearsal import life

    life(target, start=options.target(start) if start else None, on=on, as_json=as_json)
