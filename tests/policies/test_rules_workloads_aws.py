"""What the rules say of EKS, ECS and Lambda."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.policies.aws_resources import Case, judgements, more, node, stacks, three, verdict

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
FUNCTION = "aws:lambda/function:Function"
EKS = node(CLUSTER, name="cluster")
ALL_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
BOOTSTRAP = "bootstrapClusterCreatorAdminPermissions"


def endpoint(**settings: object) -> dict[str, object]:
    return {"vpcConfig": settings}


def cni(values: object) -> Node:
    return node(ADDON, {"addonName": "vpc-cni", "configurationValues": values}, name="vpc-cni")


def association(role: str) -> Node:
    return node("aws:eks/podIdentityAssociation:PodIdentityAssociation", {"roleArn": role}, name="association")


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
        node(CLUSTER, endpoint(endpointPublicAccess=True, publicAccessCidrs=["192.0.2.0/24"])),
    ),
    more(
        "eks-endpoint-not-open",
        Verdict.BROKEN,
        "refuses an API for all addresses",
        node(CLUSTER, endpoint(endpointPublicAccess=True, publicAccessCidrs=["0.0.0.0/0"])),
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
        node("kubernetes:helm.sh/v3:Release", {"chart": "cilium"}),
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
        node(
            "kubernetes:apps/v1:Deployment",
            {"spec": {"template": {"spec": {"containers": [{"env": [{"name": "AWS_ACCESS_KEY_ID"}]}]}}}},
        ),
    ),
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
        node(TASK, {"containerDefinitions": [variables(DB_PASSWORD=UNKNOWN)]}),
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
        "lambda-supported-runtime", Verdict.MET, "leaves images to themselves", node(FUNCTION, {"packageType": "Image"})
    ),
    *three(
        "lambda-not-public",
        "calls by everybody",
        PERMISSION,
        {"principal": "*"},
        {**GATEWAY, "sourceArn": "arn"},
        {"principal": UNKNOWN},
    ),
    more("lambda-not-public", Verdict.BROKEN, "refuses a service on anybody's behalf", node(PERMISSION, GATEWAY)),
    more(
        "lambda-not-public",
        Verdict.UNKNOWN,
        "does not decide about a source to be",
        node(PERMISSION, {**GATEWAY, "sourceArn": UNKNOWN}),
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
        node("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "AWS_IAM", "cors": {"allowOrigins": ["*"]}}),
    ),
    *stacks(
        "lambda-dead-letter",
        "events that are lost",
        [node(FUNCTION)],
        [node(FUNCTION, {"deadLetterConfig": {"targetArn": "arn"}})],
        [node(FUNCTION, {"deadLetterConfig": UNKNOWN})],
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
    function = node(FUNCTION, name="function")
    config = node(
        INVOKE, {"destinationConfig": {"onFailure": {"destination": "arn"}}}, refers={"functionName": [function]}
    )
    assert verdict("lambda-dead-letter", function, config) is Verdict.MET


def test_a_function_that_reads_a_stream_needs_no_dead_letters() -> None:
    function = node(FUNCTION, name="function")
    source = node("aws:lambda/eventSourceMapping:EventSourceMapping", refers={"functionName": [function]})
    assert verdict("lambda-dead-letter", function, source) is None


def test_findings_about_secrets_name_the_variable_and_hide_its_value() -> None:
    task = judgements("ecs-no-env-secrets", node(TASK, containers(variables(DB_PASSWORD="hunter22"))))
    function = judgements("lambda-env-protected", node(FUNCTION, {"environment": {"variables": {"API_TOKEN": "abc"}}}))
    assert "hunter22" not in str(task)
    assert "API_TOKEN" in function[0].message
    assert "abc" not in str(function)


def test_a_variable_that_says_where_a_secret_is_holds_none() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:login"
    assert verdict("ecs-no-env-secrets", node(TASK, containers(variables(DB_PASSWORD=arn)))) is Verdict.MET
