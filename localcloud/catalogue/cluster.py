"""EKS: the control plane and everything that AWS keeps about it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from localcloud.catalogue.kind import Kind, Name
from localcloud.catalogue.network import SECURITY_GROUP

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
FARGATE_PROFILE = "aws:eks/fargateProfile:FargateProfile"
POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ACCESS_ENTRY = "aws:eks/accessEntry:AccessEntry"
SCHEDULE = "aws:autoscaling/schedule:Schedule"
ACCESS_POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"

_EKS = "arn:aws:eks:{region}:{account}:"


def kubeconfig(
    cluster_name: str, cluster: Mapping[str, Any], *, role_arn: str | None = None, profile: str | None = None
) -> dict[str, Any]:
    """The kubeconfig that pulumi-eks makes from a cluster's outputs: it gets its token from the AWS CLI."""
    region = (cluster["arn"].split(":") + [""] * 3)[3] or cluster["arn"]
    arguments = ["--region", region, "eks", "get-token", "--cluster-name", cluster_name, "--output", "json"]
    arguments += [*(["--role", role_arn] if role_arn else []), *(["--profile", profile] if profile else [])]
    authority = cluster["certificateAuthority"]["data"]
    server = {"server": cluster["endpoint"], "certificate-authority-data": authority}
    version = "client.authentication.k8s.io/v1beta1"
    execution = {
        "apiVersion": version,
        "command": "aws",
        "args": arguments,
        "env": [{"name": "KUBERNETES_EXEC_INFO", "value": json.dumps({"apiVersion": version})}],
    }
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": server, "name": "kubernetes"}],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [{"name": "aws", "user": {"exec": execution}}],
    }


def _authority(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"certificateAuthority": {"data": b64encode(f"stand-in {fields['hash']}".encode()).decode()}}


KINDS = {
    CLUSTER: Kind(
        id="{name}",
        arn=_EKS + "cluster/{name}",
        outputs={
            "name": "{name}",
            "endpoint": "https://{HEX32}.gr7.{region}.eks.amazonaws.com",
            "identities": [{"oidcs": [{"issuer": "https://oidc.eks.{region}.amazonaws.com/id/{HEX32}"}]}],
            "platformVersion": "eks.1",
            "status": "ACTIVE",
            "createdAt": "2026-01-01T00:00:00Z",
            "vpcConfig": {"clusterSecurityGroupId": "sg-{hash}", "endpointPublicAccess": True},
        },
        derive=_authority,
        name=Name(longest=100, pattern=r"[a-zA-Z0-9][a-zA-Z0-9\-_]*"),
        kept_by=(NODE_GROUP, FARGATE_PROFILE),
        brings={"vpcConfig.clusterSecurityGroupId": SECURITY_GROUP},
        trust={"roleArn": "eks.amazonaws.com"},
    ),
    NODE_GROUP: Kind(
        id="{clusterName}:{name}",
        arn=_EKS + "nodegroup/{clusterName}/{name}/{short}",
        outputs={
            "nodeGroupName": "{name}",
            "status": "ACTIVE",
            "resources": [{"autoscalingGroups": [{"name": "eks-{name}-{short}"}]}],
        },
        name=Name(property="nodeGroupName", longest=63, prefix="nodeGroupNamePrefix", pattern=r"[a-zA-Z0-9][\w\-]*"),
        trust={"nodeRoleArn": "ec2.amazonaws.com"},
    ),
    ADDON: Kind(
        id="{clusterName}:{addonName}",
        arn=_EKS + "addon/{clusterName}/{addonName}/{short}",
        outputs={
            "addonVersion": "v1.0.0-eksbuild.1",
            "createdAt": "2026-01-01T00:00:00Z",
            "modifiedAt": "2026-01-01T00:00:00Z",
        },
        trust={"podIdentityAssociations.roleArn": "pods.eks.amazonaws.com"},
    ),
    FARGATE_PROFILE: Kind(
        id="{clusterName}:{name}",
        arn=_EKS + "fargateprofile/{clusterName}/{name}/{short}",
        outputs={"fargateProfileName": "{name}", "status": "ACTIVE"},
        name=Name(property="fargateProfileName", longest=100, pattern=r"(?!eks-)[a-zA-Z0-9][\w\-]*"),
        trust={"podExecutionRoleArn": "eks-fargate-pods.amazonaws.com"},
    ),
    POD_IDENTITY: Kind(
        id="a-{hash}",
        outputs={
            "associationId": "{id}",
            "associationArn": _EKS + "podidentityassociation/{clusterName}/{id}",
            "disableSessionTags": False,
        },
        unique=("clusterName", "namespace", "serviceAccount"),
        trust={"roleArn": "pods.eks.amazonaws.com"},
    ),
    ACCESS_ENTRY: Kind(
        id="{clusterName}:{principalArn}",
        outputs={
            "accessEntryArn": _EKS + "access-entry/{clusterName}/{short}",
            "type": "STANDARD",
            "userName": "{principalArn}",
            "createdAt": "2026-01-01T00:00:00Z",
            "modifiedAt": "2026-01-01T00:00:00Z",
        },
    ),
    ACCESS_POLICY: Kind(
        id="{clusterName}#{principalArn}#{policyArn}",
        outputs={"associatedAt": "2026-01-01T00:00:00Z", "modifiedAt": "2026-01-01T00:00:00Z"},
        tags=False,
    ),
    SCHEDULE: Kind(
        id="{scheduledActionName}",
        arn="arn:aws:autoscaling:{region}:{account}:scheduledUpdateGroupAction:{uuid}:"
        "autoScalingGroupName/{autoscalingGroupName}:scheduledActionName/{scheduledActionName}",
        unique=("autoscalingGroupName", "scheduledActionName"),
        tags=False,
    ),
}
