"""What a stack hands over: the objects that Pulumi's provider for Kubernetes writes to a folder and does not apply.

Files are named as that provider names them (pulumi-kubernetes, provider/pkg/provider/provider.go,
`renderPathForResource`), so that what it has written and what is written here are the same.
"""

from collections.abc import Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN

PROVIDER = "pulumi:providers:kubernetes"
_FOLDER = "renderYamlToDirectory"
_DEFINITION = "CustomResourceDefinition"
_OF_THE_ENGINE = ("__defaults", "__internal")


def handed_over(graph: Graph) -> dict[str, dict[str, Any]]:
    """Every object that is handed over, by the path of its file, sorted."""
    folders = {node.urn: folder for node in graph.of_type(PROVIDER) if (folder := node.at(_FOLDER).text())}
    found = {_path(folders[node.provider], node): _manifest(node) for node in graph if node.provider in folders}
    return dict(sorted(found.items()))


def unknown(manifest: Mapping[str, Any]) -> bool:
    """Whether something in it is known only after the deployment."""
    return UNKNOWN in str(manifest)


def _path(folder: str, node: Node) -> str:
    version, kind, name = node.at("apiVersion").text(), node.at("kind").text(), node.at("metadata.name").text()
    part = "0-crd" if kind == _DEFINITION else "1-manifest"
    space = node.at("metadata.namespace").text() or "default"
    file = f"{version.replace('/', '_').replace(':', '_')}-{kind.lower()}-{space}-{name}.yaml"
    return f"{folder}/{part}/{file}"


def _manifest(node: Node) -> dict[str, Any]:
    return {key: value for key, value in node.inputs.items() if key not in _OF_THE_ENGINE}
