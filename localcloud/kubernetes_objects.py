"""Kubernetes objects as the API server would return them: names, namespaces, ids, status."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HELM_RELEASE = "kubernetes:helm.sh/v3:Release"

_CREATED = "2026-01-01T00:00:00Z"

_CLUSTER_SCOPED = re.compile(
    r"Cluster.+|Namespace|Node|NodePool|NodeClass|EC2NodeClass|NodeClaim|PersistentVolume"
    r"|StorageClass|VolumeAttributesClass|CSIDriver|CSINode|IngressClass|GatewayClass|PriorityClass|RuntimeClass"
    r"|CustomResourceDefinition|APIService|ValidatingAdmissionPolicy(Binding)?|(Mutating|Validating)WebhookConfiguration"
    r"|PriorityLevelConfiguration|FlowSchema|CertificateSigningRequest|VolumeSnapshotClass|IngressClassParams|Profile"
)


@dataclass(frozen=True, kw_only=True)
class ObjectKey:
    """Which object something is: what the API server tells objects apart by."""

    api_version: str
    kind: str
    namespace: str
    """Empty for what belongs to the whole cluster."""
    name: str

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f'{self.kind} "{self.id}"'


def is_release(type_: str) -> bool:
    """Whether a resource is a Helm release, which is no object of the API server."""
    return type_ == HELM_RELEASE


def object_key(type_: str, name: str, inputs: Mapping[str, Any], digest: str) -> ObjectKey:
    """The key of the object that a Pulumi resource stands for; its name is generated when the program gave none."""
    _, version, kind = type_.split(":")
    generated = f"{name}-{digest[:8]}"
    if is_release(type_):
        namespace = str(inputs.get("namespace") or "default")
        return ObjectKey(api_version="helm.sh/v3", kind=kind, namespace=namespace, name=inputs.get("name") or generated)
    metadata = inputs.get("metadata") or {}
    kind = inputs.get("kind") or kind.removesuffix("Patch")
    scoped = _CLUSTER_SCOPED.fullmatch(kind) is not None
    return ObjectKey(
        api_version=inputs.get("apiVersion") or version.removeprefix("core/"),
        kind=kind,
        namespace="" if scoped else metadata.get("namespace") or "default",
        name=metadata.get("name") or generated,
    )


def object_outputs(type_: str, name: str, inputs: Mapping[str, Any], digest: str) -> tuple[str, dict[str, Any]]:
    """Id and outputs of a Kubernetes resource that has just been applied."""
    key = object_key(type_, name, inputs, digest)
    if is_release(type_):
        return key.id, {
            **inputs,
            "name": key.name,
            "namespace": key.namespace,
            "status": _release_status(key, inputs),
        }
    metadata = {
        **(inputs.get("metadata") or {}),
        "name": key.name,
        "uid": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}",
        "creationTimestamp": _CREATED,
        "resourceVersion": "1",
        "generation": 1,
    }
    if key.namespace:
        metadata["namespace"] = key.namespace
    made = {**inputs, "apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}
    status = _status(key, inputs)
    return key.id, {**made, "status": status} if status else made


def _release_status(key: ObjectKey, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": key.name,
        "namespace": key.namespace,
        "chart": inputs.get("chart", ""),
        "version": inputs.get("version", ""),
        "appVersion": inputs.get("version", ""),
        "revision": 1,
        "status": "deployed",
    }


def _status(key: ObjectKey, inputs: Mapping[str, Any]) -> dict[str, Any]:
    if key.kind == "Namespace":
        return {"phase": "Active"}
    host = f"{key.name}.{key.namespace}.elb.amazonaws.com"
    if key.kind == "Ingress" or (inputs.get("spec") or {}).get("type") == "LoadBalancer":
        return {"loadBalancer": {"ingress": [{"hostname": host}]}}
    return {}
