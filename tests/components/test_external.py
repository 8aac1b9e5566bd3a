"""Services of other companies, and what is nobody's server: Weights & Biases, Arize, Tecton, DVC."""

import json
import re
from typing import Any

import pytest

from mlops.plan.graph import Graph
from tests.components.test_containers import refused
from tests.platforms import platform
from tests.support import only, statements

SECRET = "aws:secretsmanager/secret:Secret"
ROLE, POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:wandb/key-AbCdEf"
TECTON = {
    "kind": "tecton",
    "host": "shop.tecton.ai",
    "guest": {"account_id": "210987654321", "external_id": "shop-7"},
    "zones": ["curated"],
    "endpoint_service": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
}
REGISTRY = {"repositories": ["recommender", "pipelines", "fraud"]}
RIGHTS = ["read features", "log experiments", "observe models", "version data"]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return platform(
        "dev",
        {
            "registry": REGISTRY,
            "feature_store": TECTON,
            "experiment_tracking": {"kind": "wandb", "entity": "shop", "api_key": {"arn": KEY}},
            "model_monitoring": {
                "kind": "arize",
                "space_id": "U3BhY2U6MQ==",
                "imports": {"account_id": "310987654321", "external_id": "shop-9"},
            },
            "data_versioning": {"kind": "dvc", "principals": ["arn:aws:iam::123456789012:role/scientists"]},
            "workloads": {"containers": [{"name": "fraud", "image": "fraud:1.0.0", "grants": RIGHTS}]},
        },
    )


def trust(graph: Graph, name: str) -> dict[str, Any]:
    (row,) = statements(only(graph, ROLE, name).inputs["assumeRolePolicy"])
    return row


def written(graph: Graph, name: str) -> list[str]:
    """Where a role may put objects, without the bucket."""
    rows = statements(only(graph, POLICY, name).inputs["policy"])
    return [one.partition("/")[2] for row in rows if "s3:PutObject" in row["Action"] for one in row["Resource"]]


def test_a_workload_is_told_where_everything_is_and_handed_its_keys_by_reference(graph: Graph) -> None:
    spec = only(graph, DEPLOYMENT, "serving-fraud-service").inputs["spec"]["template"]["spec"]
    env = {one["name"]: one for one in spec["containers"][0]["env"]}
    plain = {name: one["value"] for name, one in env.items() if "value" in one}
    assert plain["WANDB_BASE_URL"] == "https://api.wandb.ai"
    assert (plain["WANDB_ENTITY"], plain["WANDB_PROJECT"]) == ("shop", "mlops")
    assert plain["ARIZE_SPACE_ID"] == "U3BhY2U6MQ=="
    assert plain["MLOPS_FEATURES_URL"] == "https://shop.tecton.ai"
    assert re.fullmatch(r"s3://storage-artifacts-\w+/dvc", plain["MLOPS_DVC_REMOTE"])
    secret = {name for name, one in env.items() if "valueFrom" in one}
    assert {"WANDB_API_KEY", "ARIZE_API_KEY", "TECTON_API_KEY"} <= secret
    labels = only(graph, "kubernetes:core/v1:Namespace", "serving-fraud-namespace").inputs["metadata"]["labels"]
    assert labels["mlops.platform/secrets"] == "allowed"


def test_a_key_that_nobody_has_named_waits_in_an_empty_secret(graph: Graph) -> None:
    found = {node.inputs["name"] for node in graph.of_type(SECRET) if "name" in node.inputs}
    assert {"mlops-test/arize/api-key", "mlops-test/tecton/api-key"} <= found
    assert "mlops-test/wandb/api-key" not in found
    assert not graph.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def test_who_hands_keys_out_reads_exactly_these(graph: Graph) -> None:
    rows = statements(only(graph, POLICY, "serving-fraud-service-stored-policy").inputs["policy"])
    read = {one for row in rows if "secretsmanager:GetSecretValue" in row["Action"] for one in row["Resource"]}
    assert KEY in read
    assert len(read) == 3


@pytest.mark.parametrize(
    ("role", "account", "external_id"),
    [
        ("feature-store-role", "210987654321", "shop-7"),
        ("model-monitoring-import-role", "310987654321", "shop-9"),
    ],
)
def test_another_company_takes_its_role_for_this_customer_alone(
    graph: Graph, role: str, account: str, external_id: str
) -> None:
    found = trust(graph, role)
    assert found["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
    assert found["Condition"] == {"StringEquals": {"sts:ExternalId": external_id}}


def test_another_company_reads_its_zone_and_writes_its_folder(graph: Graph) -> None:
    assert written(graph, "feature-store-policy") == ["tecton/*"]
    rows = statements(only(graph, POLICY, "feature-store-policy").inputs["policy"])
    read = {one for row in rows if "s3:GetObject" in row["Action"] for one in row["Resource"]}
    assert not [one for one in read if "-raw-" in one or "-artifacts-" in one]
    assert written(graph, "model-monitoring-import-policy") == []


def test_tecton_is_reached_without_the_internet_where_it_has_a_service(graph: Graph) -> None:
    endpoint = only(graph, "aws:ec2/vpcEndpoint:VpcEndpoint", "feature-store-endpoint").inputs
    assert endpoint["serviceName"] == TECTON["endpoint_service"]
    assert endpoint["vpcEndpointType"] == "Interface"
    rules = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [node.inputs["fromPort"] for node in rules if node.name.startswith("feature-store-")] == [443]


def test_people_log_in_to_the_remote_by_its_role_and_reach_nothing_else(graph: Graph) -> None:
    assert trust(graph, "data-versioning-role")["Principal"] == {"AWS": ["arn:aws:iam::123456789012:role/scientists"]}
    assert written(graph, "data-versioning-policy") == ["dvc/*"]
    outputs = graph.stack_outputs
    assert re.fullmatch(r"s3://storage-artifacts-\w+/dvc", outputs["dvcRemote"])
    assert outputs["dvcRole"].endswith(":role/mlops-test-dvc")


def test_without_names_the_accounts_own_policies_say_who_may() -> None:
    graph = platform("dev", {"data_versioning": {"kind": "dvc"}})
    (principal,) = trust(graph, "data-versioning-role")["Principal"]["AWS"]
    assert re.fullmatch(r"arn:aws:iam::\d{12}:root", principal)


ISOLATED = {
    "network": {"mode": "isolated", "nat": "none"},
    "ml_platform": None,
    "serving": None,
    "workloads": {"recommender": None},
    "cluster": None,
    "database": None,
}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**ISOLATED, "experiment_tracking": {"kind": "wandb"}}, "Weights & Biases is reached at api.wandb.ai, and"),
        ({**ISOLATED, "model_monitoring": {"kind": "arize"}}, "Arize is reached at app.arize.com, and network.mode"),
        (
            {**ISOLATED, "feature_store": {**TECTON, "endpoint_service": None}},
            "Tecton is reached at shop.tecton.ai, and network.mode isolated has no way there",
        ),
        (
            {"feature_store": {**TECTON, "endpoint_service": "com.amazonaws.vpce.eu-west-1.vpce-svc-01"}},
            "of eu-west-1, and the stack is in us-east-1",
        ),
        ({"feature_store": {"kind": "tecton"}}, "feature_store.guest"),
        ({"experiment_tracking": {"kind": "wandb", "host": "https://x.y"}}, "a DNS name in lower case"),
        ({"data_versioning": {"kind": "dvc", "folder": "/dvc/"}}, "a folder of a zone of the lake"),
        ({"data_versioning": {"kind": "dvc", "principals": ["*"]}}, "the ARN of an IAM role or user"),
        (
            {
                "registry": REGISTRY,
                "model_monitoring": {"kind": "evidently"},
                "workloads": {"containers": [{"name": "fraud", "image": "fraud:1.0.0", "grants": ["observe models"]}]},
            },
            "model_monitoring is evidently, which grants containers nothing",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert words in refused(settings)


def test_no_key_is_in_any_output(graph: Graph) -> None:
    assert "secret:" not in json.dumps(graph.stack_outputs)
