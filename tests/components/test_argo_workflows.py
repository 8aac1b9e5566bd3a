"""Argo Workflows on the cluster, and the loop on it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.orchestration.argo_workflows import ArgoWorkflowsConfig
from mlops.capacity.pods import pods
from mlops.plan.graph import Graph
from policies.engine import judge
from services.pipelines.workflows.steps import STEPS
from tests.platforms import ROOT, platform, tier_graph
from tests.support import only, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
CRON = "kubernetes:argoproj.io/v1alpha1:CronWorkflow"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:argo-AbCdEf"
SSO = {
    "host": "argo.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "sso": {
        "issuer_url": "https://login.example.com",
        "client_id": {"arn": ARN, "key": "id"},
        "client_secret": {"arn": ARN, "key": "secret"},
    },
}


@cache
def stack(tier: str = "dev", *, sso: bool = False) -> Graph:
    settings = {
        "kind": "argo_workflows",
        "loop": {"at": "02:30", "every_hours": 6} if tier == "dev" else None,
        "grants": ["read storage/curated", "track"],
        **(SSO if sso else {}),
    }
    return platform(tier, {"orchestration": settings})


def loop() -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(stack(), CRON).inputs["spec"]
    return found


def values(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = only(graph, RELEASE, "orchestration-release").inputs["values"]
    return found


def unknown(value: Any, fields: Mapping[str, Any], path: str = "spec") -> list[str]:
    if isinstance(value, list):
        return [problem for item in value for problem in unknown(item, fields, path)]
    found = [f"{path}.{name} is required" for name in fields["required"] if name not in value]
    for name, inner in value.items():
        if name in fields["nested"]:
            found += unknown(inner, fields["nested"][name], f"{path}.{name}")
        elif name not in fields["plain"]:
            found.append(f"{path}.{name} does not exist")
    return found


def test_the_loop_is_what_the_custom_resource_takes() -> None:
    fields = json.loads((ROOT / "services/tests/pipelines/argo_fields.json").read_text())
    assert unknown(loop(), fields["CronWorkflow"]) == []
    assert unknown(loop()["workflowSpec"], fields["Workflow"]) == []
    assert unknown({**loop(), "shedule": ""}, fields["CronWorkflow"]) == ["spec.shedule does not exist"]


def test_it_runs_the_loops_steps_in_their_order_four_times_a_day_one_run_at_a_time() -> None:
    spec = loop()
    assert (spec["schedules"], spec["concurrencyPolicy"]) == (["30 2,8,14,20 * * *"], "Forbid")
    templates = {one["name"]: one for one in spec["workflowSpec"]["templates"]}
    tasks = templates["loop"]["dag"]["tasks"]
    assert [(one["name"], tuple(one.get("dependencies", ()))) for one in tasks] == [
        (step.name, step.needs) for step in STEPS
    ]


def test_a_step_is_the_workers_own_image_account_settings_and_secrets() -> None:
    graph = stack()
    worker = only(graph, "kubernetes:apps/v1:Deployment", "serving-workload-pipelines").inputs["spec"]["template"]
    workflow = loop()["workflowSpec"]
    assert only(graph, CRON).inputs["metadata"]["namespace"] == "recommender"
    assert workflow["serviceAccountName"] == worker["spec"]["serviceAccountName"]
    settings = only(graph, "kubernetes:core/v1:ConfigMap", "serving-workload-settings").inputs
    told = {one["name"] for one in worker["spec"]["containers"][0]["env"] if "value" in one}
    secrets = {
        one["valueFrom"]["secretKeyRef"]["name"] for one in worker["spec"]["containers"][0]["env"] if "valueFrom" in one
    }
    for template in workflow["templates"][1:]:
        container = template["container"]
        assert container["image"] == worker["spec"]["containers"][0]["image"]
        sources = container["envFrom"]
        assert sources[0] == {"configMapRef": {"name": settings["metadata"]["name"]}}
        assert {one["secretRef"]["name"] for one in sources[1:]} == secrets
        given = {*settings["data"], *(one["name"] for one in container["env"])}
        assert told - given == {"HOST", "HOME"} & told
    labels = workflow["podMetadata"]["labels"]
    policy = only(graph, POLICY, "serving-workload-pipelines-network-policy").inputs["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_worker_only_watches_where_an_orchestrator_runs_the_loop() -> None:
    def arguments(graph: Graph) -> list[str]:
        pod = only(graph, "kubernetes:apps/v1:Deployment", "serving-workload-pipelines").inputs["spec"]["template"]
        found: list[str] = pod["spec"]["containers"][0]["args"]
        return found

    assert arguments(stack())[-1] == "--watch"
    assert "--watch" not in arguments(tier_graph("dev"))
    left = platform("dev", {"orchestration": {"kind": "argo_workflows"}})
    assert "--watch" not in arguments(left)
    assert not left.of_type(CRON)


def paths(value: Mapping[str, Any], known: set[str], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        path = f"{prefix}{key}"
        yield path
        if isinstance(inner, Mapping) and any(one.startswith(f"{path}/") for one in known):
            yield from paths(inner, known, f"{path}/")


@pytest.mark.parametrize("sso", [False, True])
def test_every_value_is_one_that_the_chart_reads(sso: bool) -> None:
    known = set(json.loads((Path(__file__).parent / "data" / "argo_workflows.json").read_text())["keys"])
    free = ("controller/persistence", "controller/workflowDefaults", "nodeSelector", "securityContext", "annotations")
    found = [path for path in paths(values(stack(sso=sso)), known) if not any(word in path for word in free)]
    assert [path for path in found if path not in known] == []
    assert "server/sso/issuer" in found or not sso


def test_artifacts_and_logs_lie_in_the_lake_and_finished_runs_in_postgresql() -> None:
    graph = stack()
    kept = values(graph)["artifactRepository"]
    assert kept["s3"]["bucket"] == graph.stack_outputs["buckets"]["artifacts"]
    assert kept["archiveLogs"]
    assert kept["s3"]["useSDKCreds"]
    archive = values(graph)["controller"]["persistence"]
    assert (archive["archive"], archive["archiveTTL"]) == (True, "90d")
    assert archive["postgresql"]["host"] == graph.stack_outputs["databaseEndpoint"]
    assert archive["postgresql"]["passwordSecret"] == {"name": "argo-database", "key": "password"}
    assert archive["postgresql"]["sslMode"] == "require"


def test_a_teams_workflows_may_do_what_is_granted_and_keep_their_logs() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "orchestration-workflows-identity-policy").inputs["policy"]
    rows = statements(policy)
    buckets = stack().stack_outputs["buckets"]
    reads = {arn for row in rows if "s3:GetObject" in row["Action"] for arn in row["Resource"]}
    writes = {arn for row in rows if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert f"arn:aws:s3:::{buckets['curated']}/*" in reads
    assert writes == {f"arn:aws:s3:::{buckets['artifacts']}/argo/*"}
    told = only(stack(), "kubernetes:core/v1:ConfigMap", "orchestration-workflows-settings").inputs["data"]
    assert told["MLFLOW_TRACKING_URI"] == stack().stack_outputs["trackingUrl"]
    space = only(stack(), "kubernetes:core/v1:Namespace", "orchestration-workflows-namespace").inputs["metadata"]
    assert space["labels"]["mlops.platform/tracking"] == "allowed"


def test_accounts_that_run_steps_are_bound_to_argos_role_where_they_run() -> None:
    release = values(stack())
    assert release["workflow"]["rbac"]["serviceAccounts"] == [
        {"name": "workflow", "namespace": "workflows"},
        {"name": "pipelines", "namespace": "recommender"},
    ]
    assert release["controller"]["workflowNamespaces"] == ["workflows", "recommender"]


def test_people_log_in_with_a_client_that_argo_reads_from_a_secret() -> None:
    graph = stack(sso=True)
    server = values(graph)["server"]
    assert server["authModes"] == ["sso", "client"]
    assert server["sso"]["clientSecret"] == {"name": "sso", "key": "client-secret"}
    assert server["sso"]["redirectUrl"] == "https://argo.example.com/oauth2/callback"
    door = only(graph, "kubernetes:networking.k8s.io/v1:Ingress", "orchestration-ingress").inputs
    assert door["metadata"]["annotations"]["alb.ingress.kubernetes.io/scheme"] == "internal"
    assert graph.stack_outputs["orchestrationUrl"] == "https://argo.example.com"
    external = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "orchestration-sso-secret")
    assert {one["remoteRef"]["property"] for one in external.inputs["spec"]["data"]} == {"id", "secret"}


def test_the_loop_goes_before_the_controller_and_nothing_of_it_starts_before_it_is_closed() -> None:
    graph = stack()
    release = only(graph, RELEASE, "orchestration-release")
    assert release.urn in only(graph, CRON).dependencies
    assert only(graph, POLICY, "orchestration-network-policy").urn in release.dependencies


def test_the_plan_knows_its_pods_and_prod_has_two_of_each() -> None:
    brought = {one.name: one for one in pods(stack()) if one.module == "orchestration"}
    for name in ("workflow-controller", "argo-server"):
        assert (brought[name].replicas, brought[name].requests.cpu, brought[name].requests.memory) == (1, 100, 500)
    assert values(stack("prod"))["controller"]["replicas"] == 2
    assert values(stack("prod"))["server"]["pdb"] == {"enabled": True, "maxUnavailable": 1}


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"ml_platform": {"kind": "kubeflow"}}, "brings an Argo of its own"),
        ({"workloads": {"recommender": None}}, "loop is set, and this stack has none"),
        ({"serving": {"kind": "ecs"}}, "would be pods of the worker's own, which serving ecs has not; choose"),
        ({"data_pipeline": None}, "loop is set, and this stack has none"),
        ({"database": None, "ml_platform": None, "workloads": {"recommender": None}}, "which runs on a database"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(override: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        platform("dev", {"orchestration": {"kind": "argo_workflows", "loop": {}}, **override})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "argo.example.com"}, "host is set without certificate_arn"),
        ({"sso": SSO["sso"]}, "sso is set without host"),
        ({"loop": {"at": "3:00"}}, "a time of day"),
        ({"loop": {"every_hours": 5}}, "Input should be 1, 2, 3, 4, 6, 8, 12 or 24"),
        ({"loop": {"days": []}}, "at least 1 item"),
        ({"loop": {"days": ["mon", "mon"]}}, "twice"),
        ({"grants": ["own everything"]}, "read storage"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ArgoWorkflowsConfig.model_validate(wrong)
