"""Prometheus, Alertmanager and Grafana as those who look at them and those who run them notice it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.prometheus.alertmanager import alertmanager_config
from components.watch.routes import AlertsConfig
from mlops.capacity.fit import capacity
from mlops.capacity.pods import pods as pods_of
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from policies.engine import judge
from policies.exemptions import FILE, read
from policies.facts import facts
from tests.components.cluster_stack import waits_for
from tests.components.monitored import (
    ALERTS,
    NO_CLUSTER,
    PAGERDUTY,
    RELEASE,
    SLACK,
    WORKLOADS,
    announced,
    holding,
    lets_in,
    refusal,
    release,
    watched,
)
from tests.platforms import ROOT
from tests.support import only, statements

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0f3c7a52-1f0e-4f6e-9d3b-2a1b4c5d6e7f"
TWO_NODES = {"system": {"min_size": 1, "max_size": 2}}
KEYS = json.loads((Path(__file__).parent / "data" / "monitoring_values.json").read_text())["keys"]
STACK = "kube-prometheus-stack"


def prometheus(**settings: Any) -> Graph:
    return watched("prometheus", **settings)


def values(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = release(graph, STACK).inputs["values"]
    return found


def named(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph if node.name == name]
    return found


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("prometheus", {}),
        ("datadog", {}),
        (
            "prometheus",
            {
                "logs": "loki",
                "loki": {"replicas": 3},
                "grafana": {"host": "grafana.example.com", "certificate_arn": CERTIFICATE},
            },
        ),
    ],
)
def test_every_value_goes_to_a_key_that_its_chart_has(kind: str, settings: dict[str, Any]) -> None:
    graph = watched(kind, tier="prod", **settings)
    for node in graph.of_type(RELEASE):
        if graph.module(node) == "monitoring":
            known = KEYS[node.inputs["chart"]]
            strange = [
                leaf
                for leaf in leaves(node.inputs["values"])
                if not any(leaf == key or leaf.startswith(f"{key}.") for key in known)
            ]
            assert strange == [], "Helm ignores what a chart does not know. Look it up, then add it to the data."


def test_whatever_announces_metrics_is_scraped_and_lets_the_scraper_in() -> None:
    graph = prometheus()
    found = announced(graph)
    assert {"recommender", "pipelines", "mlflow"} <= {node.inputs["metadata"]["name"] for node in found}
    assert [node.name for node in found if not lets_in(graph, node, "monitoring")] == []
    monitor = only(graph, "kubernetes:monitoring.coreos.com/v1:PodMonitor").inputs["spec"]
    assert monitor["namespaceSelector"] == {"any": True}
    assert monitor["selector"] == {}


def test_models_of_kserve_are_announced_where_somebody_scrapes() -> None:
    kind, annotation = ":InferenceService", "serving.kserve.io/enable-prometheus-scraping"
    for graph, expected in ((prometheus(), "true"), (watched(None), None)):
        (model,) = [node for node in graph if node.type.endswith(kind)]
        assert model.inputs["metadata"]["annotations"].get(annotation) == expected


def test_without_monitoring_the_loop_is_announced_to_nobody_and_nobody_is_let_in() -> None:
    graph = watched(None)
    assert "pipelines" not in {node.inputs["metadata"]["name"] for node in announced(graph)}
    assert holding(graph, "kubernetes.io/metadata.name") == set()


def test_kinds_come_before_what_is_written_in_them_and_pods_after_what_closes_them() -> None:
    graph = prometheus()
    stack = release(graph, STACK)
    for kind in ("PodMonitor", "PrometheusRule"):
        assert waits_for(graph, only(graph, f"kubernetes:monitoring.coreos.com/v1:{kind}"), stack)
    assert waits_for(graph, stack, named(graph, "monitoring-network-policy"))
    assert waits_for(graph, release(graph, "fluent-bit"), named(graph, "monitoring-nodes-network-policy"))


def test_its_volumes_go_with_it_while_there_is_somebody_who_removes_them() -> None:
    graph = prometheus()
    for spec in (values(graph)["prometheus"]["prometheusSpec"], values(graph)["alertmanager"]["alertmanagerSpec"]):
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Delete"}
    driver = next(node for node in graph if node.inputs.get("addonName") == "aws-ebs-csi-driver")
    assert waits_for(graph, named(graph, "monitoring-namespace"), driver)


def test_metrics_lie_on_a_volume_of_the_platforms_class_and_never_fill_it() -> None:
    spec = values(prometheus(storage_gb=100, retention_days=30))["prometheus"]["prometheusSpec"]
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["storageClassName"] == "gp3"
    assert claim["resources"]["requests"]["storage"] == "100Gi"
    assert spec["retention"] == "30d"
    assert spec["retentionSize"] == f"{100 * 1024 * 85 // 100}MiB"


def test_several_of_each_share_a_database_and_are_not_drained_together() -> None:
    graph = prometheus(replicas=2, grafana={"replicas": 2})
    held = values(graph)
    assert held["prometheus"]["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert held["alertmanager"]["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert held["grafana"]["podDisruptionBudget"] == {"maxUnavailable": 1}
    password = held["grafana"]["envValueFrom"]["GF_DATABASE_PASSWORD"]["secretKeyRef"]
    assert password == {"name": "grafana-database", "key": "password"}
    assert "persistence" not in held["grafana"]


def test_without_a_database_grafana_keeps_its_own_on_a_volume() -> None:
    around = {"database": None, "ml_platform": None, "workloads": {"recommender": None}}
    held = values(prometheus(around=around))["grafana"]
    assert held["persistence"]["storageClassName"] == "gp3"
    assert held["deploymentStrategy"] == {"type": "Recreate"}


def test_no_secret_passes_through_values_only_names_of_secrets() -> None:
    graph = prometheus(alerts=ALERTS, grafana={"admin_secret": {"arn": SLACK}})
    for arn in (PAGERDUTY, SLACK):
        assert not {name for name in holding(graph, arn) if named(graph, name).type == RELEASE}
    config = values(graph)["alertmanager"]["config"]
    assert "routing_key_file" in json.dumps(config)
    assert not [word for word in ('routing_key"', 'api_url"', "adminPassword") if word in json.dumps(values(graph))]
    (policy,) = [node for node in graph if node.name == "monitoring-routes-policy"]
    assert {one for row in statements(policy.inputs["policy"]) for one in row["Resource"]} == {PAGERDUTY, SLACK}


def test_what_is_critical_wakes_somebody_a_warning_is_read_and_the_rest_is_on_the_page() -> None:
    config = alertmanager_config(AlertsConfig.model_validate(ALERTS).routes)
    routes = {row["receiver"]: row["matchers"] for row in config["route"]["routes"]}  # type: ignore[index]
    assert routes == {"pagerduty": ['severity=~"critical"'], "slack": ['severity=~"warning"']}
    assert config["route"]["receiver"] == "dashboard"  # type: ignore[index]
    alone = alertmanager_config(AlertsConfig.model_validate({"slack": ALERTS["slack"]}).routes)
    assert alone["route"]["routes"][0]["matchers"] == ['severity=~"critical|warning"']  # type: ignore[index]


def test_logs_go_to_one_encrypted_group_that_is_kept_as_long_as_the_tier_keeps_logs() -> None:
    graph = prometheus()
    group = named(graph, "monitoring-logs")
    assert group.inputs["retentionInDays"] == 30
    assert group.inputs["kmsKeyId"]
    rows = statements(named(graph, "monitoring-logs-identity-policy").inputs["policy"])
    assert all("mlops/mlops-test/workloads" in resource for row in rows for resource in row["Resource"])
    assert not [node for node in prometheus(logs=None) if "fluent-bit" in node.name]


def loki(tier: str = "dev", **settings: Any) -> Graph:
    return watched("prometheus", tier=tier, logs="loki", **settings)


def test_logs_may_stay_on_the_platforms_own_storage_as_long_as_the_tier_keeps_logs() -> None:
    graph = loki()
    held = release(graph, "loki").inputs["values"]
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert held["loki"]["storage"]["bucketNames"] == {"chunks": bucket}
    assert held["loki"]["limits_config"] == {"retention_period": f"{30 * 24}h"}
    assert held["loki"]["compactor"]["retention_enabled"] is True
    rows = statements(named(graph, "monitoring-loki-identity-policy").inputs["policy"])
    written = {where for row in rows if "s3:PutObject" in row["Action"] for where in row["Resource"]}
    assert written == {f"arn:aws:s3:::{bucket}/loki/*"}
    association = named(graph, "monitoring-loki-identity-association").inputs
    assert (association["namespace"], association["serviceAccount"]) == ("monitoring", "loki")
    assert not [node for node in graph if node.name == "monitoring-logs"]
    assert graph.stack_outputs["logs"] == "http://loki.monitoring.svc.cluster.local:3100"
    assert loki(log_days=7).stack_outputs["logs"]
    kept = release(loki(log_days=7), "loki").inputs["values"]["loki"]["limits_config"]
    assert kept == {"retention_period": "168h"}


def test_fluent_bit_brings_them_there_without_a_right_in_aws_and_grafana_finds_them() -> None:
    graph = loki()
    output = release(graph, "fluent-bit").inputs["values"]["config"]["outputs"]
    assert "Name loki" in output
    assert "Host loki.monitoring.svc.cluster.local" in output
    assert "namespace=$kubernetes['namespace_name']" in output
    assert not [node for node in graph if node.name.startswith("monitoring-logs-identity")]
    (source,) = values(graph)["grafana"]["additionalDataSources"]
    assert (source["type"], source["url"]) == ("loki", "http://loki.monitoring.svc.cluster.local:3100")
    agents = named(graph, "monitoring-nodes-network-policy").inputs["spec"]
    assert 3100 in {port["port"] for rule in agents["egress"] for port in rule["ports"]}


def test_only_those_who_bring_logs_and_those_who_look_reach_loki() -> None:
    policy = named(loki(), "monitoring-loki-network-policy").inputs["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring-nodes"}}},
    ]
    assert waits_for(loki(), release(loki(), "loki"), named(loki(), "monitoring-loki-network-policy"))
    assert waits_for(loki(), release(loki(), "fluent-bit"), release(loki(), "loki"))


@pytest.mark.parametrize("replicas", [1, 3])
def test_its_pods_and_volumes_are_counted(replicas: int) -> None:
    graph = loki("prod", loki={"replicas": replicas, "storage_gb": 20})
    assert not capacity(graph).not_counted
    assert capacity(graph).stuck == ()
    labels = [line.label for line in estimate(graph, BY_TIER["prod"], load()).lines if "loki" in line.resource]
    assert [label for label in labels if "20 GB" in label]
    (pods,) = [one for one in pods_of(graph) if one.name == "loki"]
    assert pods.replicas == replicas
    assert not pods.assumed


def test_three_copies_need_three_nodes_to_lie_on() -> None:
    message = refusal("prometheus", logs="loki", loki={"replicas": 3}, around={**WORKLOADS, "cluster": TWO_NODES})
    assert "loki.replicas is 3, each of which needs a node of its own, and cluster.system has at most 2" in message
    assert "loki.replicas" in refusal("prometheus", logs="loki", loki={"replicas": 2})


def test_people_come_to_grafana_by_a_name_with_tls_and_nobody_else_by_that_way() -> None:
    graph = prometheus(grafana={"host": "grafana.example.com", "certificate_arn": CERTIFICATE})
    ingress = named(graph, "monitoring-grafana-ingress").inputs
    annotations = ingress["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/scheme"] == "internal"
    assert annotations["alb.ingress.kubernetes.io/certificate-arn"] == CERTIFICATE
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "grafana.example.com"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "prometheus-grafana", "port": {"number": 80}}
    let_in = named(graph, "monitoring-grafana-network-policy").inputs["spec"]
    blocks = {peer["ipBlock"]["cidr"] for peer in let_in["ingress"][0]["from"] if "ipBlock" in peer}
    subnets = [one.inputs["cidrBlock"] for one in graph.of_type("aws:ec2/subnet:Subnet") if "private" in one.name]
    assert blocks == set(subnets)
    assert let_in["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "grafana"}
    settings = values(graph)["grafana"]["grafana.ini"]
    assert settings["server"] == {"root_url": "https://grafana.example.com"}
    assert settings["security"]["cookie_secure"] is True
    assert graph.stack_outputs["dashboards"] == "https://grafana.example.com"
    assert waits_for(graph, named(graph, "monitoring-grafana-ingress"), release(graph, STACK))
    assert not [node for node in prometheus() if node.name == "monitoring-grafana-ingress"]


def test_half_a_door_and_a_door_without_a_private_subnet_are_refused() -> None:
    assert "Give both or neither" in refusal("prometheus", grafana={"host": "grafana.example.com"})
    around = {**WORKLOADS, "network": {"mode": "public", "nat": "none"}}
    door = {"host": "grafana.example.com", "certificate_arn": CERTIFICATE}
    assert "network.mode public has no private subnet" in refusal("prometheus", around=around, grafana=door)


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_loki_and_the_door_break_no_mandatory_rule(tier: str) -> None:
    graph = loki(tier, grafana={"host": "grafana.example.com", "certificate_arn": CERTIFICATE})
    report = judge(graph, tier, read(ROOT / FILE, facts().rules, date.min))
    assert [(one.rule.id, one.name) for one in report.blocking] == []


def test_rights_over_nodes_are_kept_from_the_watchers_themselves() -> None:
    graph = prometheus()
    enforced = "pod-security.kubernetes.io/enforce"
    assert named(graph, "monitoring-namespace").inputs["metadata"]["labels"][enforced] == "restricted"
    assert named(graph, "monitoring-nodes-namespace").inputs["metadata"]["labels"][enforced] == "privileged"
    assert values(graph)["prometheus-node-exporter"]["namespaceOverride"] == "monitoring-nodes"


@pytest.mark.parametrize("kind", ["prometheus", "datadog", "cloudwatch"])
@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_what_watches_fits_costs_something_known_and_breaks_no_mandatory_rule(kind: str, tier: str) -> None:
    graph = watched(kind, tier=tier, around={})
    assert capacity(graph).stuck == ()
    report = judge(graph, tier, read(ROOT / FILE, facts().rules, date.min))
    assert [(one.rule.id, one.name) for one in report.blocking] == []


@pytest.mark.parametrize("kind", ["prometheus", "datadog", "cloudwatch"])
def test_the_four_pages_are_there_whoever_watches(kind: str) -> None:
    graph = watched(kind)
    pages = [node.name for node in graph if node.name.startswith("monitoring-watch-mlops-")]
    assert sorted(name.rpartition("mlops-")[2] for name in pages) == ["cost", "models", "platform", "security"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"storage_gb": None, "retention_days": 15}, "metrics would go with the pod"),
        ({"alerts": {"pagerduty": {}}}, "alerts.pagerduty.arn"),
        ({"alerts": {"slack": {"arn": "hunter2"}}}, "ARN of a Secrets Manager secret"),
        (
            {"alerts": {"slack": {"arn": "https://hooks.slack.test/services/T0/x"}}},
            "ARN of a Secrets Manager secret",
        ),
        ({"alerts": {"teams": {}}}, "there is no such setting"),
        ({"retention_days": 0}, "retention_days"),
        ({"objectives": {"p95_ms": 0}}, "p95_ms"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_a_sentence(settings: dict[str, Any], expected: str) -> None:
    message = refusal("prometheus", **settings)
    assert expected in message
    assert "hunter2" not in message
    assert "hooks.slack.test/services/T0" not in message


def test_it_is_refused_without_a_cluster_and_several_grafanas_without_a_database() -> None:
    assert "runs on a cluster, and this stack has none" in refusal("prometheus", around=NO_CLUSTER)
    around = {"database": None, "ml_platform": None, "workloads": {"recommender": None}}
    assert "no database that they could share" in refusal("prometheus", around=around, grafana={"replicas": 2})


def test_an_alert_needs_a_way_out_of_the_network() -> None:
    isolated = {"network": {"mode": "isolated", "nat": "none"}}
    assert "alerts go to pagerduty, slack" in refusal("prometheus", around=isolated, alerts=ALERTS)
