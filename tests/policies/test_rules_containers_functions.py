"""What the rules say of ECS and Lambda."""

import json
from typing import Any

import pytest

from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, more, stacks, three
from tests.policies.support import judgements, verdict

TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
FUNCTION = "aws:lambda/function:Function"


def containers(*rows: dict[str, Any]) -> dict[str, object]:
    return {"containerDefinitions": json.dumps([{"name": "app", **row} for row in rows])}


def variables(**values: str) -> dict[str, Any]:
    return {"environment": [{"name": name, "value": value} for name, value in values.items()]}


NOT_KNOWN = {"containerDefinitions": UNKNOWN}
INVOKE = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
PERMISSION = "aws:lambda/permission:Permission"
GATEWAY = {"principal": "apigateway.amazonaws.com"}

CASES: list[Case] = [
    *three(
        "ecs-no-privileged", "a privileged container", TASK, containers({"privileged": True}), containers({}), NOT_KNOWN
    ),
    *three(
        "ecs-read-only-root",
        "a writable file system",
        TASK,
        containers({}),
        containers({"readonlyRootFilesystem": True}),
        NOT_KNOWN,
    ),
    *three(
        "ecs-no-env-secrets",
        "a password in the environment",
        TASK,
        containers(variables(DB_PASSWORD="hunter22")),
        containers(variables(LOG_LEVEL="info")),
        NOT_KNOWN,
    ),
    more(
        "ecs-no-env-secrets",
        Verdict.UNKNOWN,
        "does not decide about a password to be",
        resource(TASK, {"containerDefinitions": [variables(DB_PASSWORD=UNKNOWN)]}),
    ),
    *three(
        "ecs-logging",
        "a container that logs nowhere",
        TASK,
        containers({}),
        containers({"logConfiguration": {"logDriver": "awslogs"}}),
        NOT_KNOWN,
    ),
    *three(
        "ecs-non-root-user",
        "a container that runs as root",
        TASK,
        containers({"user": "0:0"}),
        containers({"user": "1000"}),
        NOT_KNOWN,
    ),
    *three(
        "ecs-no-host-namespaces",
        "a task that sees the host",
        TASK,
        {"pidMode": "host", "networkMode": "awsvpc"},
        {"networkMode": "awsvpc"},
        {"networkMode": UNKNOWN},
    ),
    *three(
        "ecs-no-public-ip",
        "public addresses of tasks",
        SERVICE,
        {"networkConfiguration": {"assignPublicIp": True}},
        {},
        {"networkConfiguration": UNKNOWN},
    ),
    *three(
        "ecs-fargate-latest-platform",
        "an old platform",
        SERVICE,
        {"launchType": "FARGATE", "platformVersion": "1.3.0"},
        {"launchType": "FARGATE"},
        {"launchType": "FARGATE", "platformVersion": UNKNOWN},
    ),
    *three(
        "ecs-container-insights",
        "a cluster that nobody measures",
        "aws:ecs/cluster:Cluster",
        {},
        {"settings": [{"name": "containerInsights", "value": "enhanced"}]},
        {"settings": UNKNOWN},
    ),
    *three(
        "lambda-in-vpc",
        "a function outside the network",
        FUNCTION,
        {},
        {"vpcConfig": {"subnetIds": ["a"], "securityGroupIds": ["b"]}},
        {"vpcConfig": UNKNOWN},
    ),
    *three(
        "lambda-supported-runtime",
        "an old runtime",
        FUNCTION,
        {"runtime": "python3.8"},
        {"runtime": "python3.13"},
        {"runtime": UNKNOWN},
    ),
    more(
        "lambda-supported-runtime",
        Verdict.MET,
        "leaves images to themselves",
        resource(FUNCTION, {"packageType": "Image"}),
    ),
    *three(
        "lambda-not-public",
        "calls by everybody",
        PERMISSION,
        {"principal": "*"},
        {**GATEWAY, "sourceArn": "arn"},
        {"principal": UNKNOWN},
    ),
    more("lambda-not-public", Verdict.BROKEN, "refuses a service on anybody's behalf", resource(PERMISSION, GATEWAY)),
    more(
        "lambda-not-public",
        Verdict.UNKNOWN,
        "does not decide about a source to be",
        resource(PERMISSION, {**GATEWAY, "sourceArn": UNKNOWN}),
    ),
    *three(
        "lambda-url-authenticated",
        "an address for everybody",
        "aws:lambda/functionUrl:FunctionUrl",
        {"authorizationType": "NONE"},
        {"authorizationType": "AWS_IAM"},
        {"authorizationType": UNKNOWN},
    ),
    more(
        "lambda-url-authenticated",
        Verdict.BROKEN,
        "refuses every site",
        resource(
            "aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "AWS_IAM", "cors": {"allowOrigins": ["*"]}}
        ),
    ),
    *stacks(
        "lambda-dead-letter",
        "events that are lost",
        [resource(FUNCTION)],
        [resource(FUNCTION, {"deadLetterConfig": {"targetArn": "arn"}})],
        [resource(FUNCTION, {"deadLetterConfig": UNKNOWN})],
    ),
    *three(
        "lambda-tracing",
        "calls without a trace",
        FUNCTION,
        {},
        {"tracingConfig": {"mode": "Active"}},
        {"tracingConfig": UNKNOWN},
    ),
    *three(
        "lambda-env-protected",
        "a token in the environment",
        FUNCTION,
        {"environment": {"variables": {"API_TOKEN": "abc"}}, "kmsKeyArn": "arn"},
        {"environment": {"variables": {"LEVEL": "info"}}, "kmsKeyArn": "arn"},
        {"environment": UNKNOWN},
    ),
    *three(
        "lambda-concurrency-limit",
        "a function without a limit",
        FUNCTION,
        {},
        {"reservedConcurrentExecutions": 5},
        {"reservedConcurrentExecutions": UNKNOWN},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected


def test_a_failure_goes_where_another_resource_says() -> None:
    function = resource(FUNCTION, name="function")
    config = resource(
        INVOKE, {"destinationConfig": {"onFailure": {"destination": "arn"}}}, refers={"functionName": [function]}
    )
    assert verdict("lambda-dead-letter", function, config) is Verdict.MET


def test_a_function_that_reads_a_stream_needs_no_dead_letters() -> None:
    function = resource(FUNCTION, name="function")
    source = resource("aws:lambda/eventSourceMapping:EventSourceMapping", refers={"functionName": [function]})
    assert verdict("lambda-dead-letter", function, source) is None


def test_findings_about_secrets_name_the_variable_and_hide_its_value() -> None:
    task = judgements("ecs-no-env-secrets", resource(TASK, containers(variables(DB_PASSWORD="hunter22"))))
    function = judgements(
        "lambda-env-protected", resource(FUNCTION, {"environment": {"variables": {"API_TOKEN": "abc"}}})
    )
    assert "hunter22" not in str(task)
    assert "API_TOKEN" in function[0].message
    assert "abc" not in str(function)


def test_a_variable_that_says_where_a_secret_is_holds_none() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:login"
    assert verdict("ecs-no-env-secrets", resource(TASK, containers(variables(DB_PASSWORD=arn)))) is Verdict.MET
