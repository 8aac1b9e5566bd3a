"""Datadog's agents, and what is written into the account there."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mlops.choice.trials import tried
from mlops.plan.graph import Graph, Node
from tests.components.cluster_stack import waits_for
from tests.components.monitored import (
    NO_CLUSTER,
    PAGERDUTY,
    RELEASE,
    SLACK,
    announced,
    holding,
    lets_in,
    refusal,
    release,
    watched,
)
from tests.platforms import ROOT
from tests.support import statements

MONITOR = "kubernetes:datadoghq.com/v1alpha1:DatadogMonitor"
PAGE = "kubernetes:datadoghq.com/v1alpha1:DatadogDashboard"
KEYS = {"api_key": {"arn": SLACK}, "app_key": {"arn": PAGERDUTY}}
KINDS = json.loads((Path(__file__).parent / "data" / "datadog_kinds.json").read_text())["kinds"]


def datadog(**settings: Any) -> Graph:
    return watched("datadog", **settings)


def values(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = release(graph, "datadog").inputs["values"]
    return found


def named(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph if node.name == name]
    return found


def test_agents_scrape_what_announces_itself_and_are_let_in() -> None:
    graph = datadog()
    assert values(graph)["datadog"]["prometheusScrape"]["enabled"] is True
    assert {"recommender", "pipelines", "mlflow"} <= {node.inputs["metadata"]["name"] for node in announced(graph)}
    assert [node.name for node in announced(graph) if not lets_in(graph, node, "datadog")] == []


def test_keys_are_read_in_the_cluster_and_are_in_no_value() -> None:
    graph = datadog(**KEYS)
    for arn in (SLACK, PAGERDUTY):
        assert RELEASE not in {named(graph, name).type for name in holding(graph, arn)}
    held = values(graph)
    assert held["datadog"]["apiKeyExistingSecret"] == held["operator"]["apiKeyExistingSecret"] == "datadog"
    assert not [word for word in ('"apiKey"', '"appKey"') if word in json.dumps(held)]
    (policy,) = [node for node in graph if node.name == "monitoring-keys-policy"]
    assert {one for row in statements(policy.inputs["policy"]) for one in row["Resource"]} == {SLACK, PAGERDUTY}


def test_with_one_word_a_secret_waits_for_each_key_and_nothing_waits_for_agents() -> None:
    graph = datadog()
    secrets = {
        node.inputs["name"]
        for node in graph.of_type("aws:secretsmanager/secret:Secret")
        if "datadog" in node.inputs.get("name", "")
    }
    assert secrets == {"mlops-test/datadog/api-key", "mlops-test/datadog/app-key"}
    assert release(graph, "datadog").inputs["skipAwait"] is True
    assert named(graph, "monitoring-keys-secret").inputs["metadata"]["annotations"] == {}
    given = datadog(**KEYS)
    assert release(given, "datadog").inputs["atomic"] is True
    assert not [
        node for node in given.of_type("aws:secretsmanager/secret:Secret") if "datadog" in node.inputs.get("name", "")
    ]


@pytest.mark.parametrize("kind", ["DatadogMonitor", "DatadogDashboard"])
def test_the_operator_s_own_schema_takes_what_is_written(kind: str) -> None:
    graph = datadog(handles={"critical": "@pagerduty-mlops"}, integration={"external_id": "0" * 32})
    found = [node for node in graph if node.type.endswith(f":{kind}")]
    assert len(found) >= 4
    for node in found:
        jsonschema.validate(node.inputs["spec"], KINDS[kind])
        assert waits_for(graph, node, release(graph, "datadog"))


def test_what_is_critical_goes_to_its_handle_and_the_rest_elsewhere() -> None:
    graph = datadog(handles={"critical": "@pagerduty-mlops", "warning": "@slack-mlops"})
    for node in graph.of_type(MONITOR):
        spec = node.inputs["spec"]
        told = [word for word in str(spec["message"]).split() if word.startswith("@")]
        severity = next(tag for tag in spec["tags"] if tag.startswith("severity:"))
        expected = {"severity:critical": ["@pagerduty-mlops"], "severity:warning": ["@slack-mlops"]}
        assert told == expected.get(severity, [])


def test_the_integration_role_is_datadog_s_alone_and_only_reads() -> None:
    graph = datadog(integration={"external_id": "0123456789abcdef" * 2})
    trust = json.loads(named(graph, "monitoring-integration-role").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::464622532012:root"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "0123456789abcdef" * 2}}
    (row,) = statements(named(graph, "monitoring-integration-policy").inputs["policy"])
    assert all(action.split(":")[1].startswith(("Get", "List")) for action in row["Action"])
    assert [node for node in graph.of_type(MONITOR) if "kinesis" in node.name]
    assert not [node for node in datadog().of_type(MONITOR) if "kinesis" in node.name]


def test_each_node_is_on_the_bill_and_again_with_traces() -> None:
    lines = {}
    for traces in (False, True):
        estimate = tried(ROOT, "dev", {"monitoring": {"kind": "datadog", "traces": traces}}).estimate
        lines[traces] = {line.sku: line for line in by_node(estimate)}
    infrastructure = lines[False]["infrastructure_host"]
    assert infrastructure.unit_price == 15
    assert infrastructure.quantity >= 2
    assert infrastructure.high == infrastructure.quantity * Decimal(18)
    assert "apm_host" not in lines[False]
    assert lines[True]["apm_host"].monthly == lines[True]["infrastructure_host"].quantity * 31


class _Line:
    def __init__(self, line: Any) -> None:
        self.sku: str = line.price.sku
        self.quantity: Decimal = line.quantity
        self.unit_price: Decimal = line.unit_price
        self.monthly: Decimal = line.monthly
        self.high: Decimal = line.high


def by_node(estimate: Any) -> list[_Line]:
    return [_Line(line) for line in estimate.lines if line.price.service == "datadog" and "host" in line.price.sku]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"api_key": {"arn": "0123456789" * 3}}, "ARN of a Secrets Manager secret"),
        ({"app_key": {}}, "app_key.arn is missing"),
        ({"integration": {"external_id": "mine"}}, "32 hexadecimal digits"),
        ({"integration": {}}, "external_id is missing"),
        ({"handles": {"critical": "pagerduty"}}, "a handle of Datadog's notifications"),
        ({"site": "datadog.example.com"}, "Allowed: datadoghq.com"),
    ],
)
def test_settings_that_cannot_work_are_refused_and_a_pasted_key_is_not_repeated(
    settings: dict[str, Any], expected: str
) -> None:
    message = refusal("datadog", **settings)
    assert expected in message
    assert "0123456789" not in message


def test_it_is_refused_without_a_cluster() -> None:
    assert "runs on a cluster, and this stack has none" in refusal("datadog", around=NO_CLUSTER)


def test_nobody_sends_to_datadog_from_a_network_without_a_way_out() -> None:
    isolated = {"network": {"mode": "isolated", "nat": "none"}}
    assert "network.mode isolated has no way there" in refusal("datadog", around=isolated)
