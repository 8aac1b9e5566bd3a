"""What the rules say of EKS."""

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, more, stacks, three
from tests.policies.support import verdict

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
EKS = resource(CLUSTER, name="cluster")
ALL_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
BOOTSTRAP = "bootstrapClusterCreatorAdminPermissions"


def endpoint(**settings: object) -> dict[str, object]:
    return {"vpcConfig": settings}


def cni(values: object) -> Node:
    return resource(ADDON, {"addonName": "vpc-cni", "configurationValues": values}, name="vpc-cni")


def association(role: str) -> Node:
    return resource("aws:eks/podIdentityAssociation:PodIdentityAssociation", {"roleArn": role}, name="association")


CASES: list[Case] = [
    *three(
        "eks-endpoint-not-open",
        "an API open to the world",
        CLUSTER,
        endpoint(endpointPublicAccess=True),
        endpoint(endpointPublicAccess=False),
        endpoint(endpointPublicAccess=UNKNOWN),
    ),
    more(
        "eks-endpoint-not-open",
        Verdict.MET,
        "accepts an API for named addresses",
        resource(CLUSTER, endpoint(endpointPublicAccess=True, publicAccessCidrs=["192.0.2.0/24"])),
    ),
    more(
        "eks-endpoint-not-open",
        Verdict.BROKEN,
        "refuses an API for all addresses",
        resource(CLUSTER, endpoint(endpointPublicAccess=True, publicAccessCidrs=["0.0.0.0/0"])),
    ),
    *three(
        "eks-endpoint-private",
        "an API from the internet only",
        CLUSTER,
        endpoint(endpointPrivateAccess=False),
        endpoint(endpointPrivateAccess=True),
        {"vpcConfig": UNKNOWN},
    ),
    *three(
        "eks-secrets-envelope-encryption",
        "secrets without a key",
        CLUSTER,
        {},
        {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": "arn"}}},
        {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}},
    ),
    *three(
        "eks-control-plane-logs",
        "a control plane that is half logged",
        CLUSTER,
        {"enabledClusterLogTypes": ["audit"]},
        {"enabledClusterLogTypes": ALL_LOGS},
        {"enabledClusterLogTypes": UNKNOWN},
    ),
    *three(
        "eks-supported-version",
        "a version out of support",
        CLUSTER,
        {"version": "1.31"},
        {"version": "1.35"},
        {"version": UNKNOWN},
    ),
    *three(
        "eks-access-entries",
        "a ConfigMap that decides",
        CLUSTER,
        {"accessConfig": {"authenticationMode": "CONFIG_MAP"}},
        {"accessConfig": {"authenticationMode": "API"}},
        {"accessConfig": UNKNOWN},
    ),
    *three(
        "eks-no-creator-admin",
        "an administrator by accident",
        CLUSTER,
        {"accessConfig": {BOOTSTRAP: True}},
        {"accessConfig": {BOOTSTRAP: False}},
        {"accessConfig": {BOOTSTRAP: UNKNOWN}},
    ),
    *three(
        "eks-no-creator-admin",
        "an administrator of everything",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        {
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": {"type": "cluster"},
        },
        {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": {"type": "cluster"}},
        {"policyArn": UNKNOWN, "accessScope": {"type": "cluster"}},
    ),
    *three(
        "eks-deletion-protection",
        "a cluster that one call deletes",
        CLUSTER,
        {},
        {"deletionProtection": True},
        {"deletionProtection": UNKNOWN},
    ),
    *three(
        "eks-nodegroup-remote-access",
        "SSH open to the world",
        NODE_GROUP,
        {"remoteAccess": {"ec2SshKey": "key"}},
        {},
        {"remoteAccess": UNKNOWN},
    ),
    *three(
        "eks-node-optimised-os",
        "an old system",
        NODE_GROUP,
        {"amiType": "AL2_x86_64"},
        {"amiType": "BOTTLEROCKET_x86_64"},
        {"amiType": UNKNOWN},
    ),
    *stacks(
        "eks-network-policy-engine",
        "policies that do nothing",
        [EKS, cni('{"enableNetworkPolicy": "false"}')],
        [EKS, cni('{"enableNetworkPolicy": "true"}')],
        [EKS, cni(UNKNOWN)],
    ),
    more("eks-network-policy-engine", Verdict.BROKEN, "misses an engine", EKS),
    more(
        "eks-network-policy-engine",
        Verdict.MET,
        "accepts another network",
        EKS,
        resource("kubernetes:helm.sh/v3:Release", {"chart": "cilium"}),
    ),
    *stacks(
        "eks-workload-identity", "pods without roles", [EKS], [EKS, association("arn")], [EKS, association(UNKNOWN)]
    ),
    more(
        "eks-workload-identity",
        Verdict.BROKEN,
        "refuses an access key in a pod",
        EKS,
        association("arn"),
        resource(
            "kubernetes:apps/v1:Deployment",
            {"spec": {"template": {"spec": {"containers": [{"env": [{"name": "AWS_ACCESS_KEY_ID"}]}]}}}},
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected
