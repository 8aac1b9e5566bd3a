"""A stack's own objects on the node, unchanged and in the order of its graph. What only a Helm release would bring is
left out, and Secrets are made here as External Secrets would make them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.emulated_aws import EmulatedAws
from localcloud.local_cluster import secret_of
from node import machine
from node.cloud import MASTER_PASSWORD, Described
from node.places import Home

_FOREIGN = ("helm.sh/", "external-secrets.io/", "cert-manager.io/", "kserve.io/", "karpenter", "argoproj.io/")
"""Helm releases, and kinds that come with them."""
_WAITED_FOR = ("Job", "Deployment")
_JOB_SECONDS, _READY_SECONDS = 300, 420
Manifest = Mapping[str, Any]


def manifests(nodes: Described) -> list[Manifest]:
    """The objects that a bare Kubernetes knows, in the order of the graph."""
    return [
        {"apiVersion": _api_version(node), "kind": node["type"].rpartition(":")[2], **node["inputs"]}
        for node in nodes
        if node["type"].startswith("kubernetes:") and not any(name in node["type"] for name in _FOREIGN)
    ]


def images(nodes: Described) -> list[str]:
    """Names of the images that the objects' pods run."""
    return sorted({container["image"] for made in manifests(nodes) for container in _containers(made)})


def up(home: Home, nodes: Described, say: Callable[[str], object]) -> None:
    """Apply everything, and wait for each Job and Deployment but those that become ready only with a model.

    Raises:
        NodeError: something is refused, or does not become ready.
    """
    made = manifests(nodes)
    first = [one for one in made if one["kind"] == "Namespace"]
    rest = [one for one in made if one["kind"] not in ("Namespace", *_WAITED_FOR)]
    machine.kubectl(home, "apply", "-f", "-", given=_listed(first))
    machine.kubectl(home, "apply", "-f", "-", given=_listed([*rest, *secrets_of(nodes)]))
    jobs = sorted((one for one in made if one["kind"] == "Job"), key=lambda one: one["metadata"]["name"])
    for job in jobs:
        say(f"job {job['metadata']['name']}")
        machine.kubectl(home, "apply", "-f", "-", given=_listed([job]))
        _wait(home, job, "wait", "--for=condition=complete", f"--timeout={_JOB_SECONDS}s")
    servers = [one for one in made if one["kind"] == "Deployment"]
    machine.kubectl(home, "apply", "-f", "-", given=_listed(servers))
    for server in servers:
        if "pulumi.com/skipAwait" not in server["metadata"].get("annotations", {}):
            ready(home, server["metadata"]["namespace"], server["metadata"]["name"])


def ready(home: Home, namespace: str, name: str) -> None:
    """Wait for a Deployment's pods to be ready by their own probes.

    Raises:
        NodeError: they are not in time.
    """
    server = {"kind": "Deployment", "metadata": {"namespace": namespace, "name": name}}
    _wait(home, server, "rollout", "status", f"--timeout={_READY_SECONDS}s")


def down(home: Home, nodes: Described) -> None:
    """Delete what `up` made."""
    made = [one for one in manifests(nodes) if "namespace" not in one["metadata"]]
    machine.kubectl(home, "delete", "--ignore-not-found", "-f", "-", given=_listed(made))


def secrets_of(nodes: Described) -> Iterator[Manifest]:
    """A Secret for each ExternalSecret, with the same values every time: what began with a password goes on with it."""
    for node in nodes:
        if node["type"].endswith(":ExternalSecret"):
            yield secret_of(node["inputs"], _Rds(address="", seed="node"))


class _Rds(EmulatedAws):
    def secret(self, *parts: str) -> str:
        return MASTER_PASSWORD if ":secret:rds!" in parts[0] else super().secret(*parts)


def _wait(home: Home, made: Manifest, *how: str) -> None:
    metadata = made["metadata"]
    what = f"{made['kind'].lower()}/{metadata['name']}"
    words = [*how, what] if how[0] == "wait" else [*how[:2], what, *how[2:]]
    machine.kubectl(home, "--namespace", metadata["namespace"], *words)


def _containers(made: Manifest) -> Iterator[Manifest]:
    if made["kind"] in _WAITED_FOR:
        pod = made["spec"]["template"]["spec"]
        yield from [*pod.get("initContainers", ()), *pod["containers"]]


def _api_version(node: Mapping[str, Any]) -> str:
    """`kubernetes:core/v1:Service` is of v1."""
    return str(node["type"]).split(":")[1].removeprefix("core/")


def _listed(items: list[Manifest] | Iterator[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
