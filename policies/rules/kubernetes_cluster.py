"""What a cluster offers to whom: namespaces, network policies, rights, ways in, secrets and volumes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.model import ABSENT, Judgement, Verdict, judge, look
from policies.pods import entries, namespace, object_name
from policies.registry import resource_rule, stack_rule

_NAMESPACE = "kubernetes:core/v1:Namespace"
_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_RELEASE = "kubernetes:helm.sh/v3:Release"
_ENFORCE = "pod-security.kubernetes.io/enforce"
"""Label of Pod Security Admission. Source: Kubernetes documentation, "Enforce Pod Security Standards with Labels"."""
_CERTIFICATE = "alb.ingress.kubernetes.io/certificate-arn"
_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
_INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"
"""Annotations of the AWS Load Balancer Controller. Source: its guide, "Annotations" of Ingress and Service."""


@resource_rule("k8s-namespace-pod-security-label")
def pod_security_label(node: Node) -> Iterator[Judgement]:
    """Restricted or, for what carries the platform, baseline."""
    labels = look(node.inputs, "metadata.labels")
    value = labels if labels == UNKNOWN else (labels or {}).get(_ENFORCE)
    yield Judgement(
        verdict=_verdict(value, value in ("restricted", "baseline")),
        path=f'metadata.labels["{_ENFORCE}"]',
        value=value,
        message="pods with rights over the node may be started here",
        urn=node.urn,
    )


def _verdict(value: Any, holds: bool) -> Verdict:
    if value == UNKNOWN:
        return Verdict.UNKNOWN
    return Verdict.MET if holds else Verdict.BROKEN


@stack_rule("k8s-namespace-network-policy")
def namespace_network_policy(graph: Graph) -> Iterator[Judgement]:
    """Each namespace needs policies that take all of its pods and, together, close both directions."""
    policies = graph.of_type(_POLICY)
    for space in graph.of_type(_NAMESPACE):
        name = object_name(space)
        own = [policy for policy in policies if namespace(policy) == name or UNKNOWN in (name, namespace(policy))]
        for direction in ("Ingress", "Egress"):
            yield _closed(space, direction, own, unknown=name == UNKNOWN)


def _closed(space: Node, direction: str, policies: Iterable[Node], *, unknown: bool) -> Judgement:
    states = [(policy, _closes(policy, direction)) for policy in policies]
    for policy, closes in states:
        if closes and not unknown and namespace(policy) != UNKNOWN:
            value = look(policy.inputs, "spec.policyTypes")
            return Judgement(verdict=Verdict.MET, path="spec.policyTypes", value=value, urn=policy.urn)
    doubtful = any(closes is not False for _, closes in states)
    return Judgement(
        verdict=Verdict.UNKNOWN if doubtful else Verdict.BROKEN,
        path="metadata.name",
        value=look(space.inputs, "metadata.name") or None,
        message=f"no network policy closes the {direction.lower()} of all pods of the namespace",
        urn=space.urn,
    )


def _closes(policy: Node, direction: str) -> bool | None:
    """Whether a policy takes every pod of its namespace and lets through only what it lists."""
    spec = look(policy.inputs, "spec")
    if not isinstance(spec, Mapping):
        return None if spec == UNKNOWN else False
    selector, types, rules = (spec.get(key) for key in ("podSelector", "policyTypes", direction.lower()))
    if UNKNOWN in (selector, types, rules):
        return None
    # Without types a policy is for ingress, and for egress where it states some (NetworkPolicySpec.policyTypes).
    named = direction in (types or ["Ingress", *(["Egress"] if spec.get("egress") else [])])
    everybody = not any((selector or {}).get(key) for key in ("matchLabels", "matchExpressions"))
    return named and everybody and {} not in (rules or [])


@stack_rule("k8s-namespace-quota-and-limits")
def quota_and_limits(graph: Graph) -> Iterator[Judgement]:
    """Namespaces of charts are left out: their size is the chart's."""
    charts = {look(release.inputs, "namespace") for release in graph.of_type(_RELEASE)}
    for space in graph.of_type(_NAMESPACE):
        name = object_name(space)
        if name in charts:
            continue
        for kind in ("ResourceQuota", "LimitRange"):
            places = {namespace(one) for one in graph.of_type(f"kubernetes:core/v1:{kind}")}
            value = UNKNOWN if name == UNKNOWN or (UNKNOWN in places and name not in places) else name
            yield Judgement(
                verdict=_verdict(value, name in places),
                path="metadata.name",
                value=value,
                message=f"the namespace has no {kind}: it can take what the others need",
                urn=space.urn,
            )


def _rules(node: Node) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in entries(node, "rules"):
        rule = look(node.inputs, path)
        yield path, rule if isinstance(rule, Mapping) else {"verbs": UNKNOWN, "resources": UNKNOWN}


def _words(rule: Mapping[str, Any], key: str) -> frozenset[str] | None:
    value = rule.get(key) or []
    return None if value == UNKNOWN or UNKNOWN in value else frozenset(value)


@resource_rule("k8s-rbac-no-wildcards")
def rbac_no_wildcards(node: Node) -> Iterator[Judgement]:
    for path, _ in _rules(node):
        for key in ("verbs", "resources", "apiGroups"):
            message = f"the role has all {key}, those of tomorrow included"
            yield judge(node, f"{path}.{key}", lambda words: "*" not in words, message, absent_is_met=True)


@resource_rule("k8s-rbac-secret-access")
def rbac_secret_access(node: Node) -> Iterator[Judgement]:
    """Reading Secrets is for roles that name them."""
    for path, rule in _rules(node):
        verbs, resources = _words(rule, "verbs"), _words(rule, "resources")
        known = verbs is not None and resources is not None
        reads = bool((verbs or frozenset()) & {"get", "list", "watch", "*"})
        secrets = bool((resources or frozenset()) & {"secrets", "*"})
        yield Judgement(
            verdict=_verdict("" if known else UNKNOWN, not (reads and secrets) or bool(rule.get("resourceNames"))),
            path=path,
            value=dict(rule),
            message="whoever has the role reads every Secret in its reach",
            urn=node.urn,
        )


_DANGEROUS_VERBS = frozenset({"bind", "escalate", "impersonate", "*"})
_DANGEROUS_TO_CREATE = frozenset(
    {
        "pods",
        "persistentvolumes",
        "serviceaccounts/token",
        "nodes/proxy",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "*",
    }
)


@resource_rule("k8s-rbac-dangerous-verbs")
def rbac_dangerous_verbs(node: Node) -> Iterator[Judgement]:
    for path, rule in _rules(node):
        verbs, resources = _words(rule, "verbs"), _words(rule, "resources")
        known = verbs is not None and resources is not None
        raises = bool((verbs or frozenset()) & _DANGEROUS_VERBS)
        makes = "create" in (verbs or ()) and bool((resources or frozenset()) & _DANGEROUS_TO_CREATE)
        yield Judgement(
            verdict=_verdict("" if known else UNKNOWN, not raises and not makes),
            path=path,
            value=dict(rule),
            message="whoever has the role can give itself more rights",
            urn=node.urn,
        )


@resource_rule("k8s-rbac-no-cluster-admin")
def rbac_no_cluster_admin(node: Node) -> Iterator[Judgement]:
    message = "the subject may do everything on the cluster"
    yield judge(node, "roleRef.name", lambda name: name != "cluster-admin", message)
    for path in entries(node, "subjects"):
        message = "rights for a group that has no owner"
        yield judge(node, f"{path}.name", lambda name: name not in ("system:masters", "system:anonymous"), message)


@stack_rule("k8s-external-secret-store")
def external_secret_store(graph: Graph) -> Iterator[Judgement]:
    message = "the value lies in the state and in the cluster, and nobody rotates it"
    for secret in graph.of_type("kubernetes:core/v1:Secret"):
        path = "stringData" if look(secret.inputs, "stringData") is not ABSENT else "data"
        judged = judge(secret, path, lambda values: not values, message, absent_is_met=True)
        # What a Secret holds is shown to nobody, whoever reads the report.
        yield Judgement(verdict=judged.verdict, path=path, message=judged.message, urn=secret.urn)


@resource_rule("k8s-ingress-tls")
def ingress_tls(node: Node) -> Iterator[Judgement]:
    annotations = look(node.inputs, "metadata.annotations")
    known = annotations if isinstance(annotations, Mapping) else {}
    if _CERTIFICATE in known:
        path, value = f'metadata.annotations["{_CERTIFICATE}"]', known[_CERTIFICATE]
        yield Judgement(verdict=Verdict.MET, path=path, value=value, urn=node.urn)
    elif annotations == UNKNOWN and look(node.inputs, "spec.tls") is ABSENT:
        yield Judgement(verdict=Verdict.UNKNOWN, path="metadata.annotations", value=UNKNOWN, urn=node.urn)
    else:
        yield judge(node, "spec.tls", bool, "requests and answers can be read on their way")
    for name in (name for name in known if re.search(r"-snippet$", name)):
        message = "a snippet puts any configuration into the proxy"
        path = f'metadata.annotations["{name}"]'
        yield Judgement(verdict=Verdict.BROKEN, path=path, value=known[name], message=message, urn=node.urn)


@resource_rule("k8s-service-exposure")
def service_exposure(node: Node) -> Iterator[Judgement]:
    message = "the port is open on every node"
    yield judge(node, "spec.type", lambda value: value != "NodePort", message, absent_is_met=True)
    if look(node.inputs, "spec.externalIPs") is not ABSENT:
        yield judge(node, "spec.externalIPs", lambda value: not value, "traffic to these addresses can be taken over")
    if look(node.inputs, "spec.type") == "LoadBalancer":
        yield _load_balancer(node)


def _load_balancer(node: Node) -> Judgement:
    annotations = look(node.inputs, "metadata.annotations")
    known = annotations if isinstance(annotations, Mapping) else {}
    if known.get(_SCHEME) == "internal" or known.get(_INTERNAL) == "true":
        return Judgement(verdict=Verdict.MET, path="metadata.annotations", value=dict(known), urn=node.urn)
    ranges = "spec.loadBalancerSourceRanges"
    if look(node.inputs, ranges) is ABSENT and UNKNOWN in (annotations, known.get(_SCHEME)):
        return Judgement(verdict=Verdict.UNKNOWN, path="metadata.annotations", value=UNKNOWN, urn=node.urn)
    return judge(node, ranges, lambda value: bool(value) and "0.0.0.0/0" not in value, "the whole internet may connect")


@resource_rule("k8s-encrypted-storage-class")
def encrypted_storage_class(node: Node) -> Iterator[Judgement]:
    if look(node.inputs, "provisioner") not in ("ebs.csi.aws.com", UNKNOWN):
        return
    yield judge(node, "parameters.encrypted", lambda value: str(value).lower() == "true", "volumes are not encrypted")
    yield judge(node, "parameters.kmsKeyId", bool, "volumes are not encrypted with a key of the platform's own")
