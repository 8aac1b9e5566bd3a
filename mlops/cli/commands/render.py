"""`mlops render`: the folder of Git that Argo CD delivers from."""

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError


def render(
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder of the checked out repository to write into.")
    ],
    stack: options.Stack = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="A deployed stack: pulumi stack export --file FILE."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the objects that Argo CD owns, as plain YAML, from a stack's state.

    With `delivery: {kind: argocd}` each `up` writes them by itself, relative to
    where it runs. This does it anywhere and any time: in a fresh checkout, or
    for a pull request. Files of objects that went are removed. Without --state
    it takes what `mlops up -s STACK --here` brought up on this machine.

    \b
    mlops render -s dev --to ../delivery --state export.json
    mlops render -s dev --to ../delivery
    """
    import yaml

    from mlops.cli import ui
    from mlops.cli.local.state import read
    from mlops.cli.planning import graph_in
    from mlops.plan.handover import handed_over

    target = options.target(stack)
    graph = graph_in(state) if state is not None else read(target)
    objects = handed_over(graph)
    if not objects:
        raise BadInputError(
            f"{target.stack} hands nothing over: Pulumi applies all of its objects. Set delivery.kind to argocd in "
            f"{target.file.name} and deploy it, or name another stack."
        )
    if to.exists() and not to.is_dir():
        raise BadInputError(f"--to {to} is a file. Name a folder: the checked out repository.")
    tops = sorted({path.partition("/1-manifest/")[0] for path in objects})
    stale = {path for top in tops for path in (to / top).rglob("*.yaml")} - {to / path for path in objects}
    for path, manifest in objects.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_text(yaml.safe_dump(manifest, sort_keys=True, width=120), encoding="utf-8")
    for path in sorted(stale):
        path.unlink()
    written = {"folder": str(to), "files": list(objects), "removed": sorted(str(one.relative_to(to)) for one in stale)}
    if as_json:
        ui.print_json(written)
        return
    ui.out().print(f"Wrote {len(objects)} objects below {to}, in {', '.join(tops)}.")
    if stale:
        ui.out().print(f"Removed {len(stale)} files of objects that are gone.")
    ui.out().print("Commit them: Argo CD delivers what is in the repository.")
