"""Ray on the cluster."""

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

from components.compute.ray import RayConfig
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from tests.components import crds
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1.0.0"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
JOB: dict[str, Any] = {
    "name": "tune",
    "image": IMAGE,
    "program": "python /app/train.py",
    "arguments": ["--epochs", "3", "--name", "a model"],
    "grants": ["read storage/features", "track"],
    "secrets": {"HUB_KEY": {"arn": SECRET}},
    "machines": {"workers": [{"name": "large", "fewest": 2, "most": 6, "node_group": "system"}]},
}


@cache
def stack(tier: str = "dev") -> Graph:
    nodes = {"cluster": {"system": {"max_size": 9}}} if tier == "dev" else {}
    return platform(tier, {**nodes, "compute": {"kind": "ray", "standing": {"image": IMAGE}, "jobs": [JOB]}})


def spec(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(stack(), f"kubernetes:ray.io/v1:{kind}").inputs["spec"]
    return found


@pytest.mark.parametrize("kind", ["RayCronJob", "RayCluster"])
def test_jobs_and_the_standing_cluster_are_what_the_operators_own_definitions_take(kind: str) -> None:
    assert crds.refusals(kind, spec(kind)) == []
    assert crds.refusals(kind, {**spec(kind), "suspended": True})


def test_a_run_is_handed_in_by_the_operator_and_its_cluster_goes_with_it() -> None:
    told = spec("RayCronJob")
    assert (told["schedule"], told["timeZone"]) == ("0 3 * * *", "UTC")
    job = told["jobTemplate"]
    assert job["entrypoint"] == "python /app/train.py --epochs 3 --name 'a model'"
    assert (job["submissionMode"], job["shutdownAfterJobFinishes"]) == ("HTTPMode", True)


def test_workers_come_while_work_waits_and_the_head_runs_no_tasks() -> None:
    cluster = spec("RayCronJob")["jobTemplate"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (group,) = cluster["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (2, 2, 6)


def test_the_head_alone_may_ask_the_api_server() -> None:
    cluster = spec("RayCronJob")["jobTemplate"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    assert cluster["headGroupSpec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert group["template"]["spec"]["automountServiceAccountToken"] is False


def test_a_job_writes_into_its_own_folder_alone_and_its_secrets_come_by_reference() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-tune-identity-policy").inputs["policy"]
    artifacts = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{artifacts}/predictions/tune/*"}
    template = spec("RayCronJob")["jobTemplate"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]
    assert template["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "tune"}}]


def test_nobody_but_the_operator_reaches_a_cluster_that_asks_nobody_who_he_is() -> None:
    policy = only(stack(), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "compute-standing-network-policy").inputs
    (way,) = policy["spec"]["ingress"]
    assert way["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ray-operator"}}}]
    assert [port["port"] for port in way["ports"]] == [8265]


def test_the_plan_knows_head_and_workers_of_a_run_and_of_the_standing_cluster() -> None:
    brought = [one for one in pods(stack()) if one.module == "compute"]
    assert sorted((one.name, one.replicas, one.passing) for one in brought) == [
        ("kuberay-operator", 1, False),
        ("standing", 1, False),
        ("standing", 1, False),
        ("tune", 1, True),
        ("tune", 2, True),
    ]


def test_a_job_goes_before_the_operator_that_cleans_up_after_it() -> None:
    operator = only(stack(), RELEASE, "compute-operator")
    assert operator.urn in only(stack(), "kubernetes:ray.io/v1:RayCronJob").dependencies


def test_the_stack_says_where_work_is_handed_to_the_standing_cluster() -> None:
    assert stack().stack_outputs["compute"] == "http://standing-head-svc.ray-jobs.svc.cluster.local:8265"


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"program": "python; rm"}, "a program and the file that it runs"),
        ({"machines": {"version": "1.13.0"}}, "a whole version of Ray"),
        ({"machines": {"workers": []}}, "at least 1"),
        ({"machines": {"workers": [{"fewest": 5, "most": 2}]}}, "most is 2 and fewest 5"),
        ({"machines": {"workers": [{"name": "a"}, {"name": "a"}]}}, "listed twice"),
    ],
)
def test_a_job_that_ray_would_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RayConfig.model_validate({"jobs": [{**JOB, **wrong}]})


GPUS = {**JOB, "machines": {"workers": [{"gpus": 1, "node_group": "models"}]}}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jobs": [JOB]}, "job tune: group large goes to node group system, which the cluster does not have"),
        ({"jobs": [GPUS]}, "job tune: group workers goes to node group models, which has no GPUs"),
        ({"jobs": [GPUS]}, "job tune: group workers asks for 1 GPUs, and no node group has any"),
        ({"standing": {"image": "ray:1"}}, "standing runs an image of the repository ray"),
        ({"jobs": [{**JOB, "name": "standing"}]}, "a job is called standing"),
        ({"jobs": [JOB]}, "job tune is to track, and this stack has no ml_platform"),
    ],
)
def test_what_does_not_fit_the_stack_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    facts = StackFacts(region=REGION, zones=3, gpus=False, node_groups=frozenset({"models"}))
    problems = RayConfig.model_validate(settings).conflicts(facts)
    assert any(one.startswith(said) for one in problems), problems


@pytest.mark.long
def test_helm_makes_an_operator_that_watches_the_jobs_namespace_alone() -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    values = only(stack("prod"), RELEASE, "compute-operator").inputs["values"]
    done = subprocess.run(
        ["helm", "template", "kuberay-operator", f"{charts}/kuberay-operator", "--values", "-",
         "--namespace", "ray-operator", "--kube-version", "1.35.0"],
        input=json.dumps(values), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    (operator,) = (one["spec"] for one in made if one["kind"] == "Deployment")
    (container,) = operator["template"]["spec"]["containers"]
    assert operator["replicas"] == 2
    assert operator["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "kuberay-operator"
    said = " ".join(container["args"])
    assert "--watch-namespace ray-jobs" in said
    assert "RayCronJob=true" in said
    assert container["resources"]["requests"] == {"cpu": "100m", "memory": "512Mi"}
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    roles = {one["metadata"].get("namespace") for one in made if one["kind"] == "Role"}
    assert "ray-jobs" in roles
