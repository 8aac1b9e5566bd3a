"""Kubeflow Trainer and Kueue on the cluster."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from components.training.kubeflow_trainer import KubeflowTrainerConfig
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from tests.components import crds
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
TRAINER, QUEUE = "kubernetes:trainer.kubeflow.org/v1alpha1", "kubernetes:kueue.x-k8s.io/v1beta2"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1.0.0"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
RANKER: dict[str, Any] = {
    "name": "ranker",
    "image": IMAGE,
    "arguments": ["/app/train.py"],
    "nodes": 2,
    "queue": "vision",
    "grants": ["read storage/features", "track"],
    "secrets": {"HUB_KEY": {"arn": SECRET}},
    "keep_days": 60,
}
BIG: dict[str, Any] = {"name": "big", "image": IMAGE, "framework": "deepspeed", "nodes": 3, "processes": 2}
VISION = {"name": "vision", "node_group": "system", "cpu": "8", "memory": "32Gi", "weight": 3}
ALONE = {"name": "alone", "node_group": "system", "cpu": "2", "memory": "8Gi", "borrows": False}


@cache
def stack(tier: str = "dev") -> Graph:
    nodes = {"cluster": {"system": {"max_size": 14}}} if tier == "dev" else {}
    module = {"kind": "kubeflow_trainer", "queues": [VISION, ALONE], "jobs": [RANKER, BIG]}
    return platform(tier, {**nodes, "training": module})


def spec(type_: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(stack(), type_, name).inputs["spec"]
    return found


OBJECTS = [
    ("TrainingRuntime", f"{TRAINER}:TrainingRuntime", "training-ranker-runtime"),
    ("TrainingRuntime", f"{TRAINER}:TrainingRuntime", "training-big-runtime"),
    ("TrainJob", f"{TRAINER}:TrainJob", "training-ranker"),
    ("TrainJob", f"{TRAINER}:TrainJob", "training-big"),
    ("ClusterQueue", f"{QUEUE}:ClusterQueue", "training-share-vision"),
    ("ClusterQueue", f"{QUEUE}:ClusterQueue", "training-share-alone"),
    ("LocalQueue", f"{QUEUE}:LocalQueue", "training-queue-vision"),
    ("ResourceFlavor", f"{QUEUE}:ResourceFlavor", "training-flavor-system"),
]


@pytest.mark.parametrize(("kind", "type_", "name"), OBJECTS)
def test_every_object_is_what_its_own_definition_takes(kind: str, type_: str, name: str) -> None:
    assert crds.refusals(kind, spec(type_, name)) == []
    assert crds.refusals(kind, {**spec(type_, name), "nobodyKnows": True})


def test_a_job_runs_on_its_own_runtime_which_says_as_whom_and_where() -> None:
    job = spec(f"{TRAINER}:TrainJob", "training-ranker")
    assert job["runtimeRef"] == {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": "ranker"}
    assert job["trainer"]["numNodes"] == 2
    (part,) = spec(f"{TRAINER}:TrainingRuntime", "training-ranker-runtime")["template"]["spec"]["replicatedJobs"]
    pod = part["template"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ranker"
    assert pod["automountServiceAccountToken"] is False
    assert pod["nodeSelector"] == {"mlops.platform/group": "system"}
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "ranker"}}]
    told = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert told["MLOPS_OUTPUT"].endswith("/training/ranker/")


def test_a_changed_job_is_another_run_under_the_same_name() -> None:
    job = only(stack(), f"{TRAINER}:TrainJob", "training-ranker")
    assert job.delete_before_replace is True
    assert only(stack(), f"{TRAINER}:TrainingRuntime", "training-ranker-runtime").urn in job.dependencies


def test_deepspeed_starts_processes_over_ssh_from_a_launcher_that_waits_for_its_nodes() -> None:
    runtime = spec(f"{TRAINER}:TrainingRuntime", "training-big-runtime")
    assert runtime["mlPolicy"]["mpi"]["numProcPerNode"] == 2
    node, launcher = runtime["template"]["spec"]["replicatedJobs"]
    assert node["template"]["spec"]["template"]["spec"]["containers"][0]["command"] == ["/usr/sbin/sshd"]
    assert launcher["dependsOn"] == [{"name": "node", "status": "Ready"}]


def test_a_queue_has_a_share_of_a_node_group_and_uses_what_others_leave_by_its_weight() -> None:
    vision, alone = (spec(f"{QUEUE}:ClusterQueue", f"training-share-{name}") for name in ("vision", "alone"))
    (flavor,) = vision["resourceGroups"][0]["flavors"]
    assert {row["name"]: row["nominalQuota"] for row in flavor["resources"]} == {"cpu": "8", "memory": "32Gi"}
    assert (vision["cohortName"], vision["fairSharing"]) == ("training-system", {"weight": 3})
    assert "cohortName" not in alone
    assert vision["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "training"}}
    labels = only(stack(), f"{TRAINER}:TrainJob", "training-ranker").inputs["metadata"]["labels"]
    assert labels == {"kueue.x-k8s.io/queue-name": "vision"}


def test_without_queues_there_is_no_kueue() -> None:
    graph = platform("dev", {"training": {"kind": "kubeflow_trainer"}})
    assert [node.name for node in graph.of_type(RELEASE) if node.name.startswith("training")] == ["training-operator"]


def test_a_job_writes_into_its_own_folder_alone() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "training-ranker-identity-policy").inputs["policy"]
    artifacts = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{artifacts}/training/ranker/*"}


def test_the_plan_knows_the_nodes_of_a_run_and_every_controller() -> None:
    brought = [one for one in pods(stack()) if one.module == "training"]
    assert sorted((one.name, one.replicas, one.passing) for one in brought) == [
        ("big", 1, True),
        ("big", 2, True),
        ("jobset-controller", 1, False),
        ("kubeflow-trainer-controller-manager", 1, False),
        ("kueue-controller-manager", 1, False),
        ("ranker", 2, True),
    ]


def test_what_controllers_clean_up_after_goes_before_them() -> None:
    trainer = only(stack(), RELEASE, "training-operator")
    kueue = only(stack(), RELEASE, "training-queues")
    assert trainer.urn in only(stack(), f"{TRAINER}:TrainingRuntime", "training-big-runtime").dependencies
    assert kueue.urn in only(stack(), f"{QUEUE}:ClusterQueue", "training-share-vision").dependencies


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"framework": "jax"}, "torch"),
        ({"nodes": 0}, "greater than or equal to 1"),
        ({"image": "train:latest"}, "names no one image"),
    ],
)
def test_a_job_that_the_trainer_would_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        KubeflowTrainerConfig.model_validate({"jobs": [{**RANKER, **wrong}]})


GPUS = {**RANKER, "grants": [], "gpus": 1}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jobs": [RANKER]}, "job ranker waits in queue vision, which is not there; queues: none"),
        ({"queues": [VISION]}, "queue vision goes to node group system, which the cluster does not have"),
        ({"queues": [{**VISION, "node_group": "models", "gpus": 2}]}, "queue vision goes to node group models, which"),
        ({"jobs": [GPUS]}, "job ranker asks for 1 GPUs a node, and no node group has any"),
        ({"jobs": [GPUS], "queues": [VISION]}, "job ranker asks for GPUs, and queue vision has none of its own"),
        (
            {"jobs": [{**RANKER, "node_group": "models"}], "queues": [VISION]},
            "job ranker goes to node group models and",
        ),
        ({"jobs": [{**RANKER, "queue": None}]}, "job ranker is to track, and this stack has no ml_platform"),
    ],
)
def test_what_does_not_fit_the_stack_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    facts = StackFacts(region=REGION, zones=3, gpus=False, node_groups=frozenset({"models"}))
    problems = KubeflowTrainerConfig.model_validate(settings).conflicts(facts)
    assert any(one.startswith(said) for one in problems), problems


def _rendered(release: str, chart: str, namespace: str) -> list[dict[str, Any]]:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    found = only(stack("prod"), RELEASE, release).inputs
    done = subprocess.run(
        ["helm", "template", found["name"], f"{charts}/{chart}", "--values", "-",
         "--namespace", namespace, "--kube-version", "1.35.0"],
        input=json.dumps(found["values"]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.mark.long
@pytest.mark.parametrize(
    ("release", "chart", "namespace", "images"),
    [
        (
            "training-operator",
            "kubeflow-trainer",
            "kubeflow-trainer",
            {
                "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.3.0",
                "registry.k8s.io/jobset/jobset:v0.12.0",
            },
        ),
        ("training-queues", "kueue", "kueue-system", {"registry.k8s.io/kueue/kueue:v0.19.2"}),
    ],
)
def test_helm_makes_controllers_that_are_placed_sized_and_doubled(
    release: str, chart: str, namespace: str, images: set[str]
) -> None:
    made = _rendered(release, chart, namespace)
    deployments = [one["spec"] for one in made if one["kind"] == "Deployment"]
    containers = [container for one in deployments for container in one["template"]["spec"]["containers"]]
    assert {one["image"] for one in containers} == images
    assert {one["replicas"] for one in deployments} == {2}
    assert all(one["template"]["spec"]["nodeSelector"] == {"mlops.platform/group": "system"} for one in deployments)
    assert all({"cpu", "memory"} <= container["resources"]["requests"].keys() for container in containers)
    budgets = [one for one in made if one["kind"] == "PodDisruptionBudget"]
    assert budgets


@pytest.mark.long
def test_kueue_asks_for_jobs_and_not_for_every_pod_of_the_cluster() -> None:
    made = _rendered("training-queues", "kueue", "kueue-system")
    (configuration,) = (
        one for one in made if one["kind"] == "ConfigMap" and "manager-config" in one["metadata"]["name"]
    )
    told = yaml.safe_load(configuration["data"]["controller_manager_config.yaml"])
    assert told["integrations"]["frameworks"] == [
        "batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob",
    ]  # fmt: skip
    assert told["fairSharing"]["preemptionStrategies"]
