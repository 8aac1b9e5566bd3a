"""Apache Airflow on the cluster, and the loop on it."""

import ast
import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.orchestration.airflow import AirflowConfig
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from services.pipelines.workflows.steps import STEPS
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:git-AbCdEf"
GIT = {
    "repository": "https://github.com/example/dags.git",
    "ref": "v7",
    "path": "dags",
    "username": {"arn": ARN, "key": "user"},
    "password": {"arn": ARN, "key": "token"},
}
HOST = {
    "host": "airflow.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
}
NODES = {"cluster": {"system": {"max_size": 6}}}


@cache
def stack(tier: str = "dev", *, everything: bool = False) -> Graph:
    settings = {
        "kind": "airflow",
        "grants": ["read storage/curated", "track"],
        **({"loop": {"at": "04:20"}} if tier == "dev" else {}),
        **({"git": GIT, **HOST} if everything else {}),
    }
    return platform(tier, {"orchestration": settings, **(NODES if tier == "dev" else {})})


def values(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = only(graph, RELEASE, "orchestration-release").inputs["values"]
    return found


def dag() -> dict[str, Any]:
    """What the file of the loop's DAG knows."""
    text = only(stack(), CONFIG_MAP, "orchestration-loop").inputs["data"]["training_loop.py"]
    ast.parse(text)
    found: dict[str, Any] = ast.literal_eval(text.split("LOOP = ")[1].split("\n\ndef ")[0].strip())
    return found


def paths(value: Mapping[str, Any], known: set[str], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        path = f"{prefix}{key}"
        yield path
        if isinstance(inner, Mapping) and any(one.startswith(f"{path}/") for one in known):
            yield from paths(inner, known, f"{path}/")


@pytest.mark.parametrize("everything", [False, True])
def test_every_value_is_one_that_the_chart_reads(everything: bool) -> None:
    known = set(json.loads((Path(__file__).parent / "data" / "airflow.json").read_text())["keys"])
    assert [path for path in paths(values(stack(everything=everything)), known) if path not in known] == []


def test_the_loop_is_a_dag_of_its_steps_in_their_order() -> None:
    known = dag()
    assert [(step["name"], tuple(step["needs"])) for step in known["steps"]] == [
        (step.name, step.needs) for step in STEPS
    ]
    assert known["schedule"] == "20 4 * * *"


def test_a_step_is_a_pod_of_the_workers_own_image_account_settings_and_secrets() -> None:
    graph = stack()
    worker = only(graph, "kubernetes:apps/v1:Deployment", "serving-workload-pipelines").inputs["spec"]["template"][
        "spec"
    ]
    runs = dag()["runs"]
    assert runs["image"] == worker["containers"][0]["image"]
    assert runs["service_account"] == worker["serviceAccountName"]
    assert (runs["namespace"], runs["config_map"]) == ("recommender", "pipelines")
    named = {one["valueFrom"]["secretKeyRef"]["name"] for one in worker["containers"][0]["env"] if "valueFrom" in one}
    assert set(runs["secrets"]) == named
    assert worker["containers"][0]["args"][-1] == "--watch"


def test_tasks_of_airflow_may_start_pods_where_the_worker_runs_and_no_more() -> None:
    role = only(stack(), "kubernetes:rbac.authorization.k8s.io/v1:Role", "orchestration-loop-role").inputs
    assert role["metadata"]["namespace"] == "recommender"
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"pods", "pods/log", "events"}
    binding = only(stack(), "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "orchestration-loop-role-binding")
    assert [(one["name"], one["namespace"]) for one in binding.inputs["subjects"]] == [("airflow-worker", "airflow")]
    assert values(stack())["workers"]["serviceAccount"]["name"] == "airflow-worker"


def test_every_container_finds_the_dag_and_begins_anew_with_another_one() -> None:
    found = values(stack())
    [mount] = found["volumeMounts"]
    [bundle] = [one for one in found["dagProcessor"]["dagBundleConfigList"] if one["name"] == "platform"]
    assert mount["mountPath"] == f"{bundle['kwargs']['path']}/training_loop.py"
    assert mount["subPath"] == "training_loop.py"
    assert re.fullmatch("[0-9a-f]{16}", found["airflowPodAnnotations"]["mlops.platform/loop"])


def test_metadata_lie_in_postgresql_and_logs_in_the_lake() -> None:
    found = values(stack())
    assert found["secret"] == [
        {"envName": "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secretName": "airflow-database", "secretKey": "uri"}
    ]
    assert not found["postgresql"]["enabled"]
    logging = found["config"]["logging"]
    bucket = stack().stack_outputs["buckets"]["artifacts"]
    assert logging["remote_base_log_folder"] == f"s3://{bucket}/airflow/logs"
    for part, writes in (("worker", True), ("triggerer", True), ("api-server", False)):
        policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", f"orchestration-{part}-identity-policy").inputs[
            "policy"
        ]
        written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
        assert written == ({f"arn:aws:s3:::{bucket}/airflow/*"} if writes else set()), part


def test_nobody_knows_what_airflow_signs_with_nor_its_first_password() -> None:
    secret = only(stack(), "kubernetes:external-secrets.io/v1:ExternalSecret", "orchestration-keys-secret").inputs
    made = secret["spec"]["target"]["template"]["data"]
    found = values(stack())
    assert {found[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")} == {
        "airflow-keys"
    }
    assert {"fernet-key", "api-secret-key", "jwt-secret", "admin-password"} == made.keys()
    assert '"$ADMIN_PASSWORD"' in found["createUserJob"]["args"][-1]
    assert "admin:admin" not in json.dumps(found)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=32, max_size=32))
def test_any_generated_text_makes_a_key_of_fernet(text: str) -> None:
    encoded = base64.b64encode(text.encode())
    assert encoded == base64.urlsafe_b64encode(text.encode())
    assert len(base64.urlsafe_b64decode(encoded)) == 32


def test_dags_come_from_a_repository_whose_password_stays_a_reference() -> None:
    graph = stack(everything=True)
    git = values(graph)["dags"]["gitSync"]
    assert (git["repo"], git["ref"], git["subPath"], git["credentialsSecret"]) == (
        GIT["repository"],
        "v7",
        "dags",
        "git",
    )
    external = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "orchestration-git-secret").inputs
    assert {one["secretKey"] for one in external["spec"]["data"]} == {"GITSYNC_USERNAME", "GITSYNC_PASSWORD"}
    assert not values(stack())["dags"]["gitSync"]["enabled"]
    assert graph.stack_outputs["orchestrationUrl"] == "https://airflow.example.com"


def test_an_image_is_named_as_the_chart_wants_it() -> None:
    digest = "sha256:" + "a" * 64
    for image, named in (
        ("apache/airflow:3.3.2", ("apache/airflow", "3.3.2", None)),
        (f"registry.example.com:5000/ml/airflow@{digest}", ("registry.example.com:5000/ml/airflow", None, digest)),
        (f"apache/airflow:3.3.2@{digest}", ("apache/airflow", "3.3.2", digest)),
    ):
        found = values(platform("dev", {**NODES, "orchestration": {"kind": "airflow", "image": image}}))
        keys = ("defaultAirflowRepository", "defaultAirflowTag", "defaultAirflowDigest")
        assert tuple(found.get(key) for key in keys) == named


def test_its_pods_reach_one_another_the_database_and_what_dags_may_use() -> None:
    policy = only(stack(), POLICY, "orchestration-network-policy").inputs["spec"]
    assert {port["port"] for port in policy["ingress"][0]["ports"]} == {8080, 8793, 8794}
    out = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert {5432, 8080, 443, 5000} <= out
    assert (
        only(stack(), POLICY, "orchestration-network-policy").urn
        in only(stack(), RELEASE, "orchestration-release").dependencies
    )


def test_the_plan_knows_its_servers_and_prod_has_two_of_those_that_may_be_two() -> None:
    brought = {one.name: one for one in pods(stack()) if one.module == "orchestration"}
    for name in ("scheduler", "api-server", "dag-processor", "triggerer"):
        assert (brought[name].replicas, brought[name].requests.memory) == (1, 1024), name
    assert values(stack("prod"))["scheduler"]["replicas"] == 2
    assert values(stack("prod"))["apiServer"]["podDisruptionBudget"] == {"enabled": True}


def test_what_it_measures_is_handed_out_where_somebody_fetches_it() -> None:
    graph = platform("dev", {**NODES, "monitoring": {"kind": "prometheus"}, "orchestration": {"kind": "airflow"}})
    statsd = values(graph)["statsd"]
    assert statsd["podAnnotations"]["prometheus.io/port"] == "9102"
    [told] = only(graph, POLICY, "orchestration-metrics-network-policy").inputs["spec"]["egress"]
    assert told["ports"] == [{"protocol": "UDP", "port": 9125}]
    assert "statsd" in {one.name for one in pods(graph) if one.module == "orchestration" and one.replicas}
    assert not values(stack())["statsd"]["enabled"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


def test_what_an_isolated_network_does_not_reach_is_one_sentence() -> None:
    facts = StackFacts(region=REGION, zones=3, gpus=False, way_out=False, filled={"ml_platform": "mlflow"})
    config = AirflowConfig.model_validate({"git": GIT, "grants": ["invoke"]})
    rights, git = config.conflicts(facts)
    assert "a DAG is to invoke, and this stack has no serving" in rights
    assert "network.mode isolated has no way there" in git


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "airflow.example.com"}, "host is set without certificate_arn"),
        ({"git": {"repository": "git@github.com:example/dags.git"}}, "an https:// address of a Git repository"),
        (
            {"git": {"repository": "https://user:pass@github.com/example/dags"}},
            "without a user",
        ),  # pragma: allowlist secret
        ({"git": {**GIT, "password": None}}, "username is set without password"),
        ({"git": {**GIT, "path": "../etc"}}, "a folder of the repository"),
        ({"image": "apache/airflow:3 3"}, "an image reference"),
        ({"parallelism": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AirflowConfig.model_validate(wrong)
