"""Derives `localcloud/data/kubeflow.json`: what the overlay of Kubeflow Pipelines makes, as far as plans need it.

Rendering takes the internet, so it is done here and not by a plan:

    kustomize build components/ml_platform/kubeflow/overlay | .venv/bin/python tools/kubeflow.py

What is held are facts: which objects there are, what their pods ask for and run as, what roles allow. Texts of the
project, scripts and pages in ConfigMaps above all, are not.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parent.parent / "localcloud" / "data" / "kubeflow.json"
_CONTAINER = (
    "name",
    "image",
    "resources",
    "securityContext",
    "ports",
    "livenessProbe",
    "readinessProbe",
    "volumeMounts",
)
_POD = ("serviceAccountName", "automountServiceAccountToken", "securityContext", "priorityClassName")
_ORDER = (
    "CustomResourceDefinition",
    "PriorityClass",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Service",
    "Deployment",
)
"""What is needed comes first, as the provider applies it."""
_VOLUME_KINDS = ("configMap", "projected", "emptyDir", "secret")


def objects(documents: Iterator[Any]) -> Iterator[dict[str, Any]]:
    """The facts of each object, in the order in which they are applied."""
    rows = [_object(document) for document in documents if document]
    yield from sorted(rows, key=lambda row: (_ORDER.index(row["kind"]), _name(row)))


def _name(row: Mapping[str, Any]) -> str:
    return str(row["metadata"]["name"])


def _object(document: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {
        key: document["metadata"][key] for key in ("name", "namespace", "labels") if key in document["metadata"]
    }
    row = {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": metadata}
    if document["kind"] == "Deployment":
        return {**row, "spec": _deployment(document["spec"])}
    if document["kind"] == "Service":
        return {
            **row,
            "spec": {key: document["spec"][key] for key in ("ports", "selector", "type") if key in document["spec"]},
        }
    if document["kind"] in ("Role", "RoleBinding"):
        return {**row, **{key: document[key] for key in ("rules", "roleRef", "subjects") if key in document}}
    if document["kind"] == "CustomResourceDefinition":
        spec = document["spec"]
        return {
            **row,
            "spec": {"group": spec["group"], "names": {"kind": spec["names"]["kind"]}, "scope": spec["scope"]},
        }
    return row


def _deployment(spec: Mapping[str, Any]) -> dict[str, Any]:
    pod = spec["template"]["spec"]
    template = {
        **{key: pod[key] for key in _POD if key in pod},
        **{key: [_container(one) for one in pod[key]] for key in ("initContainers", "containers") if key in pod},
    }
    if volumes := pod.get("volumes"):
        template["volumes"] = [
            {"name": one["name"], **{kind: one[kind] for kind in _VOLUME_KINDS if kind in one}} for one in volumes
        ]
    metadata = {"labels": spec["template"]["metadata"]["labels"]}
    announced = spec["template"]["metadata"].get("annotations") or {}
    if own := {key: value for key, value in announced.items() if key.startswith("prometheus.io/")}:
        metadata["annotations"] = own
    return {
        "replicas": spec.get("replicas", 1),
        "selector": spec["selector"],
        "template": {"metadata": metadata, "spec": template},
    }


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: container[key] for key in _CONTAINER if key in container}
    # That there is a probe is the fact; how it asks is the project's own.
    for probe in ("livenessProbe", "readinessProbe"):
        if probe in kept:
            kept[probe] = {"periodSeconds": kept[probe].get("periodSeconds", 10)}
    return kept


if __name__ == "__main__":
    TABLE.write_text(json.dumps(list(objects(yaml.safe_load_all(sys.stdin))), indent=1) + "\n", encoding="utf-8")
