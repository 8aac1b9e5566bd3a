"""Containers as functions: without Kubernetes, held against the APIs' own models, and what is refused."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.base.workload import Shape
from components.serving.lambda_ import LambdaServingConfig, limits
from mlops.cost.estimate import unpriced
from mlops.plan.graph import Graph
from mlops.plan.workloads import workloads
from mlops.timeline.obstacles import obstacles
from policies.engine import judge
from tests import aws_api
from tests.components.cluster_stack import waits_for
from tests.components.test_containers import FRAUD, REGISTRY, SECRET, refused
from tests.components.test_ecs import SAGEMAKER, rehearsed
from tests.platforms import platform
from tests.support import only, statements

FUNCTION = "aws:lambda/function:Function"
GPU = {"name": "fraud", "storage_uri": "artifacts/fraud", "gpus": 1}
WITHOUT_CLUSTER: dict[str, Any] = {
    "cluster": None,
    "database": None,
    "ml_platform": SAGEMAKER,
    "serving": {"kind": "lambda"},
    "registry": REGISTRY,
    "workloads": {"recommender": {}, "containers": [{**FRAUD, "grants": ["produce"]}]},
}


@cache
def graph(tier: str = "dev", **serving: Any) -> Graph:
    return platform(tier, {**WITHOUT_CLUSTER, "serving": {"kind": "lambda", **serving}})


def told(graph: Graph, name: str) -> dict[str, str]:
    found: dict[str, str] = only(graph, FUNCTION, name).inputs["environment"]["variables"]
    return found


def test_a_stack_of_kinesis_sagemaker_and_lambda_makes_no_kubernetes() -> None:
    assert {node.type.partition(":")[0] for node in graph() if node.custom} == {"aws", "pulumi"}
    assert not [node for node in graph() if node.type.startswith(("aws:eks", "aws:rds", "aws:ec2/instance"))]


def test_the_recommender_is_a_function_of_its_image_that_asks_lambda_for_its_work() -> None:
    function = only(graph(), FUNCTION, "serving-workload-recommender").inputs
    assert function["imageUri"] == f"{graph().stack_outputs['registry']['recommender']}:0.1.0"
    assert function["imageConfig"] == {"commands": ["python", "-m", "recommender.lambda_handler"]}
    assert (function["memorySize"], function["ephemeralStorage"]["size"]) == (512, 2048)
    assert function["publish"] is True
    assert waits_for(
        graph(),
        only(graph(), FUNCTION, "serving-workload-recommender"),
        only(
            graph(),
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "serving-workload-recommender-function-network",
        ),
    )


def test_a_plan_says_where_each_part_runs_and_as_whom() -> None:
    rows = {one.name: one for one in workloads(graph())}
    assert set(rows) == {f"mlops-test-{name}" for name in ("recommender", "pipelines", "fraud")}
    recommender = rows["mlops-test-recommender"]
    assert (recommender.kind, recommender.replicas) == ("Function", "on call")
    assert recommender.role == "serving-workload-recommender-function-role"


def test_callers_name_an_alias_and_sign() -> None:
    alias = only(graph(), "aws:lambda/alias:Alias", "serving-workload-recommender-alias").inputs
    url = only(graph(), "aws:lambda/functionUrl:FunctionUrl", "serving-workload-recommender-url").inputs
    assert alias["name"] == url["qualifier"] == "live"
    assert (url["authorizationType"], url["invokeMode"]) == ("AWS_IAM", "BUFFERED")
    assert graph().stack_outputs["recommenderUrl"].startswith("https://")


def test_the_loop_looks_once_at_a_time_and_leaves_the_swap_to_the_recommender() -> None:
    loop = only(graph(), FUNCTION, "serving-workload-pipelines").inputs
    looks = only(graph(), "aws:scheduler/schedule:Schedule", "serving-workload-pipelines-looks").inputs
    assert (loop["reservedConcurrentExecutions"], loop["timeout"]) == (1, 900)
    assert loop["imageConfig"] == {"commands": ["lambda"]}
    assert looks["scheduleExpression"] == "rate(5 minutes)"
    assert looks["target"]["retryPolicy"]["maximumRetryAttempts"] == 0
    calls = only(
        graph(), "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "serving-workload-pipelines-calls"
    )
    assert calls.inputs["maximumRetryAttempts"] == 0
    # It cannot sign, and the recommender looks at the alias by itself.
    assert "MLOPS_SERVING_URL" not in told(graph(), "serving-workload-pipelines")
    may = only(graph(), "aws:iam/rolePolicy:RolePolicy", "serving-workload-pipelines-wake-policy").inputs["policy"]
    assert [one["Action"] for one in statements(may)] == [["lambda:InvokeFunction"]]


def test_a_secret_is_an_arn_that_the_function_may_read() -> None:
    found = told(graph(), "serving-fraud-service")
    assert found["API_TOKEN_SECRET_ARN"] == f"{SECRET}#token"
    salt = told(graph(), "serving-workload-recommender")["MLOPS_PII_SALT_SECRET_ARN"]
    assert salt == told(graph(), "serving-workload-pipelines")["MLOPS_PII_SALT_SECRET_ARN"]
    policy = only(graph(), "aws:iam/rolePolicy:RolePolicy", "serving-workload-recommender-function-policy").inputs[
        "policy"
    ]
    readable = {
        arn for one in statements(policy) if "secretsmanager:GetSecretValue" in one["Action"] for arn in one["Resource"]
    }
    assert salt in readable


def test_lambda_is_told_no_region_for_it_sets_its_own() -> None:
    for node in graph().of_type(FUNCTION):
        assert not {"AWS_REGION", "AWS_LAMBDA_RUNTIME_API"} & node.inputs["environment"]["variables"].keys()


def test_an_http_api_asks_for_a_signature_too_and_writes_who_called() -> None:
    found = graph(front="http_api")
    route = only(found, "aws:apigatewayv2/route:Route", "serving-workload-recommender-route").inputs
    stage = only(found, "aws:apigatewayv2/stage:Stage", "serving-workload-recommender-stage").inputs
    integration = only(found, "aws:apigatewayv2/integration:Integration", "serving-workload-recommender-integration")
    assert route["authorizationType"] == "AWS_IAM"
    assert integration.inputs["payloadFormatVersion"] == "2.0"
    assert json.loads(stage["accessLogSettings"]["format"])["caller"] == "$context.identity.caller"


def test_warm_copies_are_as_many_as_the_fewest_replicas() -> None:
    found = platform(
        "dev",
        {
            **WITHOUT_CLUSTER,
            "serving": {"kind": "lambda", "provisioned": True},
            "workloads": {"recommender": {"min_replicas": 2}},
        },
    )
    warm = only(
        found,
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "serving-workload-recommender-warm",
    ).inputs
    assert (warm["provisionedConcurrentExecutions"], warm["qualifier"]) == (2, "live")


def test_the_first_up_makes_all_but_the_functions_so_that_images_can_be_pushed() -> None:
    found = graph(images="awaited")
    assert not found.of_type(FUNCTION)
    assert found.of_type("aws:ecr/repository:Repository")
    assert "recommenderUrl" not in found.stack_outputs


def test_its_card_says_what_a_cold_start_is_and_where_it_ends() -> None:
    card = LambdaServingConfig.card
    assert "cold start" in card.trade_offs
    assert {"GPUs", "15 minutes", "10 GB"} <= {one for one in ("GPUs", "15 minutes", "10 GB") if one in card.not_for}


OPERATIONS: Mapping[str, tuple[str, str, Mapping[str, str | None]]] = {
    "aws:lambda/alias:Alias": ("lambda", "CreateAlias", {}),
    "aws:lambda/functionUrl:FunctionUrl": ("lambda", "CreateFunctionUrlConfig", {"authorizationType": "authType"}),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": (
        "lambda",
        "PutFunctionEventInvokeConfig",
        {},
    ),
}


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("type_", OPERATIONS)
def test_the_api_takes_every_resource(type_: str) -> None:
    service, operation, renamed = OPERATIONS[type_]
    found = graph().of_type(type_)
    assert found
    for node in found:
        inputs = {key: value for key, value in node.inputs.items() if not key.startswith("tags")}
        assert aws_api.refusals(service, operation, inputs, renamed) == [], node.name


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_the_api_takes_every_function() -> None:
    own = {"imageUri": None, "imageConfig": None, "reservedConcurrentExecutions": None, "name": "functionName"}
    for node in graph().of_type(FUNCTION):
        inputs = {key: value for key, value in node.inputs.items() if not key.startswith("tags")}
        asked = {**inputs, "code": {"imageUri": inputs["imageUri"]}}
        if "imageConfig" in inputs:
            asked |= {"imageconfig": {"command": inputs["imageConfig"]["commands"]}}
        assert aws_api.refusals("lambda", "CreateFunction", asked, own) == [], node.name


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_is_mandatory_and_everything_has_a_price(tier: str) -> None:
    for front in ("function_url", "http_api"):
        found = graph(tier, front=front)
        ours = {node.urn for node in found if found.module(node) == "serving"}
        assert [(one.rule.id, one.name) for one in judge(found, tier).blocking if one.urn in ours] == []
        assert list(unpriced(found)) == []


def test_its_teardown_waits_for_network_interfaces_and_says_so() -> None:
    assert "Network interfaces of functions hold subnets and security groups" in {
        one.what for one in obstacles(graph())
    }


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"workloads": {"recommender": {"memory": "12Gi"}}}, "asks for memory 12Gi, and a function has 128Mi to 10Gi"),
        ({"workloads": {"recommender": {"memory": "64Mi"}}}, "asks for memory 64Mi, and a function has 128Mi to 10Gi"),
        ({"workloads": {"recommender": {"loop_scratch_gb": 11}}}, "a function has at most 10 GB below /tmp"),
        ({"workloads": {"recommender": {"node_group": "models"}}}, "Lambda has no nodes; leave node_group out"),
        (
            {"workloads": {"containers": [{**FRAUD, "grants": [], "image": "ghcr.io/team/fraud:1"}]}},
            "Lambda starts those of ECR alone: push it to the platform's",
        ),
        ({"serving": {"kind": "lambda", "models": [GPU]}}, "which serves containers and no models by their artifacts"),
        ({"serving": {"kind": "lambda", "timeout_seconds": 901}}, "timeout_seconds"),
        (
            {"serving": {"kind": "lambda", "front": "http_api", "timeout_seconds": 60}},
            "front is http_api, which waits for at most 30",
        ),
        ({"network": {"mode": "public", "nat": "none"}}, "where none has a public address"),
    ],
)
def test_what_lambda_cannot_carry_is_refused_in_a_sentence(override: dict[str, Any], sentence: str) -> None:
    assert sentence in refused({"serving": {"kind": "lambda"}, **override})


def measured(graph: Graph, name: str) -> int:
    """Bytes of a function's variables, as Lambda measures them."""
    return len(json.dumps(told(graph, name), separators=(",", ":")).encode())


STEPS = [{"percent": place + 0.125, "bake_minutes": 1000} for place in range(1, 21)]


@pytest.mark.parametrize("pipeline", ["kafka", "kinesis", "pulsar"])
def test_what_the_platform_tells_a_function_leaves_room_for_its_own(pipeline: str) -> None:
    login = {"arn": SECRET, "key_arn": None}
    words = [f"read storage/{zone}" for zone in ("raw", "curated", "features", "artifacts")]
    container = {**FRAUD, "grants": [*words, "produce", "track", "invoke"], "environment": {}, "secrets": {}}
    around = {
        **WITHOUT_CLUSTER,
        "cluster": {},
        "database": {},
        "data_pipeline": {"kind": pipeline},
        "ml_platform": {"kind": "mlflow", "auth": {"kind": "basic", "workloads": login}},
        "workloads": {
            "containers": [container],
            "recommender": {"release": {"strategy": "canary", "steps": STEPS}},
        },
    }
    found = platform("prod", around)
    # Names of buckets are random, and at most 63 characters long; brokers' names are the stand-in's.
    assert measured(found, "serving-fraud-service") + 4 * 40 + 150 <= limits.TOLD
    for part in ("recommender", "pipelines"):
        assert measured(found, f"serving-workload-{part}") + 4 * 40 + 150 <= limits.MOST_ENVIRONMENT


def test_an_environment_that_lambda_would_not_hold_is_refused_with_its_size_and_one_that_it_holds_is_not() -> None:
    room = limits.MOST_ENVIRONMENT - limits.TOLD
    half = {"HALF": "x" * 1000}
    over = room - len('{"HALF":"","TEXT":""}') - 1000 + 1
    container = {**FRAUD, "grants": [], "secrets": {}}
    message = refused(
        {
            "serving": {"kind": "lambda"},
            "workloads": {"containers": [{**container, "environment": {**half, "TEXT": "x" * over}}]},
        }
    )
    assert f"has an environment of {room + 1:,} bytes" in message
    assert "a function holds 4,096" in message
    assert f"shorten it to {room:,}" in message
    assert not limits.misfits("it", shape({**half, "TEXT": "x" * (over - 1)}))
    # What stands for a secret counts as well, and what JSON writes in more letters than one.
    assert limits.misfits("it", shape({"TEXT": '"' * (room // 2)}))


def shape(environment: dict[str, str]) -> Shape:
    return Shape(name="fraud", cpu="1", memory="512Mi", scratch_gb=1, environment=environment)


@pytest.mark.engine
def test_a_stack_without_kubernetes_comes_up_stays_and_goes(tmp_path: Path) -> None:
    rehearsed(tmp_path, WITHOUT_CLUSTER)
