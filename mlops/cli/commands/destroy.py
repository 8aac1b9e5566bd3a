"""`mlops destroy`: take a stack down, unless something in it is protected."""

from typing import Annotated

import typer

from mlops.cli import options

ExcludeProtected = Annotated[
    bool,
    typer.Option("--exclude-protected", help="Delete all but what is protected and what that stands on."),
]


def destroy(
    stack: options.Stack = None,
    here: options.Here = False,
    yes: options.Yes = False,
    exclude_protected: ExcludeProtected = False,
    as_json: options.Json = False,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PULUMI OPTIONS]", help="Handed to `pulumi destroy`.")
    ] = None,
) -> None:
    """Take a stack down to nothing.

    Refuses before anything is deleted while the state holds protected
    resources: Pulumi itself would delete all the rest and then fail on them.

    \b
    mlops destroy -s local --yes        leaves nothing on this machine
    mlops destroy -s dev                your own `pulumi destroy`
    mlops destroy -s prod --exclude-protected
    """
    target = options.target(stack)
    if options.is_local(target, here=here):
        from mlops.cli.local.infrastructure import take_down

        take_down(target, yes=yes, exclude_protected=exclude_protected, as_json=as_json)
        return
    from mlops.cli import ui
    from mlops.cli.engine import own_pulumi, protection
    from mlops.plan.graph import from_export

    pulumi = own_pulumi.find(target, runs_program=False)
    graph = from_export(own_pulumi.exported(pulumi, target))
    protected = protection.check(target, graph, exclude=exclude_protected, up=f"mlops up -s {target.given}")
    own_pulumi.check_credentials(target, graph)
    more = [
        *(["--yes"] if yes else []),
        *(["--exclude-protected"] if exclude_protected else []),
        *(["--json"] if as_json else []),
        *(arguments or []),
    ]
    ui.note(f"Nothing of {target.given} is protected." if not protected else "What is protected stays.")
    own_pulumi.hand_over(pulumi, target, "destroy", more)
