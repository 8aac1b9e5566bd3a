"""MLflow as its users and the people who run it notice it."""

import json
from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.ml_platform.mlflow import MlflowConfig
from components.ml_platform.mlflow.auth import auth_config_script
from mlops.plan.graph import Graph, Node
from tests.components.cluster_stack import waits_for
from tests.foundations import foundation, module_options
from tests.support import only, recorded, statements

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
EXTERNAL_SECRET = "kubernetes:external-secrets.io/v1:ExternalSecret"

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0f1e2d3c-0000-4000-8000-000000000000"
CLIENT_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:oidc-AbCdEf"
DOOR = {"host": "mlflow.example.com", "certificate_arn": CERTIFICATE}
OIDC = {
    "kind": "oidc",
    "issuer_url": "https://login.example.com",
    "client_id": "mlflow",
    "client_secret_arn": CLIENT_SECRET,
}


def mlflow(**settings: Any) -> Graph:
    """The graph of an MLflow with the settings of a stack file."""
    return _mlflow(json.dumps(settings))


@cache
def _mlflow(settings: str) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=True)
        config = MlflowConfig.model_validate_json(settings)
        config.build("ml-platform", base, module_options(base, opts))

    return recorded(build)


def published(graph: Graph) -> dict[str, Any]:
    """What the module publishes."""
    return dict(only(graph, "mlops:index:Mlflow").outputs)


def pod(graph: Graph) -> dict[str, Any]:
    """Spec of the server's pods."""
    spec: dict[str, Any] = only(graph, DEPLOYMENT).inputs["spec"]["template"]["spec"]
    return spec


def container(graph: Graph, name: str = "mlflow") -> dict[str, Any]:
    """One container of the server's pods."""
    return next(item for item in pod(graph)["containers"] if item["name"] == name)


def argument(graph: Graph, flag: str) -> str:
    """Value of a flag of the server."""
    arguments: list[str] = container(graph)["args"]
    return arguments[arguments.index(flag) + 1]


def variables(graph: Graph) -> dict[str, dict[str, Any]]:
    """Environment of the server by name."""
    return {item["name"]: item for item in container(graph)["env"]}


def policy(graph: Graph) -> dict[str, Any]:
    """Spec of the server's network policy."""
    spec: dict[str, Any] = only(
        graph, "kubernetes:networking.k8s.io/v1:NetworkPolicy", "ml-platform-network-policy"
    ).inputs["spec"]
    return spec


def role_policy(graph: Graph) -> list[dict[str, Any]]:
    """What the server's role may do."""
    return statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "ml-platform-identity-policy").inputs["policy"])


def refusal(**settings: Any) -> str:
    """The sentence with which settings are refused."""
    with pytest.raises(ValidationError) as caught:
        MlflowConfig.model_validate(settings)
    return str(caught.value)


def test_clients_in_the_cluster_find_the_server_by_the_name_of_its_service() -> None:
    graph = mlflow()
    service = only(graph, "kubernetes:core/v1:Service").inputs
    assert published(graph)["tracking_uri"] == "http://mlflow.mlflow.svc.cluster.local:5000"
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("mlflow", "mlflow")
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"] == [{"name": "http", "port": 5000, "targetPort": 5000}]
    assert service["spec"]["selector"] == only(graph, DEPLOYMENT).inputs["spec"]["template"]["metadata"]["labels"]


def test_the_server_answers_to_the_names_by_which_it_is_called() -> None:
    hosts = argument(mlflow(auth={"kind": "basic"}, **DOOR), "--allowed-hosts").split(",")
    for name in ("mlflow.mlflow.svc.cluster.local:5000", "mlflow.mlflow", "$(POD_IP):5000", "mlflow.example.com"):
        assert name in hosts
    assert not any("*" in host for host in hosts)


def test_the_pods_address_is_known_before_the_flag_that_names_it() -> None:
    assert container(mlflow())["env"][0]["name"] == "POD_IP"


def test_people_in_the_browser_may_change_things_under_the_servers_own_name() -> None:
    assert argument(mlflow(auth={"kind": "basic"}, **DOOR), "--cors-allowed-origins") == "https://mlflow.example.com"


def test_artifacts_go_through_the_server_into_the_platforms_bucket() -> None:
    graph = mlflow()
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert published(graph)["artifacts_uri"] == f"s3://{bucket}/mlflow"
    assert argument(graph, "--artifacts-destination") == f"s3://{bucket}/mlflow"
    assert "--serve-artifacts" in container(graph)["args"]


def test_the_server_may_write_its_artifacts_and_touch_nothing_else() -> None:
    graph = mlflow()
    arn = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    resources = {resource for statement in role_policy(graph) for resource in statement["Resource"]}
    objects = {resource for resource in resources if resource.endswith("*")}
    assert objects == {f"{arn}/mlflow/*"}
    assert {resource.split(":")[2] for resource in resources} == {"s3", "kms"}


def test_the_database_address_is_a_reference_and_never_a_value() -> None:
    graph = mlflow(auth={"kind": "basic"})
    address = variables(graph)["MLFLOW_BACKEND_STORE_URI"]
    assert address["valueFrom"]["secretKeyRef"] == {"name": "mlflow-database", "key": "uri"}
    assert "value" not in address


@pytest.mark.parametrize("settings", [{}, {"auth": {"kind": "basic"}, **DOOR}, {"auth": OIDC, **DOOR}])
def test_no_password_or_key_is_in_anything_that_is_registered(settings: dict[str, Any]) -> None:
    graph = mlflow(**settings)
    assert not graph.of_type("kubernetes:core/v1:Secret")
    for item in (item for node in graph if node.type == DEPLOYMENT for item in _environment(node)):
        if any(word in item["name"] for word in ("PASSWORD", "SECRET", "STORE_URI")):
            assert set(item) == {"name", "valueFrom"}, item["name"]


def _environment(node: Node) -> list[dict[str, Any]]:
    spec = node.inputs["spec"]["template"]["spec"]
    return [item for part in [*spec["containers"], *spec["initContainers"]] for item in part["env"]]


def test_passwords_of_users_are_made_in_the_cluster_once() -> None:
    graph = mlflow(auth={"kind": "basic"})
    secret = only(graph, EXTERNAL_SECRET, "ml-platform-auth-secret").inputs["spec"]
    keys = [entry["rewrite"][0]["regexp"]["target"] for entry in secret["dataFrom"]]
    assert sorted(keys) == ["admin-password", "session-key"]
    assert {entry["sourceRef"]["generatorRef"]["kind"] for entry in secret["dataFrom"]} == {"Password"}
    assert secret["refreshPolicy"] == "CreatedOnce"
    assert "secretStoreRef" not in secret
    admin = variables(graph)["MLFLOW_AUTH_ADMIN_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert admin == {"name": "mlflow-auth", "key": "admin-password"}


def test_basic_auth_writes_the_database_address_where_mlflow_reads_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from configparser import ConfigParser

    address = "postgresql+psycopg2://mlflow:a%2Fb@db:5432/mlflow?sslmode=require"
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", address)
    exec(auth_config_script("NO_PERMISSIONS").replace("/etc/mlflow-auth", str(tmp_path)))
    written = ConfigParser()
    written.read(tmp_path / "basic_auth.ini")
    assert written["mlflow"]["database_uri"] == address
    assert written["mlflow"]["default_permission"] == "NO_PERMISSIONS"


def test_with_basic_auth_the_users_tables_are_migrated_after_mlflows_own() -> None:
    spec = only(mlflow(auth={"kind": "basic"}), "kubernetes:batch/v1:Job", "ml-platform-migration").inputs["spec"]
    steps = [*spec["template"]["spec"]["initContainers"], *spec["template"]["spec"]["containers"]]
    assert [step["name"] for step in steps] == ["tracking", "users"]
    assert all(step["command"][-1] == "$(MLFLOW_BACKEND_STORE_URI)" for step in steps)


def test_no_server_starts_before_the_schema_is_its_own() -> None:
    graph = mlflow()
    server, migration = only(graph, DEPLOYMENT), only(graph, "kubernetes:batch/v1:Job", "ml-platform-migration")
    assert waits_for(graph, server, migration)
    image = migration.inputs["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == container(graph)["image"]


@pytest.mark.parametrize(
    "earlier",
    ["ml-platform-identity-association", "ml-platform-login-bootstrap", "ml-platform-network-policy"],
)
def test_no_server_starts_without_its_role_its_database_and_its_closed_door(earlier: str) -> None:
    graph = mlflow()
    node = next(node for node in graph if node.name == earlier)
    assert waits_for(graph, only(graph, DEPLOYMENT), node)


def test_a_destroy_takes_the_load_balancer_away_while_its_controller_still_runs() -> None:
    graph = mlflow(auth={"kind": "basic"}, **DOOR)
    controller = next(node for node in graph if node.name == "cluster-base-load-balancer-controller")
    assert waits_for(graph, only(graph, INGRESS), controller)


def test_pods_pass_the_restricted_standard_that_their_namespace_demands() -> None:
    for settings in ({}, {"auth": {"kind": "basic"}}, {"auth": OIDC, **DOOR}):
        graph = mlflow(**settings)
        labels = only(graph, "kubernetes:core/v1:Namespace", "ml-platform-namespace").inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        assert labels["mlops.platform/secrets"] == "allowed"
        spec = pod(graph)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for part in [*spec["containers"], *spec["initContainers"]]:
            security = part["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_what_the_server_writes_goes_where_it_may() -> None:
    mounts = {item["mountPath"] for item in container(mlflow(scratch_gb=20))["volumeMounts"]}
    assert {"/tmp", argument(mlflow(scratch_gb=20), "--expose-prometheus")} <= mounts
    volumes = {item["name"]: item for item in pod(mlflow(scratch_gb=20))["volumes"]}
    assert volumes["scratch"]["emptyDir"]["sizeLimit"] == "20Gi"


def test_the_service_does_not_overwrite_mlflows_own_setting_of_its_port() -> None:
    assert pod(mlflow())["enableServiceLinks"] is False


def test_a_slow_start_is_not_taken_for_a_dead_server() -> None:
    probe = container(mlflow())["startupProbe"]
    assert probe["httpGet"]["path"] == "/health"
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_the_server_reports_nothing_to_its_makers_and_runs_no_jobs() -> None:
    values = {name: item.get("value") for name, item in variables(mlflow()).items()}
    assert (values["MLFLOW_DISABLE_TELEMETRY"], values["DO_NOT_TRACK"]) == ("true", "true")
    assert values["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


@pytest.mark.parametrize(("auth", "scraped"), [({"kind": "none"}, True), ({"kind": "basic"}, False), (OIDC, True)])
def test_metrics_are_offered_to_scrapers_where_they_need_no_password(auth: dict[str, Any], scraped: bool) -> None:
    graph = mlflow(auth=auth, **(DOOR if auth is OIDC else {}))
    annotations = only(graph, DEPLOYMENT).inputs["spec"]["template"]["metadata"]["annotations"]
    assert (annotations.get("prometheus.io/scrape") == "true") is scraped


def test_a_single_server_has_no_budget_that_would_block_node_upgrades() -> None:
    graph = mlflow()
    assert only(graph, DEPLOYMENT).inputs["spec"]["replicas"] == 1
    assert not graph.of_type(BUDGET)
    assert not graph.of_type(AUTOSCALER)
    assert "topologySpreadConstraints" not in pod(graph)


def test_several_servers_lie_in_different_zones_and_leave_one_by_one() -> None:
    graph = mlflow(min_replicas=2, max_replicas=2)
    assert only(graph, BUDGET).inputs["spec"]["maxUnavailable"] == 1
    keys = [constraint["topologyKey"] for constraint in pod(graph)["topologySpreadConstraints"]]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert only(graph, DEPLOYMENT).inputs["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_an_up_does_not_reset_what_the_autoscaler_decided() -> None:
    graph = mlflow(min_replicas=2, max_replicas=5, target_cpu_percent=60)
    spec = only(graph, AUTOSCALER).inputs["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    assert "replicas" not in only(graph, DEPLOYMENT).inputs["spec"]


def test_only_namespaces_that_may_track_reach_the_server() -> None:
    spec = policy(mlflow())
    assert spec["ingress"] == [
        {
            "from": [
                {"podSelector": {}},
                {"namespaceSelector": {"matchLabels": {"mlops.platform/tracking": "allowed"}}},
            ],
            "ports": [{"port": 5000, "protocol": "TCP"}],
        }
    ]


def test_a_load_balancer_is_internal_speaks_tls_only_and_is_let_in() -> None:
    graph = mlflow(auth={"kind": "basic"}, **DOOR)
    ingress = only(graph, INGRESS).inputs
    annotations = ingress["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/scheme"] == "internal"
    assert annotations["alb.ingress.kubernetes.io/listen-ports"] == '[{"HTTPS": 443}]'
    assert annotations["alb.ingress.kubernetes.io/certificate-arn"] == CERTIFICATE
    assert ingress["spec"]["rules"][0]["host"] == "mlflow.example.com"
    assert {"ipBlock": {"cidr": "10.0.0.0/19"}} in policy(graph)["ingress"][0]["from"]


def test_without_a_host_there_is_no_load_balancer() -> None:
    assert not mlflow().of_type(INGRESS)


def test_with_oidc_nobody_reaches_mlflow_but_through_the_login() -> None:
    graph = mlflow(auth={**OIDC, "email_domains": ["example.com"], "groups": ["ml"]}, **DOOR)
    assert argument(graph, "--host") == "127.0.0.1"
    login = container(graph, "login")
    assert {
        "--oidc-issuer-url=https://login.example.com",
        "--redirect-url=https://mlflow.example.com/oauth2/callback",
    } <= {*login["args"]}
    assert {"--email-domain=example.com", "--allowed-group=ml"} <= {*login["args"]}
    assert "--email-domain=*" not in login["args"]
    assert login["ports"] == [{"name": "http", "containerPort": 5000}]
    assert container(graph)["ports"] == []


def test_with_oidc_jobs_come_in_with_a_token_of_the_same_provider() -> None:
    assert "--skip-jwt-bearer-tokens=true" in container(mlflow(auth=OIDC, **DOOR), "login")["args"]


def test_the_clients_secret_is_read_from_secrets_manager_by_the_one_who_may() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"
    graph = mlflow(auth={**OIDC, "client_secret_key_arn": key}, **DOOR)
    secret = only(graph, EXTERNAL_SECRET, "ml-platform-auth-client-secret")
    assert secret.inputs["spec"]["data"] == [{"secretKey": "client-secret", "remoteRef": {"key": CLIENT_SECRET}}]
    right = only(graph, "aws:iam/rolePolicy:RolePolicy", "ml-platform-auth-client-policy")
    assert [statement["Resource"] for statement in statements(right.inputs["policy"])] == [[CLIENT_SECRET], [key]]
    assert waits_for(graph, secret, right)


def test_a_host_without_login_is_refused() -> None:
    message = refusal(**DOOR)
    assert "auth is none" in message
    assert "basic or oidc" in message


@pytest.mark.parametrize("part", ["host", "certificate_arn"])
def test_a_host_and_its_certificate_come_together(part: str) -> None:
    assert "TLS only" in refusal(auth={"kind": "basic"}, **{part: DOOR[part]})


def test_oidc_without_a_host_is_refused_because_nobody_could_come_back_from_the_login() -> None:
    assert "oauth2/callback" in refusal(auth=OIDC)


def test_more_servers_at_least_than_at_most_are_refused() -> None:
    assert "set max_replicas to 3 or more" in refusal(min_replicas=3)


def test_a_secret_that_is_no_reference_is_refused_and_not_repeated() -> None:
    message = refusal(auth={**OIDC, "client_secret_arn": "hunter2"}, **DOOR)
    assert "client_secret_arn" in message
    assert "hunter2" not in message
