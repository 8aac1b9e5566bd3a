"""Charts of a stack on a real cluster, by the Helm on PATH: those that can be pulled and have something to do there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.kubernetes_objects import is_release
from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.plan.graph import Graph
from mlops.plan.values import Properties

if TYPE_CHECKING:
    from localcloud.api_client import ApiClient
    from localcloud.helm import Helm

_RELEASE = "sh.helm.release.v1."
"""What the names of Helm's notes on the cluster begin with."""


def helm_on(client: "ApiClient", own: str) -> "Helm | None":
    """Helm for a cluster, if it is on PATH.

    Args:
        own: the mark by which the stack's objects are known there.

    Raises:
        BadInputError: it is not, and the stack has releases there, which only Helm takes away whole.
    """
    from localcloud.api_server import LABEL
    from localcloud.helm import Helm

    if program := shutil.which("helm"):
        return Helm(program=Path(program), client=client, mark=(LABEL, own))
    notes = [live.key for live in client.labelled(LABEL, own) if live.key.name.startswith(_RELEASE)]
    if notes:
        names = sorted({f"{key.namespace}/{key.name.removeprefix(_RELEASE).rpartition('.')[0]}" for key in notes})
        raise BadInputError(
            f"Cluster {client.context} has the stack's Helm releases {', '.join(names)}, and helm is not on PATH "
            "(https://helm.sh/docs/intro/install). Without it what they installed cannot be changed or taken away."
        )
    return None


def pull(helm: "Helm | None", graph: Graph) -> None:
    """Have the charts of a stack at hand, and say which are left out, and why."""
    from localcloud.helm import ChartReference

    releases = [(str(node.inputs.get("namespace")), node.inputs) for node in graph if is_release(node.type)]
    if not releases:
        return
    if helm is None:
        ui.note(
            f"helm is not on PATH, so that none of the {ui.counted(len(releases), 'chart')} is installed: "
            "https://helm.sh/docs/intro/install"
        )
        return
    granted = set(_granted(graph))
    for_aws, rest = list[ChartReference](), list[ChartReference]()
    for namespace, release in releases:
        accounts = {(namespace, name) for name in _accounts(release.get("values"))}
        (for_aws if accounts & granted else rest).append(ChartReference.of(release))
    if for_aws:
        ui.note(f"Charts that work on AWS's own APIs are left out: {', '.join(map(str, for_aws))}.")
    for chart, why in helm.pull(rest).items():
        ui.note(
            f"Chart {chart} cannot be pulled, and is left out with what needs it: {why} Where it can be, "
            f"`helm pull` it; as {helm.cache / chart.archive} it is taken from there."
        )


def _granted(graph: Graph) -> Iterator[tuple[str, str]]:
    """Namespace and name of the service accounts that AWS lets do something."""
    for node in graph:
        if node.type == "aws:eks/podIdentityAssociation:PodIdentityAssociation":
            yield str(node.inputs.get("namespace")), str(node.inputs.get("serviceAccount"))


def _accounts(values: object) -> Iterator[str]:
    """Names of service accounts among a chart's values, wherever it has them."""
    if not isinstance(values, dict):
        return
    found: Properties = values
    for key, value in found.items():
        if key == "serviceAccount" and isinstance(value, dict) and "name" in value:
            yield str(value["name"])
        yield from _accounts(value)
