"""Types that rules know under another name: second names of the AWS provider, those that state the same, and older API
versions of Kubernetes."""

import re
from collections.abc import Mapping
from functools import cache

_SAME = {
    "aws:alb/": "aws:lb/",
    "aws:applicationloadbalancing/": "aws:lb/",
    "aws:elasticloadbalancingv2/": "aws:lb/",
    "aws:elasticsearch/domain:Domain": "aws:opensearch/domain:Domain",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/defaultSubnet:DefaultSubnet": "aws:ec2/subnet:Subnet",
    "aws:ec2/defaultVpc:DefaultVpc": "aws:ec2/vpc:Vpc",
    "aws:ec2/launchConfiguration:LaunchConfiguration": "aws:ec2/instance:Instance",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": "aws:ec2/instance:Instance",
    "aws:s3/bucketObjectv2:BucketV2": "aws:s3/bucket:Bucket",
}
"""Beginning of a type -> what stands for it. Source: the AWS provider's own `module` and `alias` tables
(pulumi-aws, provider/resources.go), in which the second name of a module leads to the same resource."""
_SECOND_VERSION = re.compile(r"(aws:s3/bucket\w*?)V2:(\w+?)V2")
_PATCH = re.compile(r"(kubernetes:.*)Patch")
_GROUPS: Mapping[str, Mapping[str, str]] = {
    "apps/v1": dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"), "apps extensions"),
    "batch/v1": {"Job": "batch", "CronJob": "batch"},
    "networking.k8s.io/v1": {
        "Ingress": "networking.k8s.io extensions",
        "NetworkPolicy": "networking.k8s.io extensions",
    },
    "policy/v1": {"PodDisruptionBudget": "policy"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "autoscaling"},
    "storage.k8s.io/v1": {"StorageClass": "storage.k8s.io"},
    "rbac.authorization.k8s.io/v1": dict.fromkeys(
        ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), "rbac.authorization.k8s.io"
    ),
}
"""Current API version -> its kinds and the groups in which older versions of them lie. Source: Kubernetes
documentation, "Deprecated API Migration Guide"."""
_ALIKE = {"ReplicaSet": "Deployment", "ReplicationController": "Deployment"}
"""Kinds that keep pods as another does, and state them in the same place."""
_CURRENT = {
    (group, kind): f"kubernetes:{version}:{kind}"
    for version, kinds in _GROUPS.items()
    for kind, groups in kinds.items()
    for group in groups.split()
}


@cache
def current_type(type_: str) -> str:
    """The type by which rules know a type of resource."""
    if type_.startswith("kubernetes:"):
        return _of_kubernetes(_PATCH.sub(r"\1", type_))
    if second := _SECOND_VERSION.fullmatch(type_):
        return f"{second[1]}:{second[2]}"
    return next((same + type_.removeprefix(start) for start, same in _SAME.items() if type_.startswith(start)), type_)


def _of_kubernetes(type_: str) -> str:
    version, _, kind = type_.removeprefix("kubernetes:").rpartition(":")
    group = version.partition("/")[0]
    if kind in _ALIKE and group in ("apps", "extensions", "core"):
        group, kind = "apps", _ALIKE[kind]
    return _CURRENT.get((group, kind), type_)
