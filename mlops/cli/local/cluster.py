"""A real cluster under a stack on this machine: which one, whose it is, and what the stack has on it."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from localcloud.kubernetes_objects import ObjectKey
from localcloud.provider import RefusedError
from mlops.cli import ui
from mlops.cli.engine.real_server import kubernetes_plugin, listed
from mlops.cli.errors import BadInputError, FailedError
from mlops.cli.local import charts
from mlops.cli.local.tools import TOOLS, Tool
from mlops.cli.options import Target
from mlops.plan.graph import Graph

if TYPE_CHECKING:
    from localcloud.api_client import ApiClient, Pod
    from localcloud.api_server import RealApiServer
    from localcloud.helm import Helm

MARK = ObjectKey(api_version="v1", kind="ConfigMap", namespace="kube-system", name="mlops-platform")
"""Object by which a cluster is known as the platform's own."""
_MADE_FOR, _MADE_BY = "made-for", "made-by"
_GONE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster that a stack is on."""

    kubeconfig: str
    context: str
    made_by: str = ""
    """Tool that made it for this stack."""

    @classmethod
    def noted(cls, folder: Path) -> "Cluster | None":
        """The one that a stack was brought up on, if it was one."""
        note = folder / "cluster.json"
        return cls(**json.loads(note.read_text())) if note.exists() else None

    def note(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cluster.json").write_text(json.dumps(asdict(self)))


def chosen(target: Target, folder: Path, name: str | None) -> Cluster | None:
    """The cluster that a stack goes to: the one that was asked for, else the one that it is on already.

    Args:
        folder: of the stack's state.
        name: `kind`, `k3d`, or a context of the user's kubeconfig; None for whatever the stack is on.

    Raises:
        BadInputError: it is somewhere else already, or there is no such cluster.
    """
    before = Cluster.noted(folder)
    if name is None:
        return before
    context = TOOLS[name].context if name in TOOLS else name
    if before and before.context != context:
        raise BadInputError(
            f"{target.stack} is on cluster {before.context}. Destroy it there before it moves: {_destroy(target)}"
        )
    if before is None and folder.exists():
        raise BadInputError(
            f"{target.stack} is up without a cluster. Destroy it before it moves to one: {_destroy(target)}"
        )
    return before or _found(name, context)


def opened(target: Target, cluster: Cluster, graph: Graph, folder: Path, *, working: bool = False) -> "RealApiServer":
    """The cluster's API server, for the stack's objects.

    Args:
        working: whether its pods are to work: an emulated AWS is then brought up beside them, and they are led to it.

    Raises:
        BadInputError: it does not answer, is not the platform's own, or holds somebody else's objects of those names.
    """
    from localcloud.api_server import RealApiServer, mark

    client, own = client_of(cluster), mark("local", graph.project, target.stack)
    helm = charts.helm_on(client, own)
    server = RealApiServer(client, own, helm=helm)
    try:
        _demand_mark(client, cluster, own)
        foreign = server.foreign([graph])
    except RefusedError as error:
        raise BadInputError(f"Cluster {cluster.context}: {error}") from None
    if foreign:
        raise BadInputError(f"Cluster {cluster.context} holds {listed(foreign)}, which {target.stack} did not make.")
    if working and cluster.made_by and Cluster.noted(folder) is None:
        _hand_over_images(target, TOOLS[cluster.made_by])
    cluster.note(folder)
    if not working:
        return server
    charts.pull(helm, graph)
    return _with_aws(client, server, graph, helm)


def _demand_mark(client: "ApiClient", cluster: Cluster, own: str) -> None:
    """Have the cluster marked as the platform's own: one that was made just now is; with what made it, and for which
    stack.

    Raises:
        BadInputError: it is not.
    """
    if client.get(MARK):
        return
    if not cluster.made_by:
        raise BadInputError(
            f"Cluster {cluster.context} ({client.server}) is not marked as the platform's own, and nothing is put onto "
            f"somebody else's. If it is yours for this: kubectl --context {cluster.context} -n {MARK.namespace} "
            f"create configmap {MARK.name}"
        )
    data = {_MADE_FOR: own, _MADE_BY: cluster.made_by}
    metadata = {"name": MARK.name}
    client.create({"apiVersion": MARK.api_version, "kind": MARK.kind, "metadata": metadata, "data": data}, MARK)


def _hand_over_images(target: Target, tool: Tool) -> None:
    """Build the services' images and hand them to a cluster that was made just now: no registry has them.

    Raises:
        FailedError: that failed; why was shown.
    """
    script = target.root / "tools" / "images.py"
    if not script.exists():
        ui.note(f"No {script.relative_to(target.root)} here: the services' images are yours to hand over.")
        return
    command = [sys.executable, str(script), "--stack", target.stack, "--load", tool.name]
    if subprocess.run(command, stdout=sys.stderr).returncode:
        raise FailedError(f"The services' images did not get to cluster {tool.context}; above is why.")


def _with_aws(client: "ApiClient", server: "RealApiServer", graph: Graph, helm: "Helm | None") -> "RealApiServer":
    """The same server, with an emulated AWS on it that pods are led to.

    Raises:
        BadInputError: the cluster does not take it.
    """
    from localcloud import emulated_aws
    from localcloud.local_cluster import LocalCluster, master_secret

    master = master_secret(node.outputs for node in graph if node.package == "kubernetes") or ("", "")
    try:
        made = {
            str(manifest["kind"]): server.keep(manifest)
            for manifest in emulated_aws.manifests(master, secrets.token_hex(20))
        }
    except RefusedError as error:
        raise BadInputError(f"The cluster does not take the emulated AWS: {error}") from None
    emulated = emulated_aws.EmulatedAws(
        address=str(made["Service"]["spec"]["clusterIP"]),
        seed=base64.b64decode(made["Secret"]["data"]["seed"]).decode(),
        databases=[str(node.outputs["address"]) for node in graph if node.type == "aws:rds/instance:Instance"],
    )
    return LocalCluster(client, server.mark, emulated, kubernetes_plugin(), helm)


def left_behind(target: Target, cluster: Cluster, project: str) -> None:
    """Take everything of the stack off its cluster, and the cluster where it was made for the stack.

    Raises:
        FailedError: something is left.
    """
    from localcloud.api_server import RealApiServer, mark

    client, own = client_of(cluster), mark("local", project, target.stack)
    server = RealApiServer(client, own, helm=charts.helm_on(client, own))
    left = server.clean_up(_GONE_SECONDS)
    if left:
        lines = [f"On cluster {cluster.context} something of {target.stack} is left:", *(f"  {line}" for line in left)]
        raise FailedError("\n".join(lines))
    marked = (client.raw(MARK) or {}).get("data") or {}
    if marked.get(_MADE_FOR) == own:
        tool = TOOLS[marked[_MADE_BY]]
        tool.run(tool.delete, Path(cluster.kubeconfig))


def pods(cluster: Cluster, project: str, stack: str) -> "list[Pod]":
    """The pods in the stack's namespaces.

    Raises:
        FailedError: the cluster does not answer.
    """
    from localcloud.api_server import LABEL, mark

    try:
        client = client_of(cluster)
        made = client.labelled(LABEL, mark("local", project, stack))
        return client.pods(sorted({live.key.name for live in made if live.key.kind == "Namespace"}))
    except (RefusedError, BadInputError) as error:
        raise FailedError(str(error)) from None


def client_of(cluster: Cluster) -> "ApiClient":
    """The client of a cluster's API server.

    Raises:
        BadInputError: it does not answer.
    """
    try:
        from localcloud.api_client import ApiClient

        return ApiClient(Path(cluster.kubeconfig), cluster.context)
    except ImportError:
        raise BadInputError(
            "--cluster needs the kubernetes client, which is not installed: `uv sync`, or `pip install kubernetes`."
        ) from None
    except RefusedError as error:
        raise BadInputError(f"Cluster {cluster.context}: {error}") from None


def _found(name: str, context: str) -> Cluster:
    kubeconfig = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or str(Path.home() / ".kube" / "config")
    if name not in TOOLS:
        return Cluster(kubeconfig=kubeconfig, context=context)
    tool = TOOLS[name]
    if context in _contexts(Path(kubeconfig)):
        return Cluster(kubeconfig=kubeconfig, context=context)
    if not shutil.which(name):
        raise BadInputError(
            f"--cluster {name} needs {name}, which is not on PATH ({tool.home}). Or name a context of your kubeconfig, "
            "or leave --cluster out: the services then run as processes."
        )
    ui.note(f"$ {' '.join(tool.make)}")
    tool.run(tool.make, Path(kubeconfig))
    return Cluster(kubeconfig=kubeconfig, context=context, made_by=name)


def _contexts(kubeconfig: Path) -> list[str]:
    content = yaml.safe_load(kubeconfig.read_text()) if kubeconfig.exists() else None
    return [str(one["name"]) for one in (content or {}).get("contexts") or ()]


def _destroy(target: Target) -> str:
    return f"mlops destroy -s {target.given}" + ("" if target.stack == "local" else " --here")
