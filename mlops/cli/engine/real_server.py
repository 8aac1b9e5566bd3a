"""A rehearsal's door to a real API server: who is asked first, what is refused, and what is cleaned up afterwards."""

import os
import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from localcloud.kubernetes_objects import is_release
from localcloud.provider import RefusedError
from mlops.cli import ui
from mlops.cli.errors import BadInputError, FailedError
from mlops.plan.graph import Graph

if TYPE_CHECKING:
    from localcloud.api_client import Live
    from localcloud.api_server import RealApiServer

NAMED = 12
"""Objects that a message names; the rest is counted."""
_GONE_SECONDS = 120
"""For everything to go at the end: pods have their grace period, namespaces go after them."""


@dataclass(frozen=True, kw_only=True)
class OnServer:
    """Where a rehearsal's Kubernetes objects go, and whether that is agreed already."""

    kubeconfig: Path
    yes: bool = False


@contextmanager
def opened(on: OnServer, graphs: Sequence[Graph]) -> Generator["RealApiServer"]:
    """The server, once it is sure that nothing of somebody else's is in the way and the user agrees. Whatever was
    made there is gone afterwards, however it ends.

    Args:
        graphs: what the rehearsal will make at one time or another.

    Raises:
        BadInputError: the server cannot be used, holds objects of those names, or nobody agreed.
        FailedError: something is left there.
    """
    server = _connected(on, graphs[-1])
    where = f"{server.server} (context {server.context} of {on.kubeconfig})"
    try:
        foreign, old = server.foreign(graphs), server.remains()
    except RefusedError as error:
        raise BadInputError(f"--kubeconfig {on.kubeconfig}: {error}") from None
    if foreign:
        raise BadInputError(
            f"{where} holds {listed(foreign)}, which a rehearsal did not make. A rehearsal makes objects of these "
            "names and deletes them with all that is in them, so it takes nothing over. Rehearse on an empty cluster "
            "of your own (kind, k3d, minikube)."
        )
    _agree(where, graphs, old, yes=on.yes)
    _clean(server, where, "an earlier rehearsal")
    try:
        yield server
    except BaseException:
        _clean_after_failure(server, where)
        raise
    _clean(server, where, "the rehearsal")


def _connected(on: OnServer, graph: Graph) -> "RealApiServer":
    try:
        from localcloud.api_client import ApiClient
        from localcloud.api_server import mark
        from localcloud.rehearsed import Rehearsed

        client = ApiClient(on.kubeconfig)
        return Rehearsed(client, mark("rehearsal", graph.project, graph.stack), kubernetes_plugin())
    except ImportError:
        raise BadInputError(
            "--kubeconfig needs the kubernetes client, which is not installed: `uv sync`, or `pip install kubernetes`."
        ) from None
    except RefusedError as error:
        raise BadInputError(f"--kubeconfig {on.kubeconfig}: {error}") from None


def _agree(where: str, graphs: Sequence[Graph], old: "Sequence[Live]", *, yes: bool) -> None:
    """Say what will happen where, and ask."""
    from localcloud.api_server import keys_of

    keys = {key: None for graph in graphs for key in keys_of(graph)}
    own = sorted(key.name for key in keys if key.kind == "Namespace")
    outside = [str(key) for key in keys if key.kind != "Namespace" and key.namespace not in own]
    says = [f"This makes {ui.counted(len(keys), 'object')} on {where} and deletes them again."]
    if own:
        says.append(f"Namespaces: {', '.join(own)}.")
    if outside:
        says.append(f"Outside of these: {', '.join(outside)}.")
    if any(is_release(node.type) for graph in graphs for node in graph):
        says.append("Helm releases are not sent.")
    if plugin := kubernetes_plugin():
        says.append(f"The Kubernetes provider makes and deletes them ({plugin}).")
    if old:
        says.append(f"An earlier rehearsal has left {listed(old)}, which is deleted first.")
    ui.note(" ".join(says))
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInputError(f"A rehearsal on {where} needs --yes where nobody can be asked.")
    typer.confirm("Go on?", abort=True, err=True)


def _clean(server: "RealApiServer", where: str, whose: str) -> None:
    left = server.clean_up(_GONE_SECONDS)
    if left:
        raise FailedError("\n".join([f"On {where} something of {whose} is left:", *(f"  {line}" for line in left)]))


def _clean_after_failure(server: "RealApiServer", where: str) -> None:
    """Say what has become of what was made, without hiding why the rehearsal ended."""
    try:
        _clean(server, where, "the rehearsal")
        ui.note(f"Everything that the rehearsal had made on {where} is deleted again.")
    except (FailedError, RefusedError) as error:
        ui.problem(str(error))


def kubernetes_plugin() -> Path | None:
    """The Pulumi Kubernetes provider, on PATH or among Pulumi's plugins: of the version of the SDK, or none."""
    name = "pulumi-resource-kubernetes"
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    kept = home / "plugins" / f"resource-kubernetes-v{version('pulumi_kubernetes')}" / name
    found = shutil.which(name)
    return Path(found) if found else kept if kept.is_file() else None


def listed(found: "Sequence[Live]") -> str:
    """Some of them by name, the rest counted."""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(str(live) for live in found[:NAMED]) + more
