"""EKS: who reaches the control plane, who is administrator, and what the nodes are."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlops.core.clock import today
from mlops.core.versions import EKS
from mlops.plan.graph import Graph, Node
from policies.addresses import is_internet
from policies.answers import (
    all_of,
    any_of,
    as_list,
    holds_unknown,
    is_false,
    is_one,
    is_own_key,
    is_set,
    is_true,
    is_unknown,
    missing,
    negated,
)
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.registry import resource_rule, stack_rule

CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
RELEASE = "kubernetes:helm.sh/v3:Release"
WORKLOADS = (
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:batch/v1:Job",
    "kubernetes:batch/v1:CronJob",
    "kubernetes:core/v1:Pod",
)
LOG_TYPES = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})
OTHER_NETWORKS = ("cilium", "tigera-operator", "calico")
"""Charts that bring network policies of their own."""


@resource_rule("eks-endpoint-not-open")
def api_is_not_open(node: Node) -> Iterator[Judgement]:
    public = negated(is_false(look(node.inputs, "vpcConfig.endpointPublicAccess")))
    cidrs = look(node.inputs, "vpcConfig.publicAccessCidrs")
    # AWS lets everybody in where no ranges are named.
    limited = (
        None
        if holds_unknown(cidrs)
        else all_of([is_set(cidrs), *(negated(is_internet(cidr)) for cidr in as_list(cidrs))])
    )
    path = "vpcConfig.endpointPublicAccess" if cidrs is ABSENT else "vpcConfig.publicAccessCidrs"
    yield say(node, path, any_of([negated(public), limited]), "the whole internet reaches the Kubernetes API")


@resource_rule("eks-endpoint-private")
def api_is_reached_from_within(node: Node) -> Iterator[Judgement]:
    path = "vpcConfig.endpointPrivateAccess"
    yield say(node, path, is_true(look(node.inputs, path)), "nodes reach the Kubernetes API over the internet only")


@resource_rule("eks-secrets-envelope-encryption")
def secrets_have_a_key(node: Node) -> Iterator[Judgement]:
    resources = look(node.inputs, "encryptionConfig.resources")
    answer = all_of(
        [
            None if holds_unknown(resources) else "secrets" in as_list(resources),
            is_own_key(look(node.inputs, "encryptionConfig.provider.keyArn")),
        ]
    )
    yield say(node, "encryptionConfig", answer, "Kubernetes secrets are not encrypted with a key of yours")


@resource_rule("eks-control-plane-logs")
def control_plane_is_logged(node: Node) -> Iterator[Judgement]:
    path = "enabledClusterLogTypes"
    value = look(node.inputs, path)
    absent = sorted(LOG_TYPES - set(map(str, as_list(value))))
    answer = None if absent and holds_unknown(value) else not absent
    yield say(node, path, answer, f"these logs of the control plane are not kept: {', '.join(absent)}")


@resource_rule("eks-supported-version")
def version_is_supported(node: Node) -> Iterator[Judgement]:
    """The table is the catalogue of versions that the platform is built with."""
    version = look(node.inputs, "version")
    release = EKS.get(str(version))
    answer = None if is_unknown(version) else release is not None and release.standard_until >= today()
    until = (
        f"standard support ended on {release.standard_until}" if release else "it is in no table of supported versions"
    )
    yield say(node, "version", answer, f"Kubernetes {version}: {until}")


@resource_rule("eks-access-entries")
def access_is_by_entries(node: Node) -> Iterator[Judgement]:
    if node.type == CLUSTER:
        path = "accessConfig.authenticationMode"
        yield say(
            node, path, is_one(look(node.inputs, path), "API"), "a ConfigMap in the cluster decides who may do what"
        )


@resource_rule("eks-no-creator-admin")
def nobody_is_administrator_by_accident(node: Node) -> Iterator[Judgement]:
    if node.type == CLUSTER:
        path = "accessConfig.bootstrapClusterCreatorAdminPermissions"
        message = "whoever made the cluster stays its administrator for ever"
        yield say(node, path, is_false(look(node.inputs, path)), message)
        return
    policy, scope = look(node.inputs, "policyArn"), look(node.inputs, "accessScope.type")
    admin = None if is_unknown(policy) else str(policy).endswith("/AmazonEKSClusterAdminPolicy")
    message = "an administrator of the whole cluster; list it as an exemption, or give a namespace"
    yield say(node, "policyArn", negated(all_of([admin, is_one(scope, "cluster")])), message)


@resource_rule("eks-deletion-protection")
def deletion_is_refused(node: Node) -> Iterator[Judgement]:
    yield say(
        node, "deletionProtection", is_true(look(node.inputs, "deletionProtection")), "one call deletes the cluster"
    )


@resource_rule("eks-nodegroup-remote-access")
def nodes_without_ssh(node: Node) -> Iterator[Judgement]:
    answer = any_of(
        [
            negated(is_set(look(node.inputs, "remoteAccess.ec2SshKey"))),
            is_set(look(node.inputs, "remoteAccess.sourceSecurityGroupIds")),
        ]
    )
    yield say(node, "remoteAccess", answer, "EKS opens SSH (22) of these nodes to the whole internet")


@resource_rule("eks-node-optimised-os")
def nodes_run_a_system_for_containers(node: Node) -> Iterator[Judgement]:
    image = look(node.inputs, "amiType")
    answer = None if is_unknown(image) else str(image).startswith(("BOTTLEROCKET", "AL2023"))
    yield say(node, "amiType", answer, "the nodes' system is not made for containers, or no longer maintained")


@stack_rule("eks-network-policy-engine")
def network_policies_work(graph: Graph) -> Iterator[Judgement]:
    if not graph.of_type(CLUSTER):
        return
    message = "network policies are accepted and do nothing"
    addons = [node for node in graph.of_type(ADDON) if is_one(look(node.inputs, "addonName"), "vpc-cni") is not False]
    answers = [
        (
            node,
            all_of([is_one(look(node.inputs, "addonName"), "vpc-cni"), _enforces(node)]),
        )
        for node in addons
    ]
    others = [node for node in graph.of_type(RELEASE) if _is_other_network(look(node.inputs, "chart"))]
    if others:
        yield say(others[0], "chart", True, message)
    elif not answers:
        yield missing(message)
    for node, answer in answers if not others else ():
        yield say(node, "configurationValues", answer, message)


def _enforces(addon: Node) -> Answer:
    values = look(addon.inputs, "configurationValues")
    if isinstance(values, str) and not is_unknown(values):
        try:
            values = json.loads(values)
        except json.JSONDecodeError:
            return False
    return None if is_unknown(values) else is_true(look(values, "enableNetworkPolicy"))


def _is_other_network(chart: Any) -> bool:
    return isinstance(chart, str) and chart.rpartition("/")[2] in OTHER_NETWORKS


@stack_rule("eks-workload-identity")
def pods_have_roles_of_their_own(graph: Graph) -> Iterator[Judgement]:
    if not graph.of_type(CLUSTER):
        return
    message = "pods have no roles of their own, so they use the node's or stored keys"
    found = graph.of_type(ASSOCIATION)
    if not (found or _annotated(graph)):
        yield missing(message)
    for node in found:
        yield say(node, "roleArn", is_set(look(node.inputs, "roleArn")), message)
    for node in graph.of_type(*WORKLOADS):
        if (path := _static_key(node.inputs, "")) is not None:
            yield say(node, path, False, "a pod has an access key of AWS in its environment")


def _annotated(graph: Graph) -> bool:
    """Whether a service account names its role (IRSA), and the cluster's identity provider is there to prove it."""
    key = "eks.amazonaws.com/role-arn"
    annotations = [look(node.inputs, "metadata.annotations") for node in graph.of_type(SERVICE_ACCOUNT)]
    return bool(graph.of_type(OIDC)) and any(key in one for one in annotations if isinstance(one, Mapping))


def _static_key(value: Any, path: str) -> str | None:
    """Path of a container's variable that holds an access key."""
    if isinstance(value, Mapping):
        if value.get("name") == "AWS_ACCESS_KEY_ID":
            return path
        parts = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return None
    return next((found for where, item in parts if (found := _static_key(item, where)) is not None), None)
