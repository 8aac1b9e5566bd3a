"""Apache Flink on the cluster."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pulumi
import pytest
import yaml
from pydantic import ValidationError

from components.stream_processing.flink import FlinkConfig
from components.stream_processing.flink.jobs import JobConfig, workers
from components.stream_processing.flink.jobs import configuration as configured
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

DATA = Path(__file__).parent / "data"
DEPLOYMENT = "kubernetes:flink.apache.org/v1beta1:FlinkDeployment"
RELEASE = "kubernetes:helm.sh/v3:Release"
JOB = {
    "name": "enrich",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/enrich:1.0.0",
    "parallelism": 5,
    "slots": 2,
    "worker_cpu": "1500m",
    "worker_memory": "2Gi",
    "zones": ["curated"],
    "node_group": "system",
    "args": ["--window", "60"],
    "entry_class": "com.example.Enrich",
}


@cache
def stack(tier: str = "dev", pipeline: str = "kinesis") -> Graph:
    nodes = {"cluster": {"system": {"max_size": 4}}} if tier == "dev" else {}
    return platform(
        tier, {**nodes, "data_pipeline": {"kind": pipeline}, "stream_processing": {"kind": "flink", "jobs": [JOB]}}
    )


def spec() -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(stack(), DEPLOYMENT).inputs["spec"]
    return found


def test_a_job_is_what_the_operators_own_schema_takes() -> None:
    schema = json.loads((DATA / "flink_deployment.json").read_text())["spec"]
    jsonschema.validate(spec(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**spec(), "parallelism": 3}, schema)


_FREE = ("nodeSelector", "operatorSecurityContext", "podSecurityContext", "resources", "webhookSecurityContext")
"""Values whose keys are Kubernetes' own."""


def paths(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner and key not in _FREE:
            yield from paths(inner, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}"


def test_every_value_is_one_that_the_chart_reads() -> None:
    known = set(json.loads((DATA / "flink_operator.json").read_text())["keys"])
    values = only(stack(), RELEASE, "stream-processing-operator").inputs["values"]
    assert [path for path in paths(values) if path not in known] == []


def test_what_a_job_keeps_lies_in_the_lake_and_it_reaches_its_own_folder_alone() -> None:
    graph = stack()
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts")
    folder = f"s3://{bucket.outputs['bucket']}/flink/enrich"
    configuration = spec()["flinkConfiguration"]
    assert configuration["execution.checkpointing.dir"] == f"{folder}/checkpoints"
    assert configuration["execution.checkpointing.savepoint-dir"] == f"{folder}/savepoints"
    assert configuration["high-availability.storageDir"] == f"{folder}/high-availability"
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-processing-enrich-identity-policy").inputs["policy"]
    objects = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    curated = only(graph, "aws:s3/bucket:Bucket", "storage-curated").outputs["arn"]
    assert objects == {f"{bucket.outputs['arn']}/flink/enrich/*", f"{curated}/*"}


def test_a_changed_job_goes_on_from_a_savepoint() -> None:
    assert spec()["job"] == {
        "jarURI": "local:///opt/flink/usrlib/job.jar",
        "parallelism": 5,
        "upgradeMode": "savepoint",
        "state": "running",
        "args": ["--window", "60"],
        "entryClass": "com.example.Enrich",
    }


def test_a_savepoint_is_taken_every_day_unasked_and_a_job_that_failed_begins_anew() -> None:
    configuration = spec()["flinkConfiguration"]
    assert configuration["kubernetes.operator.periodic.savepoint.interval"] == "24h"
    assert configuration["kubernetes.operator.job.restart.failed"] == "true"
    assert configuration["kubernetes.operator.cluster.health-check.enabled"] == "true"
    for changed in ({"savepoint_hours": None}, {"upgrade": "stateless"}):
        job = JobConfig.model_validate({**JOB, **changed})
        assert "kubernetes.operator.periodic.savepoint.interval" not in configured(
            job, pulumi.Output.from_input("s3://x")
        )


def test_a_job_is_brought_back_from_a_savepoint_of_its_own_folder_once() -> None:
    path = "savepoint-0a1b2c-0123456789ab"
    graph = platform("dev", {"stream_processing": {"kind": "flink", "jobs": [{**JOB, "restore_from": path}]}})
    made = only(graph, DEPLOYMENT).inputs["spec"]
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert made["job"]["initialSavepointPath"] == f"s3://{bucket}/flink/enrich/savepoints/{path}"
    assert made["job"]["savepointRedeployNonce"] > 0
    schema = json.loads((DATA / "flink_deployment.json").read_text())["spec"]
    jsonschema.validate(made, schema)
    assert "initialSavepointPath" not in spec()["job"]


def test_a_manager_whose_page_does_not_answer_is_started_anew() -> None:
    (container,) = spec()["jobManager"]["podTemplate"]["spec"]["containers"]
    probes = [container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert probes == [8081, 8081, 8081]
    # The operator lays templates over one another by place.
    assert [one["name"] for one in spec()["podTemplate"]["spec"]["containers"]] == [container["name"]]


def test_a_job_is_told_where_the_stream_is_and_finds_the_plugin_of_its_version() -> None:
    container = spec()["podTemplate"]["spec"]["containers"][0]
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told["MLOPS_STREAM_PROTOCOL"] == "kinesis"
    assert told["ENABLE_BUILT_IN_PLUGINS"] == "flink-s3-fs-hadoop-1.20.3.jar"
    assert (spec()["flinkVersion"], container["name"]) == ("v1_20", "flink-main-container")


def test_a_stream_with_a_token_gives_it_by_reference() -> None:
    graph = stack(pipeline="pulsar")
    container = only(graph, DEPLOYMENT).inputs["spec"]["podTemplate"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "stream"}}]
    secret = only(graph, "aws:secretsmanager/secret:Secret", "data-pipeline-client-secret").outputs["arn"]
    external = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "stream-processing-stream-secret")
    assert {one["remoteRef"]["key"] for one in external.inputs["spec"]["data"]} == {secret}
    right = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-processing-stream-policy").inputs["policy"]
    assert any(secret in row["Resource"] for row in statements(right))


def test_the_plan_knows_the_manager_and_as_many_workers_as_carry_the_job() -> None:
    brought = [one for one in pods(stack()) if one.module == "stream-processing"]
    assert workers(JobConfig.model_validate(JOB)) == 3
    assert sorted((one.name, one.replicas, one.requests.cpu, one.requests.memory) for one in brought) == [
        ("enrich", 1, 500, 1600),
        ("enrich", 3, 1500, 2048),
        ("flink-kubernetes-operator", 1, 500, 1024),
    ]


def test_jobs_reach_one_another_and_the_operator_reaches_their_page() -> None:
    policies = {
        node.name: node.inputs["spec"]
        for node in stack().of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if node.name.startswith("stream-processing")
    }
    inside = policies["stream-processing-enrich-inside-network-policy"]
    own = {"podSelector": {"matchLabels": {"app": "enrich"}}}
    assert (inside["ingress"], inside["egress"]) == ([{"from": [own]}], [{"to": [own]}])
    page = policies["stream-processing-enrich-network-policy"]["ingress"][0]
    assert page["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "flink-operator"}
    assert [port["port"] for port in page["ports"]] == [8081]
    assert policies["stream-processing-closed"]["podSelector"] == {}


def test_a_job_goes_before_the_operator_that_cleans_up_after_it() -> None:
    graph = stack()
    operator = only(graph, RELEASE, "stream-processing-operator")
    assert operator.urn in only(graph, DEPLOYMENT).dependencies


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking}
        for graph in (tier_graph(tier), stack(tier, "kinesis" if tier == "dev" else "kafka"))
    )
    assert after - before == set()


def test_without_a_cluster_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(Exception, match="stream_processing is flink, which runs on a cluster, and this stack has none"):
        platform(
            "dev",
            {
                **dict.fromkeys(("cluster", "serving", "ml_platform", "database")),
                "stream_processing": {"kind": "flink", "jobs": [JOB]},
            },
        )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"version": "1.17.2"}, "a whole version of Flink, of 1.20, 2.0, 2.1, 2.2"),
        ({"version": "1.20"}, "a whole version of Flink"),
        ({"jar": "https://example.com/job.jar"}, "a file of the image"),
        ({"entry_class": "com.example.Enrich;rm"}, "a Java class with its package"),
        ({"parallelism": 0}, "greater than or equal to 1"),
        ({"savepoint_hours": 0}, "greater than or equal to 1"),
        ({"restore_from": "s3://elsewhere/savepoint"}, "a savepoint by its folder"),
    ],
)
def test_a_job_that_flink_would_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FlinkConfig.model_validate({"jobs": [{**JOB, **wrong}]})


def test_a_job_goes_to_nodes_that_are_there() -> None:
    facts = StackFacts(region=REGION, zones=3, gpus=False, node_groups=frozenset({"models"}))
    (problem,) = FlinkConfig.model_validate({"jobs": [JOB]}).conflicts(facts)
    assert problem.startswith("job enrich goes to node group system, which the cluster does not have")


@pytest.mark.long
def test_helm_makes_the_operator_and_the_role_that_jobs_are_bound_to() -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    release = only(stack(), RELEASE, "stream-processing-operator")
    command = ["helm", "template", "operator", f"{charts}/flink-kubernetes-operator", "--values", "-"]
    done = subprocess.run(
        [*command, "--namespace", "flink-operator", "--kube-version", "1.35.0"],
        input=json.dumps(release.inputs["values"]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    binding = only(
        stack(), "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "stream-processing-enrich-role-binding"
    )
    roles = {(one["metadata"]["name"], one["metadata"].get("namespace")) for one in made if one["kind"] == "Role"}
    assert (binding.inputs["roleRef"]["name"], "flink-jobs") in roles
    (operator,) = (one["spec"] for one in made if one["kind"] == "Deployment")
    assert operator["replicas"] == 1
    for container in operator["template"]["spec"]["containers"]:
        assert container["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}, container["name"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["image"] == "ghcr.io/apache/flink-kubernetes-operator:1.15.0"
