"""Kubeflow Pipelines as an orchestrator, with the ML platform's or with its own, and the loop on it."""

import json
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.orchestration.kubeflow_pipelines import KubeflowPipelinesConfig
from mlops.plan.graph import Graph
from policies.engine import judge
from services.pipelines.workflows.steps import STEPS
from tests.platforms import platform, tier_graph
from tests.support import only, statements

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
CRON_JOB = "kubernetes:batch/v1:CronJob"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
DIRECTORY = "kubernetes:kustomize/v2:Directory"
PLATFORMS = ("mlflow", "kubeflow")
NODES = {"cluster": {"system": {"max_size": 6}}}


@cache
def stack(ml_platform: str = "mlflow", stream: str = "kinesis") -> Graph:
    module = {"kind": "kubeflow_pipelines", "loop": {"every_hours": 8, "at": "01:00"}}
    chosen = {"ml_platform": {"kind": ml_platform}, "data_pipeline": {"kind": stream}}
    return platform("dev", {**NODES, **chosen, "orchestration": module})


def run(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(only(graph, CONFIG_MAP, "orchestration-loop-run").inputs["data"]["run.json"])
    return found


def executors(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = run(graph)["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"]
    return found


@pytest.mark.parametrize("ml_platform", PLATFORMS)
def test_it_is_installed_once_whoever_brings_it(ml_platform: str) -> None:
    [directory] = stack(ml_platform).of_type(DIRECTORY)
    assert directory.name == ("orchestration-manifests" if ml_platform == "mlflow" else "ml-platform-manifests")
    spaces = stack(ml_platform).of_type("kubernetes:core/v1:Namespace")
    assert [node.inputs["metadata"]["name"] for node in spaces].count("kubeflow") == 1
    assert stack(ml_platform).stack_outputs["orchestrationUrl"] == "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


@pytest.mark.parametrize("ml_platform", PLATFORMS)
def test_the_loop_is_a_pipeline_of_its_steps_in_their_order(ml_platform: str) -> None:
    tasks = run(stack(ml_platform))["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    assert [(name, tuple(task.get("dependentTasks", ()))) for name, task in tasks.items()] == [
        (step.name, step.needs) for step in STEPS
    ]


@pytest.mark.parametrize("ml_platform", PLATFORMS)
def test_a_step_is_the_workers_own_image_and_knows_what_it_knows(ml_platform: str) -> None:
    graph = stack(ml_platform)
    worker = only(graph, "kubernetes:apps/v1:Deployment", "serving-workload-pipelines").inputs["spec"]["template"][
        "spec"
    ]
    told = dict(only(graph, CONFIG_MAP, "serving-workload-settings").inputs["data"])
    told.pop("MLOPS_SERVING_URL")
    for executor in executors(graph).values():
        container = executor["container"]
        assert container["image"] == worker["containers"][0]["image"]
        known = {one["name"]: one["value"] for one in container["env"]}
        assert told.items() <= known.items()
    assert worker["containers"][0]["args"][-1] == "--watch"


@pytest.mark.parametrize("ml_platform", PLATFORMS)
def test_the_salt_is_the_one_by_which_the_recommender_knows_its_users(ml_platform: str) -> None:
    graph = stack(ml_platform)
    there = only(graph, EXTERNAL, "orchestration-loop-secret").inputs["spec"]["data"]
    own = only(graph, EXTERNAL, "serving-workload-recommender-stored-secret").inputs["spec"]["data"]
    assert [row for row in there if row["secretKey"] == "MLOPS_PII_SALT"] == [
        row for row in own if row["secretKey"] == "MLOPS_PII_SALT"
    ]
    kubernetes = run(graph)["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor in kubernetes.values():
        assert executor["secretAsEnv"][0]["secretName"] == "training-loop"


def test_what_else_is_secret_reaches_every_step_by_reference() -> None:
    graph = stack(stream="pulsar")
    kubernetes = run(graph)["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    given = {one["envVar"] for one in kubernetes["exec-ingest"]["secretAsEnv"][0]["keyToEnv"]}
    worker = only(graph, EXTERNAL, "serving-workload-pipelines-stored-secret").inputs["spec"]["data"]
    assert given == {row["secretKey"] for row in worker}
    assert len(given) > 1


def test_steps_of_its_own_installation_may_do_what_the_worker_may() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "orchestration-pipeline-runner-identity-policy").inputs[
        "policy"
    ]
    worker = only(stack(), "aws:iam/rolePolicy:RolePolicy", "serving-workload-pipelines-identity-policy").inputs[
        "policy"
    ]
    allowed, needed = (
        {(action, arn) for row in statements(one) for action in row["Action"] for arn in row["Resource"]}
        for one in (policy, worker)
    )
    assert needed <= allowed


def test_a_schedule_of_kubernetes_starts_a_run_and_nothing_outlives_the_stack() -> None:
    graph = stack()
    job = only(graph, CRON_JOB, "orchestration-loop-schedule")
    spec = job.inputs["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("0 1,9,17 * * *", "Forbid")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    command, file, _, address = pod["containers"][0]["args"]
    assert (command, address) == ("kubeflow-run", "http://ml-pipeline:8888")
    mount = pod["containers"][0]["volumeMounts"][0]["mountPath"]
    assert file == f"{mount}/run.json"
    assert pod["automountServiceAccountToken"] is False
    assert only(graph, DIRECTORY).urn in job.dependencies


@pytest.mark.parametrize("ml_platform", PLATFORMS)
def test_it_breaks_no_rule_that_its_tier_keeps(ml_platform: str) -> None:
    before = (
        platform("dev", {**NODES, "ml_platform": {"kind": "kubeflow"}})
        if ml_platform != "mlflow"
        else tier_graph("dev")
    )
    known, found = (
        {(one.rule.id, one.name) for one in judge(graph, "dev").blocking} for graph in (before, stack(ml_platform))
    )
    assert {rule for rule, _ in found} - {rule for rule, _ in known} == set()


@pytest.mark.parametrize("days", [0, 3651])
def test_days_that_cannot_be_are_refused(days: int) -> None:
    with pytest.raises(ValidationError, match="runs_days"):
        KubeflowPipelinesConfig.model_validate({"runs_days": days})


def test_outside_the_cluster_it_cannot_run_the_loop_and_says_who_can() -> None:
    with pytest.raises(Exception, match=r"would be pods .* which serving ecs has not; choose mwaa or step_functions"):
        platform("dev", {"serving": {"kind": "ecs"}, "orchestration": {"kind": "kubeflow_pipelines", "loop": {}}})
