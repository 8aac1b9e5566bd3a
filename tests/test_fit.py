"""Settings that are right each by itself and cannot be together, or not where the stack is."""

import json
import re
from functools import cache
from typing import Any

import pytest

from components.settings import PlatformConfig
from mlops.core import offerings, regions
from mlops.core.problems import SettingsError
from mlops.settings import Settings, resolve
from mlops.stacks import StackFile
from mlops.tiers import TIERS, tier
from tests.platforms import platform


def settings(tier_name: str, region: str = "us-east-1", **platform: Any) -> Settings:
    """The settings of a stack in a region, with differences from its tier."""
    config = {"mlops:tier": tier_name, "aws:region": region, "mlops:platform": json.dumps(platform)}
    return resolve(StackFile(name="test", project="mlops", config=config))


def refusal(tier_name: str, region: str = "us-east-1", **platform: Any) -> str:
    """The message with which a stack is refused."""
    with pytest.raises(SettingsError) as error:
        settings(tier_name, region, **platform)
    return error.value.message


@cache
def outcome(tier_name: str, region: str) -> tuple[PlatformConfig | None, str]:
    """A tier's settings in a region, or why there are none."""
    try:
        return settings(tier_name, region).platform, ""
    except SettingsError as error:
        return None, error.message


CATALOGUE = [(name, region) for name in TIERS for region in regions.REGIONS]


@pytest.mark.parametrize(("name", "region"), CATALOGUE, ids=[f"{name}-{region}" for name, region in CATALOGUE])
def test_a_tier_asks_for_nothing_that_its_region_lacks(name: str, region: str) -> None:
    """It takes what there is, or says what there is instead."""
    platform, message = outcome(name, region)
    if platform is None:
        instead = r"is not offered by .*(offered there in its size|nothing of its series)|network\.zones is 3"
        assert re.search(instead, message), message
        return
    assert platform.cluster is not None
    assert platform.database is not None
    for group in platform.cluster.groups.values():
        assert all(offerings.offers("instance_types", region, one) for one in group.instance_types)
    assert offerings.offers("database_classes", region, platform.database.instance_class)


def test_most_tiers_come_up_as_they_are_in_most_regions() -> None:
    taken = [pair for pair in CATALOGUE if outcome(*pair)[0]]
    assert len(taken) / len(CATALOGUE) > 0.8
    for name in TIERS:
        for region in ("us-east-1", "us-east-2", "us-west-2", "eu-central-1", "ap-northeast-1"):
            assert settings(name, region).platform.region == region


def test_what_is_named_instead_is_taken() -> None:
    message = refusal("prod", "eu-south-1")
    instead = re.search(r"in its size: (db\.[\w.-]+)", message)
    assert instead, message
    assert "db.m7g.large is not offered by RDS for PostgreSQL in eu-south-1" in message
    assert settings("prod", "eu-south-1", database={"instance_class": instead[1]})


def test_a_stack_files_own_types_are_refused_where_the_region_lacks_one_of_them() -> None:
    nodes = {"models": {"instance_types": ["m7i.large", "m6i.large"], "min_size": 2}}
    assert settings("prod", "us-east-1", cluster={"node_groups": nodes})
    message = refusal("prod", "ca-west-1", cluster={"node_groups": nodes}, database={"instance_class": "db.m6g.large"})
    assert "cluster.node_groups.models.instance_types: m7i.large is not offered by EC2 in ca-west-1" in message
    assert "EKS refuses the whole group over it" in message


@pytest.mark.parametrize("invented", ["m99.large", "m7i.32xlarge", "t3.16xlarge", "c7q.large"])
def test_an_invented_type_is_refused(invented: str) -> None:
    assert f"{invented} is not in EC2's list" in refusal("dev", cluster={"system": {"instance_types": [invented]}})


@pytest.mark.parametrize("invented", ["db.m7g.small", "db.x9.large", "db.t4g.huge", "db.m4.large"])
def test_an_invented_or_retired_class_is_refused(invented: str) -> None:
    assert f"{invented} is not in RDS for PostgreSQL's list" in refusal("dev", database={"instance_class": invented})


def test_a_tiers_group_can_be_left_out_where_its_region_has_nothing_for_it() -> None:
    assert "cluster.node_groups.gpu" in refusal("enterprise", "mx-central-1")
    platform = settings("enterprise", "mx-central-1", cluster={"node_groups": {"gpu": None}}).platform
    assert platform.cluster is not None
    assert list(platform.cluster.node_groups) == ["models"]


@pytest.mark.parametrize(
    "region",
    ["eu-south-2", "eu-central-2", "me-central-1", "il-central-1", "ca-west-1", "mx-central-1", "ap-southeast-5"],
)
def test_the_newer_regions_are_there(region: str) -> None:
    assert settings("local", region, database={"instance_class": "db.t3.micro"}).platform.zones[0] == f"{region}a"


def test_a_region_that_nobody_knows_yet_is_taken_once_its_zones_are_named() -> None:
    assert 'region is "eu-north-2"' in refusal("dev", "eu-north-2")
    zones = ["eu-north-2a", "eu-north-2b"]
    assert settings("dev", "eu-north-2", network={"zone_names": zones}).platform.zones == tuple(zones)


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ("cn-north-1", "China"),
        ("us-gov-west-1", "GovCloud"),
        ("eusc-de-east-1", "Sovereign"),
        ("us-iso-east-1", "isolated"),
    ],
)
def test_another_partition_is_refused_with_the_reason(region: str, place: str) -> None:
    message = refusal("dev", region, network={"zone_names": [f"{region}a", f"{region}b"]})
    assert place in message
    assert "partition aws" in message


@pytest.mark.parametrize(
    ("zones", "says"),
    [
        (["eu-west-1a", "eu-west-1b"], "eu-west-1a is no zone of us-east-1"),
        (["us-east-1a", "us-east-1a"], '"us-east-1a" is listed twice'),
        (["use1-az1", "use1-az2"], "not its id"),
        (["us-east-1a", "us-east-1z"], "us-east-1 has no zone us-east-1z"),
        (["us-east-1a", "us-east-1e"], "EKS has no control plane there"),
        ([], "at least 1"),
    ],
)
def test_zones_that_cannot_be_are_refused(zones: list[str], says: str) -> None:
    assert says in refusal("dev", network={"zone_names": zones})


def test_all_zones_of_virginia_are_one_too_many_for_a_cluster() -> None:
    assert "us-east-1e is among the zones" in refusal("dev", network={"zones": 6})
    assert settings("dev", network={"zones": 5}).platform.zones[-1] == "us-east-1f"


def test_zones_are_judged_for_an_adopted_vpc_too() -> None:
    existing = {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.1.0.0/16",
        "private_subnets": {"subnet-0000000a": "10.1.0.0/19", "subnet-0000000b": "10.1.32.0/19"},
        "zone_names": ["us-east-1a", "us-east-1e"],
    }
    assert "EKS has no control plane there" in refusal("dev", network={"existing": existing})


ACCOUNT = {"id": "123456789012"}
OTHER_ROLE = "arn:aws:iam::210987654321:role/deploy"
CERTIFICATE = "arn:aws:acm:{}:123456789012:certificate/0f1e2d3c-0000-4000-8000-000000000000"
TOPIC = "arn:aws:sns:us-east-1:123456789012:costs"


def door(region: str) -> dict[str, Any]:
    """A server with a host, and its certificate in a region."""
    return {"host": "mlflow.example.com", "certificate_arn": CERTIFICATE.format(region), "auth": {"kind": "basic"}}


@pytest.mark.parametrize(
    ("platform", "says"),
    [
        ({"account": {**ACCOUNT, "role_arn": OTHER_ROLE}}, "account.role_arn is"),
        ({"ml_platform": door("eu-west-1")}, "ml_platform.certificate_arn is"),
        ({"account": {"id": "210987654321"}, "ml_platform": door("us-east-1")}, "of the account 123456789012"),
        ({"account": {"id": "210987654321"}, "budget": {"monthly_usd": 9, "topic_arn": TOPIC}}, "budget.topic_arn is"),
        (
            {"account": {"role_arn": OTHER_ROLE}, "cluster": {"admins": [OTHER_ROLE]}},
            "whoever creates the cluster has an entry already",
        ),
        ({"tags": {"extra": {"Owner": "me"}}}, "tags.owner"),
        ({"tags": {"extra": {"project": "me"}}}, "keys differ by more than case"),
        ({"tags": {"extra": {"team": "a", "Team": "b"}}}, "extra.team already"),
        ({"tags": {"extra": {f"t{number}": "x" for number in range(45)}}}, "at most 34 entries"),
        ({"budget": {"monthly_usd": 9, "emails": ["a@example.com"], "team_tag": "Environment"}}, "team_tag"),
    ],
)
def test_what_leads_elsewhere_or_says_a_thing_twice_is_refused(platform: dict[str, Any], says: str) -> None:
    assert says in refusal("dev", **platform)


def test_what_leads_to_the_stacks_own_region_and_account_is_taken() -> None:
    assert settings("dev", "eu-west-1", account=ACCOUNT, ml_platform=door("eu-west-1"))
    assert settings("dev", "eu-west-1", account=ACCOUNT, budget={"monthly_usd": 9, "topic_arn": TOPIC})


def test_guardduty_has_its_own_idea_of_a_tag() -> None:
    extra = {"extra": {"Cost Center": "ml"}}
    assert settings("dev", tags=extra)
    assert 'GuardDuty takes no tag "Cost Center"' in refusal("prod", tags=extra)
    assert settings("prod", tags=extra, account_baseline={"threat_detection": False})


def test_a_platform_of_the_longest_and_largest_is_planned() -> None:
    """Whatever a type takes, the program can make something of."""
    group = {
        "instance_types": ["m5.large"],
        "max_size": 450,
        "labels": {f"example.com/{'a' * 51}": "b" * 63},
        "taints": [{"key": "k" * 63, "value": "v" * 63}],
    }
    reader = {"principal": "arn:aws:iam::123456789012:role/x", "policy": "view", "namespaces": ["a" * 63]}
    graph = platform(
        "prod",
        {
            "tags": {"owner": "o" * 256, "extra": {"k" * 128: "v" * 256, **{f"t{number}": "" for number in range(33)}}},
            "cluster": {"node_groups": {"x" * 20: group}, "access": {"a" * 40: reader}, "session_manager": True},
            "database": {"storage_gb": 59_000, "max_storage_gb": 65_536, "vault_days": 36_500},
            "data_pipeline": {"brokers": {"topics": {"t" * 249: {"partitions": 1000, "retention_hours": 87_600}}}},
            "registry": {"repositories": ["recommender", "pipelines", "r" * 200]},
            "budget": {"monthly_usd": 100_000_000, "teams": {"t" * 60: 0.01}, "emails": [f"{'a' * 64}@example.com"]},
        },
    )
    assert all(len(node.inputs.get("tags", {})) <= 50 for node in graph)
    assert {len(node.inputs["name"]) for node in graph.of_type("aws:budgets/budget:Budget")} <= set(range(1, 101))


def test_an_internal_load_balancer_needs_a_private_subnet() -> None:
    assert "no private subnet" in refusal("experimental", ml_platform=door("us-east-1"))
    assert settings("dev", ml_platform=door("us-east-1"))


def test_every_type_and_class_of_the_tiers_is_offered_somewhere() -> None:
    for name in TIERS:
        platform = tier(name)
        assert platform.cluster is not None
        types = [one for group in platform.cluster.groups.values() for one in group.instance_types]
        assert all(any(offerings.offers("instance_types", region, one) for region in regions.REGIONS) for one in types)


def test_the_table_knows_every_region_that_a_stack_can_name() -> None:
    assert offerings.regions() == set(regions.REGIONS)
