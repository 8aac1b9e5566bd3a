"""What a cluster offers to whom: namespaces, ways in, secrets and volumes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.addresses import is_internet
from policies.answers import all_of, as_list, is_set, negated
from policies.model import ABSENT, Judgement, Verdict, judge, look, say
from policies.pods import namespace, object_name
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import own_key

_NAMESPACE = "kubernetes:core/v1:Namespace"
_LIMITS = {"ResourceQuota": "spec.hard", "LimitRange": "spec.limits"}
"""What makes one limit anything."""
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
    value = UNKNOWN if labels in (UNKNOWN, SECRET) else (labels or {}).get(_ENFORCE)
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


@stack_rule("k8s-namespace-quota-and-limits")
def quota_and_limits(graph: Graph) -> Iterator[Judgement]:
    """Namespaces of charts are left out: their size is the chart's."""
    charts = {look(release.inputs, "namespace") for release in graph.of_type(_RELEASE)}
    for space in graph.of_type(_NAMESPACE):
        name = object_name(space)
        if name in charts:
            continue
        for kind in ("ResourceQuota", "LimitRange"):
            made = [one for one in graph.of_type(f"kubernetes:core/v1:{kind}") if look(one.inputs, _LIMITS[kind])]
            places = {namespace(one) for one in made}
            value = UNKNOWN if name == UNKNOWN or (UNKNOWN in places and name not in places) else name
            yield Judgement(
                verdict=_verdict(value, name in places),
                path="metadata.name",
                value=value,
                message=f"the namespace has no {kind}: it can take what the others need",
                urn=space.urn,
            )


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
    if known.get(_CERTIFICATE):
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
    if known.get(_SCHEME) == "internal" or known.get(_INTERNAL) in ("true", "0.0.0.0/0", True):
        return Judgement(verdict=Verdict.MET, path="metadata.annotations", value=dict(known), urn=node.urn)
    ranges = "spec.loadBalancerSourceRanges"
    if look(node.inputs, ranges) is ABSENT and UNKNOWN in (annotations, known.get(_SCHEME)):
        return Judgement(verdict=Verdict.UNKNOWN, path="metadata.annotations", value=UNKNOWN, urn=node.urn)
    found = look(node.inputs, ranges)
    closed = all_of([is_set(found), *(negated(is_internet(cidr)) for cidr in as_list(found))])
    return say(node, ranges, closed, "the whole internet may connect")


@resource_rule("k8s-encrypted-storage-class")
def encrypted_storage_class(node: Node) -> Iterator[Judgement]:
    if look(node.inputs, "provisioner") not in ("ebs.csi.aws.com", "kubernetes.io/aws-ebs", UNKNOWN):
        return
    yield judge(node, "parameters.encrypted", lambda value: str(value).lower() == "true", "volumes are not encrypted")
    yield judge(node, "parameters.kmsKeyId", own_key, "volumes are not encrypted with a key of the platform's own")
