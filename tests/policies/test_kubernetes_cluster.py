"""Namespaces, rights, ways in, copies: for each rule what breaks it, what satisfies it, what cannot be known."""

from dataclasses import replace
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.support import judgements, verdict
from tests.policies.test_kubernetes_pods import workload

ENFORCE = "pod-security.kubernetes.io/enforce"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"


def space(name: Any = "team", **labels: Any) -> Node:
    return resource("kubernetes:core/v1:Namespace", {"metadata": {"name": name, "labels": labels}}, name="space")


def policy(namespace: Any = "team", **spec: Any) -> Node:
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    type_ = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    return resource(
        type_, {"metadata": {"name": "closed", "namespace": namespace}, "spec": {**closed, **spec}}, name="closed"
    )


def role(**rule: Any) -> Node:
    return resource(
        ROLE, {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **rule}]}, name="role"
    )


def binding(name: Any, subject: str = "app") -> Node:
    type_ = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
    return resource(
        type_, {"roleRef": {"name": name}, "subjects": [{"kind": "Group", "name": subject}]}, name="binding"
    )


def ingress(**inputs: Any) -> Node:
    return resource("kubernetes:networking.k8s.io/v1:Ingress", inputs, name="way-in")


def service(annotations: Any = None, **spec: Any) -> Node:
    metadata = {"annotations": annotations} if annotations is not None else {}
    return resource("kubernetes:core/v1:Service", {"metadata": metadata, "spec": spec}, name="service")


def storage(**parameters: Any) -> Node:
    type_ = "kubernetes:storage.k8s.io/v1:StorageClass"
    return resource(type_, {"provisioner": "ebs.csi.aws.com", "parameters": parameters}, name="gp3")


def secret(**inputs: Any) -> Node:
    return resource("kubernetes:core/v1:Secret", inputs, name="secret")


def account(automount: Any) -> Node:
    metadata = {"name": "server", "namespace": "team"}
    type_ = "kubernetes:core/v1:ServiceAccount"
    return resource(type_, {"metadata": metadata, "automountServiceAccountToken": automount}, name="account")


def quota(namespace: Any = "team") -> tuple[Node, Node]:
    metadata = {"namespace": namespace}
    kinds = ("ResourceQuota", "LimitRange")
    spec = {"hard": {"cpu": "4"}, "limits": [{"type": "Container", "default": {"cpu": "1"}}]}
    inputs = {"metadata": metadata, "spec": spec}
    made = [resource(f"kubernetes:core/v1:{kind}", inputs, name=kind.lower()) for kind in kinds]
    return made[0], made[1]


LABELS = {"app": "server"}


def deployment(replicas: Any, **spec: Any) -> Node:
    made = workload(spec=spec)
    template = {**made.inputs["spec"]["template"], "metadata": {"labels": LABELS}}
    inputs = {**made.inputs, "spec": {"replicas": replicas, "template": template}}
    return resource(made.type, inputs, name="server")


def budget(**spec: Any) -> Node:
    metadata = {"name": "server", "namespace": "team"}
    return resource(
        "kubernetes:policy/v1:PodDisruptionBudget",
        {"metadata": metadata, "spec": {"selector": {"matchLabels": LABELS}, **spec}},
        name="budget",
    )


SPREAD: list[Any] = [{"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1}]
SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
CASES: list[tuple[str, tuple[Node, ...], tuple[Node, ...], tuple[Node, ...]]] = [
    (
        "k8s-namespace-pod-security-label",
        (space(),),
        (space(**{ENFORCE: "restricted"}),),
        (space(**{ENFORCE: UNKNOWN}),),
    ),
    (
        "k8s-namespace-network-policy",
        (space(), policy(podSelector={"matchLabels": LABELS})),
        (space(), policy()),
        (space(UNKNOWN), policy()),
    ),
    ("k8s-namespace-quota-and-limits", (space(),), (space(), *quota()), (space(), *quota(UNKNOWN))),
    ("k8s-rbac-no-wildcards", (role(verbs=["*"]),), (role(),), (role(resources=UNKNOWN),)),
    (
        "k8s-rbac-secret-access",
        (role(resources=["secrets"]),),
        (role(resources=["secrets"], resourceNames=["db"]),),
        (role(resources=UNKNOWN),),
    ),
    (
        "k8s-rbac-dangerous-verbs",
        (role(verbs=["create"]),),
        (role(verbs=["create"], resources=["configmaps"]),),
        (role(verbs=UNKNOWN),),
    ),
    ("k8s-rbac-no-cluster-admin", (binding("cluster-admin"),), (binding("view"),), (binding(UNKNOWN),)),
    (
        "k8s-ingress-tls",
        (ingress(spec={"rules": []}),),
        (ingress(spec={"tls": [{"hosts": ["a.test"]}]}),),
        (ingress(spec={"tls": UNKNOWN}),),
    ),
    (
        "k8s-service-exposure",
        (service(type="LoadBalancer"),),
        (service({SCHEME: "internal"}, type="LoadBalancer"),),
        (service({SCHEME: UNKNOWN}, type="LoadBalancer"),),
    ),
    (
        "k8s-encrypted-storage-class",
        (storage(encrypted="false", kmsKeyId="key"),),
        (storage(encrypted="true", kmsKeyId="key"),),
        (storage(encrypted="true", kmsKeyId=UNKNOWN),),
    ),
    (
        "k8s-external-secret-store",
        (secret(stringData={"password": "[secret]"}),),
        (secret(type="Opaque"),),
        (secret(data=UNKNOWN),),
    ),
    (
        "k8s-no-automount-token",
        (workload(),),
        (workload(spec={"automountServiceAccountToken": False}),),
        (workload(spec={"automountServiceAccountToken": UNKNOWN}),),
    ),
    (
        "k8s-pdb",
        (deployment(2), budget(maxUnavailable=0)),
        (deployment(2), budget(maxUnavailable=1)),
        (deployment(UNKNOWN), budget(maxUnavailable=1)),
    ),
    (
        "k8s-replicas-and-spread",
        (deployment(1, topologySpreadConstraints=SPREAD),),
        (deployment(2, topologySpreadConstraints=SPREAD),),
        (deployment(2, topologySpreadConstraints=UNKNOWN),),
    ),
]


@pytest.mark.parametrize(("rule", "breaks", "satisfies", "unknown"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_tells_broken_from_met_and_from_unknown(
    rule: str, breaks: tuple[Node, ...], satisfies: tuple[Node, ...], unknown: tuple[Node, ...]
) -> None:
    assert verdict(rule, *breaks) is Verdict.BROKEN
    assert verdict(rule, *satisfies) is Verdict.MET
    assert verdict(rule, *unknown) is Verdict.UNKNOWN
    broken = [one for one in judgements(rule, *breaks) if one.verdict is Verdict.BROKEN]
    assert all(one.path and one.message and one.urn for one in broken)


def test_a_namespace_that_lets_everything_out_is_open() -> None:
    found = judgements("k8s-namespace-network-policy", space(), policy(policyTypes=["Ingress"]))
    assert [one.verdict for one in found] == [Verdict.MET, Verdict.BROKEN]
    everything = policy(egress=[{}])
    assert verdict("k8s-namespace-network-policy", space(), everything) is Verdict.BROKEN


def test_a_policy_whose_namespace_a_preview_leaves_out_belongs_where_the_name_comes_from() -> None:
    made = space()
    unplaced = replace(policy(), property_dependencies={"metadata": (made.urn,)})
    unplaced = replace(unplaced, inputs={**unplaced.inputs, "metadata": {"name": "closed"}})
    assert verdict("k8s-namespace-network-policy", made, unplaced) is Verdict.MET
    elsewhere = replace(unplaced, property_dependencies={})
    assert verdict("k8s-namespace-network-policy", made, elsewhere) is Verdict.BROKEN


def test_two_policies_may_close_one_direction_each() -> None:
    nodes = space(), policy(policyTypes=["Ingress"]), policy(policyTypes=["Egress"])
    assert verdict("k8s-namespace-network-policy", *nodes) is Verdict.MET


def test_a_policy_of_another_namespace_closes_nothing_here() -> None:
    assert verdict("k8s-namespace-network-policy", space(), policy("other")) is Verdict.BROKEN


def test_a_namespace_of_a_chart_needs_no_quota_of_ours() -> None:
    release = resource("kubernetes:helm.sh/v3:Release", {"namespace": "team"}, name="chart")
    assert verdict("k8s-namespace-quota-and-limits", space(), release) is None


def test_a_pod_follows_its_service_account_where_it_says_nothing() -> None:
    pod = workload(spec={"serviceAccountName": "server"})
    assert verdict("k8s-no-automount-token", account(False), pod) is Verdict.MET
    assert verdict("k8s-no-automount-token", account(True), pod) is Verdict.BROKEN


def test_an_autoscaler_says_how_many_copies_there_are() -> None:
    target = {"kind": "Deployment", "name": "server"}
    scaler = resource(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        {"metadata": {"namespace": "team"}, "spec": {"minReplicas": 2, "scaleTargetRef": target}},
        name="scaler",
    )
    server = deployment(1, topologySpreadConstraints=SPREAD)
    assert verdict("k8s-replicas-and-spread", server, scaler) is Verdict.MET
    assert verdict("k8s-pdb", server, scaler) is Verdict.BROKEN
    assert verdict("k8s-pdb", server, scaler, budget(minAvailable=1)) is Verdict.MET
    assert verdict("k8s-pdb", server, scaler, budget(minAvailable=2)) is Verdict.BROKEN


def test_one_copy_needs_no_disruption_budget() -> None:
    assert verdict("k8s-pdb", deployment(1)) is None


def test_a_certificate_of_the_load_balancer_is_tls_and_a_snippet_is_a_breach() -> None:
    certificate = {"alb.ingress.kubernetes.io/certificate-arn": "arn:aws:acm:us-east-1:000000000000:certificate/x"}
    assert verdict("k8s-ingress-tls", ingress(metadata={"annotations": certificate})) is Verdict.MET
    snippet = {**certificate, "nginx.ingress.kubernetes.io/server-snippet": "return 200;"}
    assert verdict("k8s-ingress-tls", ingress(metadata={"annotations": snippet})) is Verdict.BROKEN


def test_what_a_secret_holds_is_shown_to_nobody() -> None:
    found = judgements("k8s-external-secret-store", secret(data={"password": "aHVudGVyMg=="}))
    assert [one.value for one in found] == [None]


def test_a_port_on_every_node_is_a_breach_and_a_closed_list_of_sources_is_none() -> None:
    assert verdict("k8s-service-exposure", service(type="NodePort")) is Verdict.BROKEN
    assert verdict("k8s-service-exposure", service(type="ClusterIP")) is Verdict.MET
    few = service(type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"])
    assert verdict("k8s-service-exposure", few) is Verdict.MET
