"""Apache Spark on the cluster."""

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

from components.compute.spark import SparkConfig
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from tests.components import crds
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

KIND = "ScheduledSparkApplication"
APPLICATION = f"kubernetes:sparkoperator.k8s.io/v1beta2:{KIND}"
RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
JOB: dict[str, Any] = {
    "name": "forecast",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/forecast:1.0.0",
    "file": "local:///opt/forecast.jar",
    "main_class": "com.example.Forecast",
    "arguments": ["--days", "30"],
    "schedule": "30 6 * * MON-FRI",
    "grants": ["read storage/curated", "track"],
    "keep_days": 30,
    "secrets": {"WEATHER_KEY": {"arn": SECRET}},
    "paused": True,
    "sizes": {"node_group": "system", "executor_memory": "1Gi"},
}
REPOSITORIES = {"registry": {"repositories": ["recommender", "pipelines", "spark"]}}


@cache
def stack(tier: str = "dev") -> Graph:
    nodes = {"cluster": {"system": {"max_size": 5}}} if tier == "dev" else {}
    return platform(tier, {**nodes, **REPOSITORIES, "compute": {"kind": "spark", "scoring": {}, "jobs": [JOB]}})


def spec(name: str = "compute-scoring") -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(stack(), APPLICATION, name).inputs["spec"]
    return found


@pytest.mark.parametrize("name", ["compute-scoring", "compute-forecast"])
def test_a_job_is_what_the_operators_own_definition_takes(name: str) -> None:
    assert crds.refusals(KIND, spec(name)) == []
    assert crds.refusals(KIND, {**spec(name), "schedule": 3, "timezone": "UTC"})


def test_scoring_runs_the_services_own_program_for_whoever_is_champion() -> None:
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    template = spec()["template"]
    assert template["arguments"] == ["--registered", "recommender", "--k", "10", "--to", f"s3a://{bucket}/scores"]
    assert template["mainApplicationFile"] == "local:///app/spark/__main__.py"
    assert template["image"].endswith("/spark:0.1.0")
    told = {one["name"]: one["value"] for one in template["driver"]["env"]}
    assert told["MLFLOW_TRACKING_URI"].startswith("http://mlflow.")
    assert (spec()["schedule"], spec()["timeZone"], spec()["suspend"]) == ("0 3 * * *", "UTC", False)


def test_no_marker_lies_beside_the_scores_which_an_erasure_reads_one_and_all() -> None:
    told = spec()["template"]["sparkConf"]
    assert told["spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs"] == "false"


def test_a_teams_job_writes_into_its_own_folder_and_reads_what_it_was_given() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-forecast-identity-policy").inputs["policy"]
    arns = {
        zone: only(stack(), "aws:s3/bucket:Bucket", f"storage-{zone}").outputs["arn"]
        for zone in ("artifacts", "curated")
    }
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{arns['artifacts']}/predictions/forecast/*"}
    read = {arn for row in statements(policy) if row["Action"] == ["s3:GetObject"] for arn in row["Resource"]}
    assert read == {f"{arns['curated']}/*"}
    driver = spec("compute-forecast")["template"]["driver"]
    told = {one["name"]: one["value"] for one in driver["env"]}
    assert told["MLOPS_OUTPUT"].endswith("/predictions/forecast/")
    assert spec("compute-forecast")["suspend"] is True


def test_secrets_come_by_reference_and_no_value_is_written_down() -> None:
    driver = spec("compute-forecast")["template"]["driver"]
    assert driver["envFrom"] == [{"secretRef": {"name": "forecast"}}]
    external = only(stack(), "kubernetes:external-secrets.io/v1:ExternalSecret", "compute-forecast-secret")
    assert {one["secretKey"]: one["remoteRef"]["key"] for one in external.inputs["spec"]["data"]}[
        "WEATHER_KEY"
    ] == SECRET


def test_what_jobs_make_goes_when_its_days_are_over() -> None:
    rules = only(
        stack(), "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "storage-artifacts-lifecycle"
    ).inputs["rules"]
    kept = {rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in rules if "expiration" in rule}
    assert kept == {"predictions/forecast/": 30, "scores/": 90}


def test_the_plan_knows_drivers_executors_and_both_parts_of_the_operator() -> None:
    brought = [one for one in pods(stack()) if one.module == "compute"]
    assert sorted((one.name, one.replicas, one.requests.cpu, one.requests.memory) for one in brought) == [
        ("forecast", 1, 500, 2867),
        ("forecast", 2, 1000, 1434),
        ("scoring", 1, 500, 2867),
        ("scoring", 2, 1000, 2867),
        ("spark-operator-controller", 1, 100, 300),
        ("spark-operator-webhook", 1, 100, 300),
    ]


def test_pods_of_a_job_reach_one_another_and_nobody_reaches_them() -> None:
    policies = {
        node.name: node.inputs["spec"]
        for node in stack().of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if node.name.startswith("compute")
    }
    own = {"podSelector": {"matchLabels": {"mlops.platform/job": "forecast"}}}
    inside = policies["compute-forecast-inside-network-policy"]
    assert (inside["ingress"], inside["egress"]) == ([{"from": [own]}], [{"to": [own]}])
    assert policies["compute-forecast-network-policy"]["ingress"] == []
    assert policies["compute-closed"]["podSelector"] == {}
    labels = spec("compute-forecast")["template"]["executor"]["labels"]
    assert labels == {"mlops.platform/job": "forecast"}


def test_a_job_goes_before_the_operator_that_cleans_up_after_it() -> None:
    operator = only(stack(), RELEASE, "compute-operator")
    assert operator.urn in only(stack(), APPLICATION, "compute-forecast").dependencies


def test_the_stack_says_where_jobs_are_handed_in_and_where_they_leave_what_they_make() -> None:
    assert stack().stack_outputs["compute"] == "spark-jobs"
    assert stack().stack_outputs["predictions"].endswith("/predictions/")


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"version": "2.4.0"}, "a whole version of Spark"),
        ({"file": "https://example.com/job.py"}, "a file of the image"),
        ({"main_class": None}, "runs local:///opt/forecast.jar, a jar, and main_class is missing"),
        ({"file": "local:///app/job.py"}, "no jar, and main_class is given"),
        ({"schedule": "every night"}, "five fields of cron in UTC"),
        ({"schedule": "0 3 1 * MON"}, "names days of the month and weekdays"),
        ({"schedule": "0 24 * * *"}, "five fields of cron in UTC"),
        ({"schedule": "*/0 3 * * *"}, "five fields of cron in UTC"),
        ({"keep_days": 0}, "greater than or equal to 1"),
        ({"sizes": {"executors": 8}}, "most_executors is 4 and executors 8"),
        ({"image": "forecast"}, "names no one image"),
        (
            {"environment": {"WEATHER": "1"}, "secrets": {"WEATHER": {"arn": SECRET}}},
            "WEATHER is in environment and in",
        ),
    ],
)
def test_a_job_that_could_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SparkConfig.model_validate({"jobs": [{**JOB, **wrong}]})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scoring": {}}, "scoring asks the registry which model is champion, and this stack has no ml_platform"),
        ({"scoring": {}}, "scoring runs an image of the repository spark, which registry.repositories lacks"),
        ({"jobs": [JOB]}, "job forecast goes to node group system, which the cluster does not have"),
        ({"jobs": [JOB]}, "job forecast is to track, and this stack has no ml_platform"),
        ({"jobs": [{**JOB, "grants": ["consume"]}]}, "job forecast is to consume events, which a batch job does not"),
        ({"jobs": [{**JOB, "image": "forecast:1"}]}, "job forecast runs an image of the repository forecast"),
        ({"scoring": {}, "jobs": [{**JOB, "name": "scoring"}]}, "a job is called scoring"),
    ],
)
def test_what_does_not_fit_the_stack_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    facts = StackFacts(region=REGION, zones=3, gpus=False, node_groups=frozenset({"models"}))
    problems = SparkConfig.model_validate(settings).conflicts(facts)
    assert any(one.startswith(said) for one in problems), problems


def test_without_a_cluster_it_is_refused_in_one_sentence() -> None:
    bare = dict.fromkeys(("cluster", "serving", "ml_platform", "database"))
    with pytest.raises(Exception, match="compute is spark, which runs on a cluster, and this stack has none"):
        platform("dev", {**bare, "compute": {"kind": "spark"}})


@pytest.mark.long
def test_helm_makes_the_operator_and_the_role_that_drivers_are_bound_to() -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    release = only(stack("prod"), RELEASE, "compute-operator")
    done = subprocess.run(
        ["helm", "template", "spark-operator", f"{charts}/spark-operator", "--values", "-",
         "--namespace", "spark-operator", "--kube-version", "1.35.0"],
        input=json.dumps(release.inputs["values"]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    binding = only(stack(), "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "compute-scoring-role-binding")
    roles = {(one["metadata"]["name"], one["metadata"].get("namespace")) for one in made if one["kind"] == "Role"}
    assert (binding.inputs["roleRef"]["name"], "spark-jobs") in roles
    deployments = [one["spec"] for one in made if one["kind"] == "Deployment"]
    assert [one["replicas"] for one in deployments] == [2, 2]
    assert len([one for one in made if one["kind"] == "PodDisruptionBudget"]) == 2
    for deployment in deployments:
        (container,) = deployment["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == {"cpu": "100m", "memory": "300Mi"}
        assert container["securityContext"]["runAsNonRoot"] is True
        assert deployment["template"]["spec"]["nodeSelector"] == {"mlops.platform/group": "system"}
    names = {one["metadata"]["name"] for one in made if one["kind"] == "ServiceAccount"}
    assert names == {"spark-operator-controller", "spark-operator-webhook"}
