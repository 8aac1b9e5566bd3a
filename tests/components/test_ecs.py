"""Containers on Fargate: without a cluster or beside one, held against the APIs' own models, and what is refused."""

import json
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.serving.ecs import sizes
from localcloud.engine import LocalCloud
from mlops.choice.trials import program
from mlops.cost.estimate import unpriced
from mlops.plan.graph import Graph, Node
from mlops.plan.workloads import workloads
from mlops.timeline.obstacles import obstacles
from policies.engine import judge
from tests import aws_api
from tests.components.cluster_stack import waits_for
from tests.components.test_containers import FRAUD, REGISTRY, refused
from tests.platforms import ROOT, platform
from tests.support import only, statements

SERVICE, DEFINITION = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
RULE = "aws:lb/listenerRule:ListenerRule"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
BALANCED = {"kind": "ecs", "domain": "ml.example.com", "certificate_arn": CERTIFICATE}
SAGEMAKER = {"kind": "sagemaker", "tracking": {"protect": False}}
WITHOUT_CLUSTER: dict[str, Any] = {
    "cluster": None,
    "database": None,
    "ml_platform": SAGEMAKER,
    "serving": BALANCED,
    "registry": REGISTRY,
    "workloads": {"recommender": {}, "containers": [{**FRAUD, "grants": ["produce"], "health_command": ["check"]}]},
}


@cache
def without_cluster(tier: str = "dev") -> Graph:
    return platform(tier, WITHOUT_CLUSTER)


@cache
def beside_cluster() -> Graph:
    return platform("dev", {"serving": {"kind": "ecs", "spot_percent": 80, "cpu_architecture": "arm64"}})


def container(graph: Graph, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        only(graph, DEFINITION, f"serving-workload-{name}").inputs["containerDefinitions"]
    )[0]
    return found


def allowed(graph: Graph, name: str) -> set[tuple[str, str]]:
    document = only(graph, "aws:iam/rolePolicy:RolePolicy", f"serving-workload-{name}-policy").inputs["policy"]
    return {(action, arn) for one in statements(document) for action in one["Action"] for arn in one["Resource"]}


def test_it_needs_no_kubernetes_and_makes_none() -> None:
    graph = without_cluster()
    assert {node.type.partition(":")[0] for node in graph if node.custom} == {"aws", "pulumi"}
    assert not [node for node in graph if node.type.startswith(("aws:eks", "aws:rds"))]


def test_the_recommender_and_its_loop_run_as_on_a_cluster() -> None:
    graph = without_cluster()
    outputs = graph.stack_outputs
    recommender, loop = container(graph, "recommender"), container(graph, "pipelines")
    told = {item["name"]: item["value"] for item in loop["environment"]}
    assert recommender["image"] == f"{outputs['registry']['recommender']}:0.1.0"
    assert recommender["portMappings"] == [{"containerPort": 8000, "protocol": "tcp"}]
    assert loop["command"] == ["worker", "--interval", "300", "--port", "9108"]
    assert told["MLFLOW_TRACKING_URI"] == outputs["trackingUrl"]
    assert told["MLOPS_SERVING_URL"] == outputs["recommenderUrl"] == "http://recommender.mlops-test.internal:8000"
    for one in (recommender, loop):
        assert (one["user"], one["readonlyRootFilesystem"]) == ("10001", True)
        assert {secret["name"] for secret in one["secrets"]} == {"MLOPS_ADMIN_TOKEN", "MLOPS_PII_SALT"}
        assert "python" in one["healthCheck"]["command"]


def test_a_plan_says_where_each_part_runs_and_as_whom() -> None:
    rows = {one.name: one for one in workloads(without_cluster())}
    assert set(rows) == {"recommender", "pipelines", "fraud"}
    recommender = rows["recommender"]
    assert (recommender.namespace, recommender.kind, recommender.replicas) == ("mlops-test", "Service", "1-3")
    assert recommender.role == "serving-workload-recommender-task-role"
    assert rows["pipelines"].replicas == "1"


def test_a_task_may_do_what_its_grants_say_and_only_what_starts_it_reads_secrets() -> None:
    graph = without_cluster()
    recommender = {action for action, _ in allowed(graph, "recommender-task")}
    assert {"s3:GetObject", "kinesis:PutRecords"} <= recommender
    assert not {"kinesis:GetRecords", "secretsmanager:GetSecretValue", "ecr:BatchGetImage"} & recommender
    starts = {action for action, _ in allowed(graph, "recommender-execution")}
    assert {"secretsmanager:GetSecretValue", "ecr:BatchGetImage", "logs:PutLogEvents"} <= starts
    assert not [action for action in starts if action.startswith(("s3:", "kinesis:"))]


def test_the_value_of_a_generated_secret_is_in_no_input() -> None:
    for name in ("admin-token", "pii-salt"):
        made = only(without_cluster(), "aws:cloudcontrol/resource:Resource", f"serving-workload-secret-mlops-{name}")
        asked = json.loads(made.inputs["desiredState"])
        assert asked["GenerateSecretString"] == {"PasswordLength": 32, "ExcludePunctuation": True}
        assert "SecretString" not in asked
        assert asked["KmsKeyId"].startswith("arn:aws:kms:")


LINTER = next(
    ROOT.glob(
        "services/.venv/lib/python3*/site-packages/cfnlint/data/schemas/extensions/aws_ecs_taskdefinition/fargate_cpu_memory.json"
    ),
    None,
)


@pytest.mark.skipif(LINTER is None, reason="the services' environment, which has cfn-lint, is not set up")
def test_the_sizes_are_those_that_cfn_lint_takes_and_no_others() -> None:
    assert LINTER is not None
    theirs: dict[int, set[int]] = {}
    for row in json.loads(LINTER.read_text())["then"]["anyOf"]:
        (cpu,) = row["properties"]["Cpu"]["then"]["enum"]
        memory = row["properties"]["Memory"]["then"]
        listed = memory.get("enum") or range(memory["minimum"], memory["maximum"] + 1, memory["multipleOf"])
        theirs[int(cpu)] = {int(size) for size in listed}
    assert {cpu: set(memory) for cpu, memory in sizes.SIZES.items()} == theirs


def test_workloads_answer_behind_a_balancer_that_speaks_tls_only_and_leave_it_before_they_stop() -> None:
    graph = without_cluster()
    listener = only(graph, "aws:lb/listener:Listener", "serving-balancer-listener").inputs
    assert (listener["protocol"], listener["certificateArn"]) == ("HTTPS", CERTIFICATE)
    rule = only(graph, RULE, "serving-workload-recommender-rule")
    assert rule.inputs["conditions"] == [{"hostHeader": {"values": ["recommender.ml.example.com"]}}]
    targets = only(graph, "aws:lb/targetGroup:TargetGroup", "serving-workload-recommender-targets").inputs
    assert (targets["deregistrationDelay"], targets["healthCheck"]["path"]) == (30, "/ready")
    assert waits_for(graph, only(graph, SERVICE, "serving-workload-recommender"), rule)


def test_a_balancers_log_lies_in_the_platforms_bucket_which_lets_it_in_beforehand() -> None:
    graph = without_cluster()
    policy = only(graph, "aws:s3/bucketPolicy:BucketPolicy", "storage-logs-policy")
    rows = {row["Sid"]: row for row in json.loads(policy.inputs["policy"])["Statement"]}
    assert rows["BalancerLogs"]["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert waits_for(graph, only(graph, "aws:lb/loadBalancer:LoadBalancer", "serving-balancer-load-balancer"), policy)
    plain = only(beside_cluster(), "aws:s3/bucketPolicy:BucketPolicy", "storage-logs-policy").inputs["policy"]
    assert "BalancerLogs" not in plain


def test_a_deployment_that_fails_goes_back_and_a_worker_is_never_there_twice() -> None:
    graph = beside_cluster()
    recommender = only(graph, SERVICE, "serving-workload-recommender").inputs
    loop = only(graph, SERVICE, "serving-workload-pipelines").inputs
    assert recommender["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (recommender["deploymentMinimumHealthyPercent"], recommender["deploymentMaximumPercent"]) == (100, 200)
    assert (loop["deploymentMinimumHealthyPercent"], loop["deploymentMaximumPercent"]) == (0, 100)
    assert recommender["networkConfiguration"]["assignPublicIp"] is False


def test_the_first_task_and_the_worker_are_never_on_spot_unless_all_is() -> None:
    graph = beside_cluster()
    recommender = only(graph, SERVICE, "serving-workload-recommender").inputs["capacityProviderStrategies"]
    loop = only(graph, SERVICE, "serving-workload-pipelines").inputs["capacityProviderStrategies"]
    assert recommender == [
        {"capacityProvider": "FARGATE", "weight": 20, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 80, "base": 0},
    ]
    assert loop == [{"capacityProvider": "FARGATE", "weight": 100, "base": 0}]
    assert (
        only(graph, DEFINITION, "serving-workload-recommender").inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    )


def test_mlflow_on_the_cluster_is_reached_by_the_groups_of_those_who_track_and_by_nobody_else() -> None:
    graph = beside_cluster()
    service = only(graph, "kubernetes:core/v1:Service", "ml-platform-outside-service").inputs
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"
    group = only(graph, "aws:ec2/securityGroup:SecurityGroup", "ml-platform-outside-security-group")
    let_in = [
        node.name
        for node in graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if node.inputs["securityGroupId"] == group.id
    ]
    assert sorted(let_in) == [f"serving-workload-{part}-into-ml-platform-5000" for part in ("pipelines", "recommender")]
    hosts = json.dumps(only(graph, "kubernetes:apps/v1:Deployment", "ml-platform-server").inputs)
    assert "*.elb.us-east-1.amazonaws.com:5000" in hosts


def test_brokers_let_tasks_in_by_their_own_group() -> None:
    graph = platform("dev", {"serving": {"kind": "ecs"}, "data_pipeline": {"kind": "kafka"}})
    brokers = only(graph, "aws:ec2/securityGroup:SecurityGroup", "data-pipeline-security-group")
    rule = only(
        graph,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "serving-workload-pipelines-into-data-pipeline-9098",
    )
    assert rule.inputs["securityGroupId"] == brokers.id


OPERATIONS: Mapping[str, tuple[str, str, Mapping[str, str | None]]] = {
    "aws:ecs/cluster:Cluster": ("ecs", "CreateCluster", {}),
    "aws:lb/targetGroup:TargetGroup": (
        "elbv2",
        "CreateTargetGroup",
        {
            "deregistrationDelay": None,
            "healthCheck": None,
            "namePrefix": "name",
        },
    ),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": (
        "servicediscovery",
        "CreatePrivateDnsNamespace",
        {},
    ),
    "aws:servicediscovery/service:Service": ("servicediscovery", "CreateService", {"forceDestroy": None}),
}


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("type_", OPERATIONS)
def test_the_api_takes_every_resource(type_: str) -> None:
    service, operation, renamed = OPERATIONS[type_]
    found = without_cluster().of_type(type_)
    assert found
    for node in found:
        assert aws_api.refusals(service, operation, _plural(node), renamed) == [], node.name


def _plural(node: Node) -> Mapping[str, Any]:
    """Inputs of which the provider needs no spelling of its own."""
    known = {key: value for key, value in node.inputs.items() if key not in ("tags", "tagsAll")}
    return {"clusterName": known.pop("name"), **known} if node.type.endswith(":Cluster") else known


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("name", ["recommender", "pipelines"])
def test_the_api_takes_the_containers_of_a_task(name: str) -> None:
    inputs = only(without_cluster(), DEFINITION, f"serving-workload-{name}").inputs
    asked = {
        "family": inputs["family"],
        "cpu": inputs["cpu"],
        "memory": inputs["memory"],
        "networkMode": inputs["networkMode"],
        "requiresCompatibilities": inputs["requiresCompatibilities"],
        "runtimePlatform": inputs["runtimePlatform"],
        "containerDefinitions": json.loads(inputs["containerDefinitions"]),
    }
    assert aws_api.refusals("ecs", "RegisterTaskDefinition", asked) == []
    asked["containerDefinitions"][0]["healthCheck"]["comand"] = []
    assert aws_api.refusals("ecs", "RegisterTaskDefinition", asked) != []


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_is_mandatory_and_everything_has_a_price(tier: str) -> None:
    graph = without_cluster(tier)
    ours = {node.urn for node in graph if graph.module(node) == "serving"}
    assert [(one.rule.id, one.name) for one in judge(graph, tier).blocking if one.urn in ours] == []
    assert list(unpriced(graph)) == []


def test_nothing_but_protection_stops_its_teardown() -> None:
    assert {one.what for one in obstacles(without_cluster()) if one.verdict == "stops"} <= {
        "Deletion protection of AWS",
        "Protected resources",
    }


CANARY = {**FRAUD, "grants": [], "release": {"strategy": "canary", "steps": [{"percent": 10, "bake_minutes": 30}]}}
EVEN = [{"percent": percent, "bake_minutes": 10} for percent in (20, 40, 60)]


def weighted(**release: Any) -> dict[str, Any]:
    container = {**CANARY, "release": {"strategy": "canary", **release}}
    return {**WITHOUT_CLUSTER, "workloads": {"containers": [container]}}


def test_a_canary_gets_its_share_by_weights_and_an_alarm_takes_it_back() -> None:
    graph = platform("dev", {**WITHOUT_CLUSTER, "workloads": {"containers": [CANARY]}})
    service = only(graph, SERVICE, "serving-fraud-service").inputs
    assert service["deploymentConfiguration"] == {
        "strategy": "CANARY",
        "bakeTimeInMinutes": "30",
        "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "30"},
    }
    rule = only(graph, RULE, "serving-fraud-service-rule")
    assert [one["weight"] for one in rule.inputs["actions"][0]["forward"]["targetGroups"]] == [100, 0]
    advanced = service["loadBalancers"][0]["advancedConfiguration"]
    assert advanced["productionListenerRule"] == rule.outputs["arn"]
    alarm = only(graph, "aws:cloudwatch/metricAlarm:MetricAlarm", "serving-fraud-service-errors")
    assert (alarm.inputs["threshold"], service["alarms"]["rollback"]) == (1, True)
    assert service["alarms"]["alarmNames"] == [alarm.outputs["name"]]
    # A breaker is for rolling deployments, and a name in the network knows no weights.
    assert "deploymentCircuitBreaker" not in service
    assert "serviceRegistries" not in service
    assert graph.stack_outputs["containerUrls"] == {"fraud": "https://fraud.ml.example.com"}


def test_even_steps_are_a_linear_deployment_and_manual_rollback_only_rings() -> None:
    service = only(platform("dev", weighted(steps=EVEN, rollback="manual")), SERVICE, "serving-fraud-service").inputs
    assert service["deploymentConfiguration"]["strategy"] == "LINEAR"
    assert service["deploymentConfiguration"]["linearConfiguration"] == {
        "stepPercent": 20,
        "stepBakeTimeInMinutes": "10",
    }
    assert service["alarms"]["rollback"] is False


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({**weighted(), "serving": {"kind": "ecs"}}, "set serving.domain and serving.certificate_arn, or strategy to"),
        (
            weighted(steps=[{"percent": 5}, {"percent": 50}]),
            "release.steps of 5, 50 %, and ECS takes one step, or equal ones of 3 % or more",
        ),
        (weighted(steps=[{"percent": 5, "bake_minutes": 2000}]), "the longest that ECS waits"),
        (
            {**weighted(), "workloads": {"containers": [{**CANARY, "release": {"strategy": "shadow"}}]}},
            "where a new image takes over by canary, rolling; choose one of them, or a kind that has shadow: none",
        ),
        (
            {"workloads": {"containers": [CANARY]}, "registry": REGISTRY},
            "where a new image takes over by rolling; choose one of them, or a kind that has canary: ecs",
        ),
        (
            {
                "serving": {"kind": "lambda"},
                "workloads": {"recommender": {"release": {"strategy": "shadow"}}},
            },
            "serving is lambda, where a new model takes over by ab, canary, rolling; choose one of them",
        ),
    ],
)
def test_a_strategy_that_a_kind_lacks_is_refused_by_name(override: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(override)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"workloads": {"recommender": {"cpu": "300m"}}}, "Fargate has tasks of 250m, 500m, 1, 2, 4, 8, 16, 32"),
        (
            {"workloads": {"recommender": {"cpu": "1", "memory": "1Gi"}}},
            "a size that Fargate does not have; with that cpu it has 2Gi, 3Gi, 4Gi",
        ),
        ({"workloads": {"recommender": {"memory": "1536Mi"}}}, "with that cpu it has 512Mi, 1Gi, 2Gi"),
        ({"workloads": {"recommender": {"loop_scratch_gb": 300}}}, "a task has at most 200"),
        ({"workloads": {"recommender": {"node_group": "models"}}}, "Fargate has no nodes; leave node_group out"),
        (
            {"serving": {"kind": "ecs", "models": [{"name": "fraud", "storage_uri": "artifacts/fraud", "gpus": 1}]}},
            "serves containers and no models by their artifacts; leave models out, or choose a kind that serves them",
        ),
        ({"serving": {"kind": "ecs", "domain": "ml.example.com"}}, "domain is set without certificate_arn"),
        ({"serving": BALANCED, "network": {"mode": "public", "nat": "none"}}, "the network has no private subnet"),
        (
            {"network": {"mode": "public", "nat": "none"}},
            "from where MLflow is reached through an internal load balancer",
        ),
    ],
)
def test_what_fargate_cannot_carry_is_refused_in_a_sentence(override: dict[str, Any], sentence: str) -> None:
    assert sentence in refused({"serving": {"kind": "ecs"}, **override})


@pytest.mark.engine
def test_a_stack_without_kubernetes_comes_up_stays_and_goes(tmp_path: Path) -> None:
    rehearsed(
        tmp_path,
        {
            **WITHOUT_CLUSTER,
            "serving": {**BALANCED, "deletion_protection": False},
            "workloads": {"recommender": {}, "containers": [CANARY]},
        },
    )


def rehearsed(folder: Path, override: Mapping[str, Any]) -> None:
    """Bring a stack up on the real engine, once more without a change, and down to nothing."""
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    pulumi = own if own.exists() else Path(shutil.which("pulumi") or "pulumi")
    config = {
        "pulumi:disable-default-providers": '["*"]',
        "mlops:tier": "dev",
        "mlops:platform": json.dumps(override),
    }
    with LocalCloud(folder, pulumi=pulumi, throwaway=True) as cloud:
        stack = cloud.stack(program(ROOT), project="mlops", stack="test", config=config)
        assert stack.up().ok
        assert not stack.up().changed
        assert stack.destroy().ok
