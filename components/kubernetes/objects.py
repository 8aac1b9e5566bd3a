"""What modules on the cluster share: namespaces, Helm releases, custom objects, generated secrets, closed pods."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.base.identity import Egress, IdentityOutputs
from components.network import NetworkOutputs
from mlops.core import rotation
from mlops.core.versions import Chart

SECRETS_ALLOWED = {"mlops.platform/secrets": "allowed"}
"""Label of a namespace that may read from the cluster's secret store."""
TRACKING_ALLOWED = {"mlops.platform/tracking": "allowed"}
"""Label of a namespace whose pods may reach the tracking server."""
SERVING_ALLOWED = {"mlops.platform/serving": "allowed"}
"""Label of a namespace whose pods may ask models."""

POD_SECURITY: dict[str, object] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY: dict[str, object] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Together they pass the Pod Security Standard `restricted`."""

OUT_OF_ENDPOINTS: dict[str, object] = {"preStop": {"sleep": {"seconds": 5}}}
"""Lifecycle of a container that answers requests: out of the endpoints before connections are refused. Without a
program of the image's, for not every image has one that sleeps."""

WAIT_FOR_READY = {"pulumi.com/waitFor": "condition=Ready"}
"""Annotation: the object counts as made once its operator says so."""

_SERVICE_CIDRS = ("10.100.0.0/16", "172.20.0.0/16")
"""The ranges of which EKS takes one for Services unless told otherwise (EKS API, `serviceIpv4Cidr`)."""

_TIMEOUT_SECONDS = 900


def manifest(part: Mapping[str, object]) -> Any:
    """A part of a manifest in the API server's own spelling, for an argument of the SDK, which takes it but types its
    dictionaries by Python's spelling."""
    return dict(part)


def namespace(
    name: str,
    physical: str,
    *,
    security: Literal["restricted", "baseline", "privileged"],
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> "k8s.core.v1.Namespace":
    """A namespace that refuses pods below a Pod Security Standard."""
    enforced = {"pod-security.kubernetes.io/enforce": security}
    return k8s.core.v1.Namespace(name, metadata={"name": physical, "labels": {**enforced, **labels}}, opts=opts)


def closed(name: str, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> "k8s.networking.v1.NetworkPolicy":
    """Nothing in, nothing out, for every pod of a namespace that no other policy lets through."""
    net = k8s.networking.v1
    return net.NetworkPolicy(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name="closed", namespace=namespace),
        spec=net.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
        ),
        opts=opts,
    )


def name_of(thing: pulumi.Resource) -> pulumi.Output[str]:
    """An object's name, known once it exists, so that whoever uses it waits for it."""
    # The SDK declares no attribute for it on custom resources, which have it all the same.
    metadata: pulumi.Output[Mapping[str, object]] = thing.metadata  # type: ignore[attr-defined]
    return metadata.apply(lambda value: str(value["name"]))


def service_account(
    name: str, identity: IdentityOutputs, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The account that pods of an identity run under, without a token for the API server; returns its name. Pods that
    take their account from here have their rights when they start."""
    account = k8s.core.v1.ServiceAccount(
        name,
        metadata={"name": identity.service_account, "namespace": namespace, "annotations": identity.annotations},
        automount_service_account_token=False,
        opts=opts,
    )
    return name_of(account)


def autoscaler(
    name: str,
    metadata: "k8s.meta.v1.ObjectMetaArgs",
    deployment: pulumi.Input[str],
    *,
    fewest: int,
    most: int,
    cpu_percent: int,
    opts: pulumi.ResourceOptions,
) -> None:
    """Between `fewest` and `most` replicas of a Deployment, by CPU use in percent of what its pods request."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": cpu_percent}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicas": fewest,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    k8s.autoscaling.v2.HorizontalPodAutoscaler(name, metadata=metadata, spec=manifest(spec), opts=opts)


def disruption_budget(
    name: str, metadata: "k8s.meta.v1.ObjectMetaArgs", selector: Mapping[str, str], opts: pulumi.ResourceOptions
) -> None:
    """Of the pods with these labels, only one at a time is taken away on purpose."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
    k8s.policy.v1.PodDisruptionBudget(name, metadata=metadata, spec=manifest(spec), opts=opts)


def release(
    name: str,
    chart: Chart,
    *,
    namespace: pulumi.Input[str],
    release_name: str,
    values: Mapping[str, object],
    awaited: bool = True,
    opts: pulumi.ResourceOptions,
) -> "k8s.helm.v3.Release":
    """A chart at its pinned version, done when its workloads are ready, or when it is written where these are not
    `awaited`. A failed installation is taken back, so that the next `up` begins cleanly."""
    return k8s.helm.v3.Release(
        name,
        name=release_name,
        chart=chart.name,
        version=chart.version,
        repository_opts={"repo": chart.repo} if chart.repo else None,
        namespace=namespace,
        values=dict(values),
        atomic=awaited,
        skip_await=None if awaited else True,
        timeout=_TIMEOUT_SECONDS,
        opts=opts,
    )


def custom_object(
    name: str,
    api_version: str,
    kind: str,
    *,
    metadata: Mapping[str, object],
    spec: Mapping[str, object] | pulumi.Output[Mapping[str, Any]],
    opts: pulumi.ResourceOptions,
) -> "k8s.apiextensions.CustomResource":
    """An object of a kind that an operator brought."""
    written = spec if isinstance(spec, pulumi.Output) else dict(spec)
    return k8s.apiextensions.CustomResource(
        name, api_version=api_version, kind=kind, metadata=dict(metadata), spec=written, opts=opts
    )


def flat_object(
    name: str,
    api_version: str,
    kind: str,
    *,
    metadata: Mapping[str, object],
    fields: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> pulumi.CustomResource:
    """An object of a kind that has no `spec`: its fields stand beside the metadata, where the SDK takes none."""
    whole = {"apiVersion": api_version, "kind": kind, "metadata": dict(metadata), **fields}
    return pulumi.CustomResource(f"kubernetes:{api_version}:{kind}", name, whole, opts)


def generated_secret(
    name: str,
    physical: str,
    keys: Sequence[str],
    *,
    unrotated: str = "",
    made: Mapping[str, str] | None = None,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A Secret whose values never leave the cluster; returns its name.

    Args:
        unrotated: why nothing replaces the values by itself, in words that `mlops.core.rotation.never` takes.

    External Secrets makes a random text of 32 letters and digits for each of `keys`, once: the values outlive
    every `up`, but not the namespace. Where its keys are to be `made` of these, that leads from each to a template.
    """
    generator = custom_object(
        f"{name}-generator",
        "generators.external-secrets.io/v1alpha1",
        "Password",
        metadata={"name": physical, "namespace": namespace},
        spec={"length": 32, "digits": 8, "symbols": 0, "noUpper": False, "allowRepeat": True},
        opts=opts,
    )
    source = {
        "generatorRef": {
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": "Password",
            "name": name_of(generator),
        }
    }
    rename = [{"sourceRef": source, "rewrite": [_renamed("password", key)]} for key in keys]
    spec = {"refreshPolicy": "CreatedOnce", "dataFrom": rename}
    told = rotation.never(unrotated) if unrotated else {}
    template = {"template": {"engineVersion": "v2", "data": dict(made)}} if made else {}
    return _external_secret(name, physical, spec, annotations=told, target=template, namespace=namespace, opts=opts)


def stored_secret(
    name: str,
    physical: str,
    keys: Mapping[str, Mapping[str, pulumi.Input[str]]],
    *,
    store: str,
    namespace: pulumi.Input[str],
    awaited: bool = True,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A Secret that follows the cluster's secret store, hour by hour; returns its name. `keys` leads from each key
    to the `remoteRef` of External Secrets that it is read from."""
    spec = {
        "refreshPolicy": "Periodic",
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
        "data": [{"secretKey": key, "remoteRef": dict(remote)} for key, remote in sorted(keys.items())],
    }
    return _external_secret(name, physical, spec, namespace=namespace, awaited=awaited, opts=opts)


def _external_secret(
    name: str,
    physical: str,
    spec: Mapping[str, object],
    *,
    annotations: Mapping[str, str] | None = None,
    target: Mapping[str, object] | None = None,
    namespace: pulumi.Input[str],
    awaited: bool = True,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    noted = {**(WAIT_FOR_READY if awaited else {}), **(annotations or {})}
    metadata = {"name": physical, "namespace": namespace, "annotations": noted}
    spec = {**spec, "target": {"name": physical, "creationPolicy": "Owner", **(target or {})}}
    return name_of(
        custom_object(
            f"{name}-secret", "external-secrets.io/v1", "ExternalSecret", metadata=metadata, spec=spec, opts=opts
        )
    )


def from_secret(variable: str, secret: pulumi.Input[str], key: str) -> dict[str, object]:
    """An environment variable whose value is a key of a Secret."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _renamed(source: str, target: str) -> dict[str, object]:
    return {"regexp": {"source": f"^{source}$", "target": target}}


def from_namespaces(
    *labels: Mapping[str, str], cidrs: Sequence[str] = ()
) -> "list[k8s.networking.v1.NetworkPolicyPeerArgs]":
    """Peers of a network policy: pods of its own namespace, of namespaces with one of the labels, and addresses."""
    net, selector = k8s.networking.v1, k8s.meta.v1.LabelSelectorArgs
    return [
        net.NetworkPolicyPeerArgs(pod_selector=selector()),
        *(net.NetworkPolicyPeerArgs(namespace_selector=selector(match_labels=dict(label))) for label in labels),
        *(net.NetworkPolicyPeerArgs(ip_block=net.IPBlockArgs(cidr=cidr)) for cidr in cidrs),
    ]


def to_services(network: NetworkOutputs, ports: Sequence[int]) -> Egress:
    """The way from a pod to a Service of the same cluster: pods have addresses of the VPC's subnets, and Services
    have theirs, which the VPC CNI compares before they are translated (EKS user guide, "Limit Pod traffic")."""
    return Egress(cidrs=(*network.private_subnet_cidrs, *_SERVICE_CIDRS), ports=tuple(ports))
