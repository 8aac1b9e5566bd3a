"""Who a workload is, and what follows from the grants that it lists."""

import json
from collections.abc import Sequence

import pulumi
import pytest

from components.base.identity import Egress, Grant, Identity, IdentityArgs, Statement, network_policy
from components.cluster import ClusterConfig
from components.foundation import Foundation
from mlops.plan.graph import Graph
from tests.foundations import foundation, module_options
from tests.support import only, recorded, statements

BUCKET_ONLY = Grant(
    resource="storage/raw",
    access="read",
    statements=(Statement(actions=("s3:GetObject",), resources=("arn:aws:s3:::raw/*",)),),
    egress=(Egress(cidrs=("10.0.0.0/19",), ports=(5432,)),),
)


def identity(grants: Sequence[Grant], mechanism: str = "pod-identity", *, irsa: bool = False) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=False, zone_count=2, settings=ClusterConfig(irsa=irsa))
        args = IdentityArgs(
            cluster=base.cluster,
            namespace="team",
            service_account="worker",
            grants=grants,
            mechanism=mechanism,  # type: ignore[arg-type]
        )
        worker = Identity("worker", args, module_options(base, opts)).outputs
        pulumi.export("serviceAccount", worker.service_account)
        pulumi.export("annotations", worker.annotations)

    return recorded(build)


def policy(grants: Sequence[Grant], ports: Sequence[int] = (8000,)) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        base: Foundation = foundation(opts, cluster=True, database=False, zone_count=2)
        network_policy(
            "worker-network",
            namespace="team",
            selector={"app": "worker"},
            grants=grants,
            ingress_ports=ports,
            opts=module_options(base, opts),
        )

    return recorded(build)


def test_a_workload_may_do_what_its_grants_say_and_nothing_else() -> None:
    graph = identity([BUCKET_ONLY])
    policy_ = only(graph, "aws:iam/rolePolicy:RolePolicy", "worker-policy").inputs["policy"]
    assert statements(policy_) == [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::raw/*"]}]


def test_the_same_right_asked_for_twice_is_written_once() -> None:
    graph = identity([BUCKET_ONLY, BUCKET_ONLY])
    policy_ = only(graph, "aws:iam/rolePolicy:RolePolicy", "worker-policy").inputs["policy"]
    assert len(statements(policy_)) == 1


def test_a_workload_without_rights_has_a_role_without_a_policy() -> None:
    graph = identity([])
    assert [
        node.name for node in graph.of_type("aws:iam/rolePolicy:RolePolicy") if node.name.startswith("worker")
    ] == []
    only(graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "worker-association")


def test_only_the_pod_identity_agent_can_hand_out_the_role() -> None:
    role = only(identity([BUCKET_ONLY]), "aws:iam/role:Role", "worker-role")
    trust = statements(role.inputs["assumeRolePolicy"])
    assert trust == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ]


def test_the_association_waits_for_the_cluster_and_for_the_policy() -> None:
    graph = identity([BUCKET_ONLY])
    association = only(graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "worker-association")
    types = {graph[urn].type for urn in association.dependencies if urn in graph}
    assert {"aws:eks/cluster:Cluster", "aws:iam/rolePolicy:RolePolicy"} <= types
    assert graph.stack_outputs["serviceAccount"] == "worker"


def test_with_irsa_only_that_service_account_of_that_cluster_gets_the_role() -> None:
    graph = identity([BUCKET_ONLY], "irsa", irsa=True)
    role = only(graph, "aws:iam/role:Role", "worker-role")
    condition = statements(role.inputs["assumeRolePolicy"])[0]["Condition"]["StringEquals"]
    assert sorted(condition.values()) == ["sts.amazonaws.com", "system:serviceaccount:team:worker"]
    assert graph.stack_outputs["annotations"] == {"eks.amazonaws.com/role-arn": role.outputs["arn"]}
    names = [node.name for node in graph.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")]
    assert "worker-association" not in names


def test_where_iam_trusts_no_service_accounts_irsa_is_refused_with_the_setting_that_helps() -> None:
    with pytest.raises(ValueError, match=r"worker is bound by IRSA .* set cluster\.irsa to true"):
        identity([BUCKET_ONLY], "irsa")


def test_a_pod_reaches_dns_the_identity_agent_aws_and_where_its_grants_lead() -> None:
    spec = only(policy([BUCKET_ONLY]), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "worker-network").inputs["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    text = json.dumps(spec["egress"])
    for expected in ("169.254.170.23/32", "10.0.0.0/19", "5432", "443", "53"):
        assert expected in text
    assert [rule for rule in spec["egress"] if not rule.get("ports")] == []


def test_nobody_enters_a_pod_that_listens_to_nothing() -> None:
    spec = only(policy([], ports=()), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "worker-network").inputs["spec"]
    assert not spec.get("ingress")
