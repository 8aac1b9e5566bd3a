"""A team's own container on whatever serves: rights in plain words, secrets by reference, and what is refused."""

import json
from typing import Any

import pytest

from mlops.core.problems import SettingsError
from mlops.plan.graph import Graph
from mlops.settings import resolve
from mlops.stacks import StackFile
from tests.platforms import platform
from tests.support import only, statements

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:fraud/api-AbCdEf"
FRAUD: dict[str, Any] = {
    "name": "fraud",
    "image": "fraud:1.0.0",
    "grants": ["read storage/curated/orders", "write storage/features", "produce", "track", "invoke"],
    "environment": {"LOG_LEVEL": "debug"},
    "secrets": {"API_TOKEN": {"arn": SECRET, "key": "token"}},
    "max_replicas": 3,
}
REGISTRY = {"repositories": ["recommender", "pipelines", "fraud"]}
ON = "serving-fraud"


def stack(container: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"registry": REGISTRY, "workloads": {"containers": [{**FRAUD, **container}]}, **more}


def refused(override: dict[str, Any]) -> str:
    """What a stack file is told; it has to be refused."""
    settings = {"mlops:tier": "dev", "mlops:platform": json.dumps(override)}
    with pytest.raises(SettingsError) as raised:
        resolve(StackFile(name="test", project="mlops", config=settings, secret_keys=frozenset()))
    return raised.value.message


@pytest.fixture(scope="module")
def graph() -> Graph:
    return platform("dev", stack({}))


def container(graph: Graph) -> dict[str, Any]:
    spec = only(graph, "kubernetes:apps/v1:Deployment", f"{ON}-service").inputs["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def test_it_runs_its_image_of_the_platforms_registry_and_is_told_where_its_rights_lead(graph: Graph) -> None:
    outputs = graph.stack_outputs
    env = {item["name"]: item.get("value") for item in container(graph)["env"]}
    assert container(graph)["image"] == f"{outputs['registry']['fraud']}:1.0.0"
    assert env["MLOPS_BUCKET_CURATED"] == outputs["buckets"]["curated"]
    assert env["MLFLOW_TRACKING_URI"] == outputs["trackingUrl"]
    assert env["MLOPS_STREAM"] == outputs["stream"]
    assert env["LOG_LEVEL"] == "debug"
    assert outputs["containerUrls"] == {"fraud": "http://fraud.container-fraud.svc.cluster.local:8000"}


def test_its_role_has_the_rights_that_the_words_say_and_no_more(graph: Graph) -> None:
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", f"{ON}-service-identity-policy").inputs["policy"]
    rights = {(action, arn) for one in statements(policy) for action in one["Action"] for arn in one["Resource"]}
    bucket = {zone: f"arn:aws:s3:::{name}" for zone, name in graph.stack_outputs["buckets"].items()}
    assert {arn for action, arn in rights if action == "s3:GetObject"} == {
        f"{bucket['curated']}/orders/*",
        f"{bucket['features']}/*",
    }
    assert {arn for action, arn in rights if action == "s3:PutObject"} == {f"{bucket['features']}/*"}
    assert {action for action, _ in rights if action.startswith("kinesis:")} >= {"kinesis:PutRecords"}
    assert "kinesis:GetRecords" not in {action for action, _ in rights}


def test_a_secret_is_named_and_never_read_by_the_program(graph: Graph) -> None:
    assert {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "fraud-stored", "key": "API_TOKEN"}}} in (
        container(graph)["env"]
    )
    fetched = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", f"{ON}-service-stored-secret")
    assert fetched.inputs["spec"]["data"] == [
        {"secretKey": "API_TOKEN", "remoteRef": {"key": SECRET, "property": "token"}}
    ]
    right = only(graph, "aws:iam/rolePolicy:RolePolicy", f"{ON}-service-stored-policy").inputs["policy"]
    assert {arn for one in statements(right) for arn in one["Resource"]} == {SECRET}


def test_a_worker_answers_nobody_and_is_never_there_twice() -> None:
    graph = platform("dev", stack({"runs": "worker", "max_replicas": 1}))
    spec = only(graph, "kubernetes:apps/v1:Deployment", f"{ON}-worker").inputs["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert not [node for node in graph if node.name == f"{ON}-service" and node.type.endswith(":Service")]
    assert "containerUrls" not in graph.stack_outputs


SAGEMAKER = {"kind": "sagemaker"}


def test_a_kind_that_runs_no_containers_refuses_them_and_names_those_that_do() -> None:
    message = refused(stack({}, serving=SAGEMAKER))
    for what in ("container fraud is one of the containers", "the loop is one of the workers"):
        assert f"{what}, and serving is sagemaker, which runs none; choose a kind that does: ecs, kubernetes" in message


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (stack({}, serving=None), "fraud has nothing to run on, for this stack has no serving; choose a kind"),
        (stack({}, data_pipeline=None), "fraud is to produce, and this stack has no data_pipeline; add one, or leave"),
        (stack({}, ml_platform=None), "fraud is to track, and this stack has no ml_platform"),
        (stack({}, registry={"repositories": ["recommender", "pipelines"]}), "registry.repositories lacks fraud"),
        (stack({"node_group": "gone"}), "container fraud goes to node group gone, which the cluster does not have"),
        (stack({"image": "fraud"}), "fraud names no one image: give it a tag that stays, `fraud:1.0.0`, or a digest"),
        (stack({"image": "fraud:latest"}), "names no one image"),
        (stack({"grants": ["read everything"]}), "a right in plain words"),
        (stack({"environment": {"DB_PASSWORD": "x"}}), "DB_PASSWORD sounds like a secret"),
        (stack({"environment": {"AWS_REGION": "x"}}), "Choose another name"),
        (stack({"secrets": {"API_TOKEN": {"arn": "hunter2"}}}), "the whole ARN of a Secrets Manager secret"),
        (stack({"secrets": {"API_TOKEN": "hunter2"}}), "API_TOKEN"),
        (stack({"secrets": {"LOG_LEVEL": {"arn": SECRET}}}), "LOG_LEVEL is in environment and in secrets"),
        (stack({"runs": "worker"}), "a worker is one copy"),
        (stack({"min_replicas": 4}), "set max_replicas to 4 or more"),
        (stack({"user": 0}), "user"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(override: dict[str, Any], sentence: str) -> None:
    message = refused(override)
    assert sentence in message
    assert "hunter2" not in message
