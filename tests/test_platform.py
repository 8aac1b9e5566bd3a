"""The platform as a whole: every tier, and every combination of what its slots can hold."""

import itertools
import json
from typing import Any

import pytest

from components.settings import PlatformConfig
from mlops.choice.modules import Module, chosen
from mlops.core.module import kind_of, slots, variants
from mlops.plan.graph import Graph
from mlops.tiers import TIERS
from mlops.tiers import tier as settings_of
from tests.pairs import covering
from tests.platforms import platform, tier_graph

SLOTS = slots(PlatformConfig)
VARIANTS = {name: {kind_of(variant): variant for variant in variants(slot)} for name, slot in SLOTS.items()}
COMBINATIONS = covering({slot: (None, *kinds) for slot, kinds in VARIANTS.items()})
"""Every two variants of different slots meet in one of them; the product of all slots has thousands."""
PROTECTED = (
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
    "aws:kms/key:Key",
    "aws:kinesis/stream:Stream",
    "aws:msk/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
)

each_tier = pytest.mark.parametrize("tier", TIERS)


def modules(graph: Graph) -> set[str]:
    return {graph.module(node) for node in graph} - {""}


@each_tier
def test_a_tier_has_every_part_of_the_platform(tier: str) -> None:
    filled = {slot.replace("_", "-") for slot in settings_of(tier).modules}
    assert {"data-pipeline", "ml-platform", "serving"} <= filled
    expected = {"keys", "network", "storage", "registry", "cluster", "database", *filled}
    # The account's own settings belong to the stacks that own the account.
    assert modules(tier_graph(tier)) == expected | ({"account"} if tier in ("prod", "enterprise") else set())


@each_tier
def test_a_stack_exports_what_people_ask_for(tier: str) -> None:
    outputs = tier_graph(tier).stack_outputs
    assert set(outputs["buckets"]) == {"raw", "curated", "features", "artifacts"}
    for name in ("clusterName", "kubeconfigCommand", "trackingUrl", "stream", "streamEndpoint", "databaseEndpoint"):
        assert outputs[name], name
    assert outputs["clusterName"] == "mlops-test"


TAGS = {"Project", "Environment", "ManagedBy", "Owner", "CostCenter", "DataClassification"}


@each_tier
def test_everything_that_can_be_tagged_carries_who_owns_and_pays(tier: str) -> None:
    for node in tier_graph(tier).nodes:
        if node.package == "aws" and "tagsAll" in node.outputs:
            missing = TAGS - set(node.outputs["tagsAll"])
            assert not missing, f"{node.name} lacks {missing}"


@each_tier
def test_nothing_uses_a_default_provider(tier: str) -> None:
    graph = tier_graph(tier)
    assert all(node.provider in graph for node in graph if node.custom and not node.type.startswith("pulumi:"))


@pytest.mark.parametrize("tier", ["prod", "enterprise"])
def test_what_holds_data_is_protected_where_data_matters(tier: str) -> None:
    unprotected = [node.name for node in tier_graph(tier).of_type(*PROTECTED) if not node.protect]
    # The control plane is made within pulumi-eks; its component carries the protection.
    assert [name for name in unprotected if "control" not in name] == []


@pytest.mark.parametrize("tier", ["local", "dev", "experimental"])
def test_what_can_be_made_again_can_be_deleted(tier: str) -> None:
    assert [node.name for node in tier_graph(tier) if node.protect] == []


@pytest.mark.parametrize("kinds", COMBINATIONS, ids=lambda kinds: "-".join(kind or "none" for kind in kinds.values()))
def test_any_combination_of_modules_makes_a_platform(kinds: dict[str, str | None]) -> None:
    override: dict[str, Any] = {}
    for slot, kind in kinds.items():
        override |= chosen(Module(slot=slot, kind=kind, config=VARIANTS[slot][kind])) if kind else {slot: None}
    graph = platform("dev", {"network": {"zones": 3}, **override})
    filled = {slot.replace("_", "-") for slot, kind in kinds.items() if kind}
    assert modules(graph) == {"keys", "network", "storage", "registry", "cluster", "database", *filled}
    graph.topological()


def test_a_platform_without_kubernetes_is_a_lake_with_a_stream() -> None:
    graph = platform("dev", {"cluster": None, "database": None, "ml_platform": None, "serving": None})
    assert {node.package for node in graph if node.custom} == {"aws", "pulumi"}
    assert "clusterName" not in graph.stack_outputs
    assert graph.stack_outputs["stream"]


def test_an_adopted_vpc_carries_the_whole_platform() -> None:
    existing = {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.1.0.0/16",
        "private_subnets": {f"subnet-0000000{zone}": f"10.1.{index * 32}.0/19" for index, zone in enumerate("abc")},
        "zone_names": ["us-east-1a", "us-east-1b", "us-east-1c"],
    }
    graph = platform("prod", {"network": {"existing": existing}})
    assert not graph.of_type("aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet")
    assert graph.of_type("aws:rds/subnetGroup:SubnetGroup")[0].inputs["subnetIds"] == list(existing["private_subnets"])


@pytest.mark.parametrize("profile", ["work", None])
@pytest.mark.parametrize("role", ["arn:aws:iam::123456789012:role/deploy", None])
def test_every_provider_acts_as_the_account_that_the_stack_names(profile: str | None, role: str | None) -> None:
    graph = platform("dev", {"account": {"profile": profile, "role_arn": role}})
    (aws,) = graph.of_type("pulumi:providers:aws")
    assert aws.inputs.get("profile") == profile
    assert [one["roleArn"] for one in json.loads(aws.inputs.get("assumeRoles", "[]"))] == ([role] if role else [])
    providers = graph.of_type("pulumi:providers:kubernetes")
    assert providers
    for kubernetes in providers:
        (user,) = json.loads(kubernetes.inputs["kubeconfig"])["users"]
        arguments = user["user"]["exec"]["args"]
        options = dict(itertools.pairwise(arguments))
        assert (options.get("--profile"), options.get("--role")) == (profile, role), kubernetes.name
