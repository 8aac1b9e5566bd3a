"""SageMaker as the ML platform: held against the API's own model, and against what a network and a destroy need."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.ml_platform.sagemaker import SageMakerConfig
from localcloud.fakes import ACCOUNT
from mlops.core import offerings, regions
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.access import rights
from mlops.plan.graph import Graph
from mlops.timeline.obstacles import obstacles
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform
from tests.support import names, only, statements

DOMAIN = "aws:sagemaker/domain:Domain"
SPACE = "aws:sagemaker/space:Space"
SERVER = "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer"
PIPELINE = "aws:sagemaker/pipeline:Pipeline"
OPERATIONS: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    DOMAIN: ("CreateDomain", {"retentionPolicy": None}),
    SERVER: ("CreateMlflowTrackingServer", {}),
    SPACE: ("CreateSpace", {}),
    PIPELINE: ("CreatePipeline", {}),
    "aws:sagemaker/userProfile:UserProfile": ("CreateUserProfile", {}),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": ("CreateModelPackageGroup", {}),
}
"""Type -> the call that makes it, and properties that belong to another call."""
NOTHING_ELSE = {"cluster": None, "database": None, "serving": None}
FULL = {
    "kind": "sagemaker",
    "tracking": {"size": "Medium", "mlflow_version": "3.0"},
    "studio": {
        "users": ["ada", "grace"],
        "spaces": [
            {"name": "ada-lab", "owner": "ada", "instance_type": "ml.m5.xlarge", "storage_gb": 50},
            {"name": "ada-code", "owner": "ada", "editor": "code-editor"},
        ],
    },
    "model_groups": ["recommender", "fraud"],
    "pipelines": [{"name": "training-loop", "definition": "pipelines/training-loop.json"}],
}


@cache
def full() -> Graph:
    return platform("dev", {**NOTHING_ELSE, "ml_platform": FULL})


@cache
def production() -> Graph:
    return platform("prod", {**NOTHING_ELSE, "ml_platform": {"kind": "sagemaker"}})


def refused(override: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        SageMakerConfig.model_validate(override)
    return str(error.value)


def refused_on_stack(override: Mapping[str, Any]) -> str:
    with pytest.raises(Exception) as error:  # noqa: PT011 - the program's own message is looked at
        platform("dev", override)
    return str(error.value)


def allowed(graph: Graph, role: str) -> set[tuple[str, str]]:
    """Actions and resources of one role."""
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", f"ml-platform-{role}-policy").inputs["policy"]
    return {(action, where) for row in statements(policy) for action in row["Action"] for where in row["Resource"]}


def test_it_needs_neither_a_cluster_nor_a_database_and_makes_none() -> None:
    packages = {node.type.partition(":")[0] for node in full() if node.custom}
    assert packages == {"aws", "pulumi"}
    assert not [node for node in full() if node.type.startswith(("aws:eks", "aws:rds"))]


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("type_", OPERATIONS)
def test_the_api_takes_every_resource(type_: str) -> None:
    operation, renamed = OPERATIONS[type_]
    found = full().of_type(type_)
    assert found
    for node in found:
        assert aws_api.refusals("sagemaker", operation, node.inputs, renamed) == [], node.name


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_the_judge_itself_finds_what_the_api_does_not_take() -> None:
    inputs = {"trackingServerName": "a_b", "trackingServerSize": "Tiny", "sizes": 1}
    found = aws_api.refusals("sagemaker", "CreateMlflowTrackingServer", inputs)
    assert [problem.split(" ")[0] for problem in found] == [
        "sizes",
        "ArtifactStoreUri",
        "RoleArn",
        "TrackingServerName",
        "TrackingServerSize",
    ]


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("service", ["sagemaker", "ecr", "ec2", "logs"])
def test_every_right_is_to_a_call_that_the_api_has(service: str) -> None:
    asked = {
        action.partition(":")[2]
        for role in ("jobs", "studio", "tracking")
        for action, _ in allowed(full(), role)
        if action.startswith(f"{service}:")
    }
    assert asked - aws_api.actions(service) == set()


def test_the_tracking_uri_is_the_servers_arn_and_models_lie_in_the_lake() -> None:
    server = only(full(), SERVER)
    assert server.inputs["artifactStoreUri"].endswith("/mlflow")
    assert server.outputs["arn"] == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:mlflow-tracking-server/mlops-test"
    assert full().stack_outputs["trackingUrl"] == server.outputs["arn"]


def test_whoever_tracks_may_use_this_server_and_its_artifacts_and_no_other() -> None:
    mlflow = {where for action, where in allowed(full(), "studio") if action.startswith("sagemaker-mlflow:")}
    assert mlflow == {only(full(), SERVER).outputs["arn"]}
    assert not {action for action, _ in allowed(full(), "studio")} & {
        "sagemaker-mlflow:DeleteExperiment",
        "sagemaker-mlflow:DeleteRegisteredModel",
    }


def test_people_look_at_data_and_jobs_may_change_it() -> None:
    buckets = {
        zone: only(full(), "aws:s3/bucket:Bucket", f"storage-{zone}").outputs["arn"] for zone in ("raw", "curated")
    }
    people, jobs = allowed(full(), "studio"), allowed(full(), "jobs")
    assert ("s3:GetObject", f"{buckets['curated']}/*") in people
    assert ("s3:PutObject", f"{buckets['curated']}/*") not in people
    assert not [where for _, where in people if where.startswith(buckets["raw"])]
    assert ("s3:DeleteObjectVersion", f"{buckets['raw']}/*") in jobs


def test_people_pass_jobs_one_role_to_sagemaker_and_to_nobody_else() -> None:
    policy = only(full(), "aws:iam/rolePolicy:RolePolicy", "ml-platform-studio-policy").inputs["policy"]
    [row] = [row for row in statements(policy) if "iam:PassRole" in row["Action"]]
    assert row["Resource"] == [only(full(), "aws:iam/role:Role", "ml-platform-jobs-role").outputs["arn"]]
    assert row["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


@pytest.mark.parametrize("role", ["jobs", "studio", "tracking"])
def test_a_roles_policy_is_short_enough_for_iam(role: str) -> None:
    policy = only(full(), "aws:iam/rolePolicy:RolePolicy", f"ml-platform-{role}-policy").inputs["policy"]
    # IAM counts no white space. Source: IAM user guide, "IAM and AWS STS quotas".
    assert len("".join(policy.split())) <= 10_240


@pytest.mark.parametrize("role", ["jobs", "studio", "tracking"])
def test_sagemaker_takes_a_role_for_this_account_only(role: str) -> None:
    [trust] = statements(only(full(), "aws:iam/role:Role", f"ml-platform-{role}-role").inputs["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_studio_reaches_the_world_through_the_network_alone() -> None:
    domain = only(full(), DOMAIN)
    assert domain.inputs["appNetworkAccessType"] == "VpcOnly"
    private = {node.id for node in full().of_type("aws:ec2/subnet:Subnet") if "private" in node.name}
    assert set(domain.inputs["subnetIds"]) == private
    group = only(full(), "aws:ec2/securityGroup:SecurityGroup", "ml-platform-studio-security-group")
    assert domain.inputs["defaultUserSettings"]["securityGroups"] == [group.id]
    rules = full().of_type(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    )
    own = [rule.inputs for rule in rules if rule.inputs["securityGroupId"] == group.id]
    assert {(row["fromPort"], row.get("referencedSecurityGroupId"), row.get("cidrIpv4")) for row in own} == {
        (2049, group.id, None),
        (8192, group.id, None),
        (443, None, "0.0.0.0/0"),
    }


def test_files_go_with_the_domain_so_that_nothing_holds_its_subnets() -> None:
    assert only(full(), DOMAIN).inputs["retentionPolicy"] == {"homeEfsFileSystem": "Delete"}
    verdicts = {row.what: row.verdict for row in obstacles(full())}
    assert verdicts["The home file system of a SageMaker domain holds its subnets for ever"] == "ordered"


def test_what_people_opened_is_named_before_a_destroy_runs_into_it() -> None:
    [found] = [row for row in obstacles(full()) if "applications" in row.what]
    assert found.verdict == "waits"
    assert "delete-app" in found.advice
    assert "delete-space" in found.advice


def test_spaces_go_before_their_owners_and_owners_before_the_domain() -> None:
    graph = full()
    domain, ada = (
        only(graph, DOMAIN),
        only(graph, "aws:sagemaker/userProfile:UserProfile", "ml-platform-studio-user-ada"),
    )
    space = only(graph, SPACE, "ml-platform-studio-space-ada-lab")
    assert ada.urn in space.property_dependencies["ownershipSettings"]
    assert domain.urn in ada.property_dependencies["domainId"]


def test_a_production_stack_does_not_lose_its_experiments_by_a_destroy() -> None:
    assert only(production(), SERVER).protect
    assert not only(
        platform("dev", {**NOTHING_ELSE, "ml_platform": {**FULL, "tracking": {"protect": False}}}), SERVER
    ).protect


def test_it_is_priced_and_what_has_no_price_is_named() -> None:
    found = estimate(full(), BY_TIER["dev"], load())
    lines = {line.label for line in found.lines}
    assert "Studio application of a space, ml.m5.xlarge" in lines
    assert "volume of a space, 50 GB" in lines
    assert [item.label for item in found.missing] == ["MLflow tracking server (medium)"]


def test_no_rule_that_every_tier_must_keep_is_broken() -> None:
    assert [(one.rule.id, one.name) for one in judge(full(), "dev").blocking] == []
    assert [(one.rule.id, one.name) for one in judge(production(), "prod").blocking] == []


def test_access_shows_what_sagemaker_may_do() -> None:
    found = {right.resource for right in rights(full()) if right.role == "ml-platform-jobs-role"}
    assert {"storage-raw", "storage-artifacts", "ml-platform-tracking"} <= found


def test_an_isolated_network_has_a_way_to_each_service() -> None:
    graph = platform("dev", {**NOTHING_ELSE, "ml_platform": FULL, "network": {"mode": "isolated", "nat": "none"}})
    services = {node.inputs["serviceName"] for node in graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert {
        "com.amazonaws.us-east-1.sagemaker.api",
        "com.amazonaws.us-east-1.sagemaker.runtime",
        "aws.sagemaker.us-east-1.experiments",
    } <= services


def test_studio_in_a_public_network_is_refused_with_a_way_out() -> None:
    message = refused_on_stack(
        {**NOTHING_ELSE, "ml_platform": {"kind": "sagemaker"}, "network": {"mode": "public", "nat": "none"}}
    )
    assert "studio runs in private subnets only (VpcOnly), and network.mode public has none" in message
    assert "studio to null" in message


def test_an_instance_that_the_region_lacks_is_refused_with_what_it_has() -> None:
    lacking = next(
        region for region in regions.REGIONS if not offerings.offers("instance_types", region, "p4d.24xlarge")
    )
    space = {"name": "lab", "owner": "ada", "instance_type": "ml.p4d.24xlarge"}
    message = refused_on_stack(
        {
            **NOTHING_ELSE,
            "region": lacking,
            "ml_platform": {"kind": "sagemaker", "studio": {"users": ["ada"], "spaces": [space]}},
        }
    )
    assert f"p4d.24xlarge is not offered by EC2 in {lacking}" in message


@pytest.mark.parametrize(
    ("studio", "says"),
    [
        ({"spaces": [{"name": "lab", "owner": "eve"}]}, "belongs to eve, who is not among users; allowed: none"),
        ({"storage_gb": 200}, "set most_storage_gb to 200 or more"),
        (
            {"users": ["ada"], "spaces": [{"name": "lab", "owner": "ada", "storage_gb": 500}]},
            "has storage_gb 500 and most_storage_gb is 100",
        ),
        ({"idle_minutes": 30}, "greater than or equal to 60"),
        (
            {"users": ["ada"], "spaces": [{"name": "lab", "owner": "ada", "instance_type": "m5.large"}]},
            "an instance type of Studio",
        ),
    ],
)
def test_studio_that_cannot_be_is_refused(studio: dict[str, Any], says: str) -> None:
    assert says in refused({"studio": studio})


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"tracking": {"size": "Huge"}}, "'Small', 'Medium' or 'Large'"),
        ({"tracking": {"maintenance_start": "Sunday"}}, "a day and a time in UTC"),
        ({"model_groups": ["no_underscores"]}, "letters, digits and single hyphens"),
        ({"pipelines": [{"name": "a", "definition": "s3://elsewhere/a.json"}]}, "the key of a JSON file"),
    ],
)
def test_settings_that_cannot_be_are_refused(override: dict[str, Any], says: str) -> None:
    assert says in refused(override)


def test_studio_can_be_left_out() -> None:
    graph = platform("dev", {**NOTHING_ELSE, "ml_platform": {**FULL, "studio": None}})
    assert names(graph, DOMAIN) == []
    assert names(graph, SERVER) == ["ml-platform-tracking"]
    assert json.loads(only(graph, "aws:iam/rolePolicy:RolePolicy", "ml-platform-jobs-policy").inputs["policy"])
