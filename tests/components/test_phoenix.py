"""Phoenix on the cluster: who may send, as whom people log in, and where what is sent is kept."""

from typing import Any

import pytest

from mlops.plan.graph import Graph
from tests.components.test_containers import refused
from tests.platforms import platform
from tests.support import only, statements

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:phoenix/oidc-AbCdEf"
LOGIN = {
    "name": "OKTA",
    "issuer_url": "https://login.example.com/realms/ml/",
    "client_id": "phoenix",
    "client_secret": {"arn": SECRET},
}
PHOENIX = {"kind": "phoenix", "root_url": "https://phoenix.example.com", "login": LOGIN, "keep_days": 7}
SENDS = {"name": "agent", "image": "fraud:1.0.0", "grants": ["observe models"]}
REGISTRY = {"repositories": ["recommender", "pipelines", "fraud"]}


@pytest.fixture(scope="module")
def graph() -> Graph:
    given = {"model_monitoring": PHOENIX, "registry": REGISTRY, "workloads": {"containers": [SENDS]}}
    return platform("dev", given)


def container(graph: Graph, name: str) -> dict[str, Any]:
    found: dict[str, Any] = only(graph, DEPLOYMENT, name).inputs["spec"]["template"]["spec"]["containers"][0]
    return found


def env(graph: Graph, name: str) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(graph, name)["env"]}


def test_nobody_comes_in_without_a_login_and_its_makers_hear_nothing(graph: Graph) -> None:
    told = env(graph, "model-monitoring-server")
    assert told["PHOENIX_ENABLE_AUTH"] == "true"
    assert told["PHOENIX_TELEMETRY_ENABLED"] == "false"
    assert told["PHOENIX_DEFAULT_RETENTION_POLICY_DAYS"] == "7"


def test_what_is_sent_lies_in_postgresql_whose_address_is_a_secret(graph: Graph) -> None:
    held = env(graph, "model-monitoring-server")
    assert held["PHOENIX_SQL_DATABASE_URL"]["secretKeyRef"] == {"name": "phoenix-database", "key": "uri"}
    for name in ("PHOENIX_SECRET", "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD", "PHOENIX_ADMIN_SECRET"):
        assert "secretKeyRef" in held[name]


def test_people_log_in_through_their_provider(graph: Graph) -> None:
    told = env(graph, "model-monitoring-server")
    discovery = "https://login.example.com/realms/ml/.well-known/openid-configuration"
    assert told["PHOENIX_OAUTH2_OKTA_OIDC_CONFIG_URL"] == discovery
    assert told["PHOENIX_OAUTH2_OKTA_CLIENT_ID"] == "phoenix"
    assert "secretKeyRef" in told["PHOENIX_OAUTH2_OKTA_CLIENT_SECRET"]
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", "model-monitoring-server-stored-policy").inputs["policy"]
    assert SECRET in {one for row in statements(policy) for one in row["Resource"]}


def test_who_may_observe_models_sends_with_the_key_that_phoenix_knows(graph: Graph) -> None:
    told = env(graph, "serving-agent-service")
    assert told["PHOENIX_COLLECTOR_ENDPOINT"] == "http://phoenix.phoenix.svc.cluster.local:6006"
    assert "secretKeyRef" in told["PHOENIX_API_KEY"]
    labels = only(graph, "kubernetes:core/v1:Namespace", "serving-agent-namespace").inputs["metadata"]["labels"]
    assert labels["mlops.platform/observing"] == "allowed"
    network = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    rules = only(graph, network, "model-monitoring-server-network-policy").inputs["spec"]["ingress"]
    peers = [peer.get("namespaceSelector", {}) for rule in rules for peer in rule["from"]]
    assert {"matchLabels": {"mlops.platform/observing": "allowed"}} in peers


def test_it_is_asked_whether_it_is_well_where_it_answers_that(graph: Graph) -> None:
    server = container(graph, "model-monitoring-server")
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model_monitoring": {**PHOENIX, "root_url": None}}, "login is set without root_url"),
        ({"model_monitoring": {"kind": "phoenix", "node_group": "gold"}}, "Phoenix goes to node group gold"),
        (
            {
                "model_monitoring": {"kind": "phoenix"},
                "registry": REGISTRY,
                "serving": {"kind": "ecs"},
                "workloads": {"containers": [{**SENDS, "cpu": "256m"}]},
            },
            "model_monitoring is phoenix, which is reached from the cluster alone",
        ),
        ({"model_monitoring": {"kind": "phoenix"}, "database": None, "ml_platform": None}, "runs on a database"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert words in refused(settings)
