"""CloudWatch as those who look at it notice it: with a cluster and without, within its limits, and out to people."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.cloudwatch import notify
from components.monitoring.cloudwatch.dashboards import placed
from components.settings import PlatformConfig
from mlops.choice.modules import Module, chosen
from mlops.core.module import SlotConfig, kind_of, slots, variants
from mlops.plan.graph import Graph, Node
from tests.components.cluster_stack import waits_for
from tests.components.monitored import (
    ALERTS,
    NO_CLUSTER,
    PAGERDUTY,
    SLACK,
    announced,
    holding,
    lets_in,
    refusal,
    watched,
)
from tests.platforms import ROOT
from tests.support import only, statements

ALARM, DASHBOARD = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/dashboard:Dashboard"
ADDON, FUNCTION = "aws:eks/addon:Addon", "aws:lambda/function:Function"
GROUP = "aws:cloudwatch/logGroup:LogGroup"


def cloudwatch(**settings: Any) -> Graph:
    return watched("cloudwatch", **settings)


def alarms(graph: Graph) -> list[Node]:
    """Those of the monitoring, not of the account's own baseline."""
    return [node for node in graph.of_type(ALARM) if graph.module(node) == "monitoring"]


def agent(graph: Graph) -> Node:
    (found,) = [node for node in graph.of_type(ADDON) if graph.module(node) == "monitoring"]
    return found


def bodies(graph: Graph) -> dict[str, Any]:
    return {node.inputs["dashboardName"]: json.loads(node.inputs["dashboardBody"]) for node in graph.of_type(DASHBOARD)}


def test_without_a_cluster_it_makes_no_kubernetes_and_still_watches_what_is_there() -> None:
    graph = cloudwatch(around=NO_CLUSTER)
    assert not [node.type for node in graph if node.type.startswith(("kubernetes:", "eks:", "aws:eks"))]
    assert {node.inputs["namespace"] for node in alarms(graph)} == {"AWS/Kinesis", "AWS/Firehose"}
    titles = [widget["properties"]["title"] for widget in bodies(graph)["mlops-test-mlops-platform"]["widgets"]]
    assert "Kinesis: IncomingRecords" in titles
    assert "Pods by phase" not in titles


@pytest.mark.parametrize("around", [{}, NO_CLUSTER], ids=["with a cluster", "without"])
def test_every_alarm_reaches_the_topic_of_its_severity_and_is_drawn_from_a_resource_that_is_there(
    around: dict[str, Any],
) -> None:
    graph = cloudwatch(around=around)
    topics = {
        node.name.removeprefix("monitoring-"): node.outputs["arn"] for node in graph.of_type("aws:sns/topic:Topic")
    }
    for node in alarms(graph):
        assert len(node.inputs["alarmActions"]) == 1
        assert node.inputs["alarmActions"][0] in topics.values()
        assert all(node.inputs["dimensions"].values()), node.name
    behind = next(node for node in alarms(graph) if "iterator-age" in node.name)
    assert behind.inputs["alarmActions"] == [topics["critical"]]


def test_its_topics_are_encrypted_with_a_key_that_alarms_may_use() -> None:
    graph = cloudwatch(around=NO_CLUSTER)
    policy = next(node for node in graph if node.name == "keys-logs-policy").inputs["policy"]
    assert "cloudwatch.amazonaws.com" in policy
    assert (
        "cloudwatch.amazonaws.com"
        not in next(node for node in watched(None) if node.name == "keys-logs-policy").inputs["policy"]
    )


def test_the_agent_scrapes_what_announces_itself_and_is_let_in() -> None:
    graph = cloudwatch()
    assert {"recommender", "pipelines", "mlflow"} <= {node.inputs["metadata"]["name"] for node in announced(graph)}
    assert [node.name for node in announced(graph) if not lets_in(graph, node, "amazon-cloudwatch")] == []
    settings = json.loads(agent(graph).inputs["configurationValues"])
    scraper = next(one for one in settings["agents"] if one["name"].endswith("prometheus"))
    # On the host's network it would come from a node's address, which no policy lets in.
    assert scraper["hostNetwork"] is False


def test_only_metrics_that_somebody_looks_at_are_paid() -> None:
    graph = cloudwatch()
    settings = json.loads(agent(graph).inputs["configurationValues"])
    scraper = next(one for one in settings["agents"] if one["name"].endswith("prometheus"))
    embedded = scraper["config"]["logs"]["metrics_collected"]["prometheus"]["emf_processor"]
    kept = {row["metric_selectors"][0].strip("^$"): row["dimensions"] for row in embedded["metric_declaration"]}
    text = "".join(node.inputs["dashboardBody"] for node in graph.of_type(DASHBOARD))
    text += "".join(node.inputs["metricName"] for node in alarms(graph))
    assert [metric for metric in kept if metric not in text] == []
    for node in alarms(graph):
        if node.inputs["namespace"] == "MLOps":
            assert sorted(node.inputs["dimensions"]) in [sorted(one) for one in kept[node.inputs["metricName"]]]


def test_log_groups_are_there_before_anybody_writes_and_kept_as_long_as_the_tier_keeps_logs() -> None:
    graph = cloudwatch()
    groups = [
        node for node in graph.of_type(GROUP) if node.inputs.get("name", "").startswith("/aws/containerinsights/")
    ]
    assert len(groups) == 5
    assert all(waits_for(graph, agent(graph), group) for group in groups)
    assert {node.inputs["retentionInDays"] for node in groups} == {30}
    assert {node.inputs["retentionInDays"] for node in cloudwatch(tier="prod", around={}).of_type(GROUP)} == {365}
    own = [node for node in cloudwatch(log_days=7).of_type(GROUP) if graph.module(node) == "monitoring"]
    assert {node.inputs["retentionInDays"] for node in own} == {7}


def test_the_agent_may_send_metrics_of_its_own_namespaces_and_nothing_else() -> None:
    policy = next(node for node in cloudwatch() if node.name == "monitoring-agent-identity-policy").inputs["policy"]
    rows = {action: row for row in statements(policy) for action in row["Action"]}
    assert rows["cloudwatch:PutMetricData"]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["ContainerInsights", "MLOps"]}
    }
    assert all("*" not in row["Resource"] for action, row in rows.items() if action.startswith("logs:"))


def test_a_route_is_a_function_that_may_read_its_secret_and_the_secret_is_nowhere_else() -> None:
    graph = cloudwatch(alerts=ALERTS)
    only(graph, FUNCTION)
    assert holding(graph, SLACK) == {"monitoring-notifier-policy"}
    assert holding(graph, PAGERDUTY) == {"monitoring-notifier-policy"}
    assert not cloudwatch().of_type(FUNCTION)
    assert "AWS/Lambda" in {node.inputs["namespace"] for node in alarms(graph)}


@pytest.fixture
def taken() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody who takes messages: the address, and what came."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(503 if self.path == "/refused" else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
            """A test's output is its own."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", came
    server.shutdown()
    server.server_close()
    thread.join()


MESSAGE = {
    "AlarmName": "mlops-dev-data-drifts",
    "AlarmDescription": "The events are other than those of the training.",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:mlops-dev-data-drifts",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold crossed",
}


def handed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, name: str) -> None:
    """Run the function on a message of CloudWatch, with the secret that leads to an address."""
    topic = "arn:aws:sns:us-east-1:123456789012:warning"
    (tmp_path / "routes.json").write_text(json.dumps({topic: [{"name": name, "arn": SLACK, "key": None}]}))
    monkeypatch.setattr(notify, "__file__", str(tmp_path / "notify.py"))
    monkeypatch.setattr(notify, "_secret", lambda arn, key: address)
    monkeypatch.setattr(notify, "PAGERDUTY", f"{address}/v2/enqueue")
    notify.handler({"Records": [{"Sns": {"TopicArn": topic, "Message": json.dumps(MESSAGE)}}]}, None)


@pytest.mark.parametrize("name", ["slack", "pagerduty"])
def test_the_function_hands_an_alarm_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: tuple[str, list[dict[str, Any]]], name: str
) -> None:
    address, came = taken
    handed(monkeypatch, tmp_path, address, name)
    (body,) = came
    if name == "slack":
        assert "mlops-dev-data-drifts" in body["text"]
    else:
        assert (body["event_action"], body["dedup_key"]) == ("trigger", MESSAGE["AlarmArn"])
        over = notify.pagerduty({**MESSAGE, "NewStateValue": "OK"}, "key")
        assert over["event_action"] == "resolve"


def test_a_message_that_nobody_takes_is_sent_again_and_says_nothing_of_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: tuple[str, list[dict[str, Any]]]
) -> None:
    with pytest.raises(RuntimeError) as caught:
        handed(monkeypatch, tmp_path, f"{taken[0]}/refused", "slack")
    assert "/refused" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (
            {"period_seconds": 300, "periods": 289},
            "looks back at most 86,400 with periods of that length. Lower periods to 288",
        ),
        ({"period_seconds": 3600, "periods": 169}, "Lower periods to 168"),
        ({"period_seconds": 90}, "CloudWatch takes 10, 20, 30, or a multiple of 60"),
        ({"dimensions": {f"d{number}": "x" for number in range(31)}}, "at most 30"),
        ({"statistic": "Median"}, "Allowed: Average, Maximum, Minimum, Sum"),
        ({"namespace": "A:B"}, "letters, digits, spaces"),
    ],
)
def test_an_alarm_over_the_limits_of_cloudwatch_is_refused(alarm: dict[str, Any], expected: str) -> None:
    base = {"namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage", "threshold": 60}
    assert expected in refusal("cloudwatch", around=NO_CLUSTER, alarms={"old": {**base, **alarm}})


def test_more_alarms_than_a_dashboard_draws_are_refused() -> None:
    one = {"namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage", "threshold": 60}
    many = {f"old-{number}": one for number in range(401)}
    assert "at most 400" in refusal("cloudwatch", around=NO_CLUSTER, alarms=many)


def test_a_dashboard_over_the_limits_of_cloudwatch_is_refused_before_cloudwatch_does() -> None:
    row = ["AWS/Lambda", "Errors", "FunctionName", "f"]
    with pytest.raises(ValueError, match="CloudWatch takes 500"):
        placed([{"type": "metric", "properties": {"metrics": [row]}}] * 501)
    with pytest.raises(ValueError, match="501 of them on one widget"):
        placed([{"type": "metric", "properties": {"metrics": [row] * 501}}])
    with pytest.raises(ValueError, match=r"2,?500"):
        placed([{"type": "metric", "properties": {"metrics": [row] * 400}}] * 7)


def test_a_team_s_own_alarm_is_raised_and_drawn() -> None:
    own = {
        "namespace": "AWS/SQS",
        "metric": "ApproximateAgeOfOldestMessage",
        "threshold": 60,
        "dimensions": {"QueueName": "orders"},
    }
    graph = cloudwatch(around=NO_CLUSTER, alarms={"orders-wait": own})
    alarm = next(node for node in alarms(graph) if node.inputs["name"] == "mlops-test-orders-wait")
    assert alarm.inputs["dimensions"] == {"QueueName": "orders"}
    titles = [widget["properties"]["title"] for widget in bodies(graph)["mlops-test-mlops-platform"]["widgets"]]
    assert "orders-wait" in titles


_JUDGE = """
import json, sys
import boto3
from moto import mock_aws
given = json.load(sys.stdin)
with mock_aws():
    client = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    for name, body in given["dashboards"].items():
        client.put_dashboard(DashboardName=name, DashboardBody=body)
    for alarm in given["alarms"]:
        client.put_metric_alarm(**alarm)
    alarms = client.describe_alarms(MaxRecords=100)["MetricAlarms"]
    print(len(client.list_dashboards()["DashboardEntries"]), len(alarms))
"""


@pytest.mark.parametrize("around", [{}, NO_CLUSTER], ids=["with a cluster", "without"])
def test_the_aws_sdk_and_its_emulator_take_every_alarm_and_dashboard(around: dict[str, Any]) -> None:
    python = ROOT / "services" / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.skip("The services' environment, which has the SDK and its emulator, is not set up (`make setup`).")
    graph = cloudwatch(around=around)
    keys = ("alarmDescription", "namespace", "metricName", "statistic", "comparisonOperator", "threshold", "period")
    keys += ("evaluationPeriods", "treatMissingData", "alarmActions")
    given = {
        "dashboards": {node.inputs["dashboardName"]: node.inputs["dashboardBody"] for node in graph.of_type(DASHBOARD)},
        "alarms": [
            {
                "AlarmName": node.inputs["name"],
                **{key[0].upper() + key[1:]: node.inputs[key] for key in keys},
                "Dimensions": [{"Name": key, "Value": value} for key, value in node.inputs["dimensions"].items()],
            }
            for node in alarms(graph)
        ],
    }
    done = subprocess.run([str(python), "-c", _JUDGE], input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(given["dashboards"])), str(len(given["alarms"]))]


WITH_METRICS = {
    "aws:athena/workgroup:Workgroup": "AWS/Athena",
    "aws:ecs/service:Service": "AWS/ECS",
    "aws:elasticache/serverlessCache:ServerlessCache": "AWS/ElastiCache",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "AWS/Firehose",
    "aws:kinesis/stream:Stream": "AWS/Kinesis",
    "aws:kinesisanalyticsv2/application:Application": "AWS/KinesisAnalytics",
    "aws:lambda/function:Function": "AWS/Lambda",
    "aws:lb/loadBalancer:LoadBalancer": "AWS/ApplicationELB",
    "aws:msk/cluster:Cluster": "AWS/Kafka",
    "aws:mwaa/environment:Environment": "AmazonMWAA",
    "aws:rds/instance:Instance": "AWS/RDS",
    "aws:redshiftserverless/workgroup:Workgroup": "AWS/Redshift-Serverless",
    "aws:sagemaker/endpoint:Endpoint": "AWS/SageMaker",
    "aws:sfn/stateMachine:StateMachine": "AWS/States",
}
"""Types of what serves or stores, and where CloudWatch keeps their metrics."""
VARIANTS = [
    pytest.param(slot, variant, id=f"{slot}-{kind_of(variant)}")
    for slot, base in slots(PlatformConfig).items()
    for variant in variants(base)
    if slot != "monitoring"
]


def with_neighbours(slot: str, variant: type[SlotConfig]) -> dict[str, Any]:
    """The settings that choose a module, and what it cannot be without."""
    settings: dict[str, Any] = {}
    for other, kinds in variant.beside.items():
        for config in variants(slots(PlatformConfig)[other]):
            if kind_of(config) in kinds[:1]:
                settings |= chosen(Module(slot=other, kind=kind_of(config), config=config))
    return settings | dict(chosen(Module(slot=slot, kind=kind_of(variant), config=variant)))


@pytest.mark.parametrize(("slot", "variant"), VARIANTS)
def test_whatever_module_is_chosen_what_cloudwatch_has_metrics_of_is_watched(
    slot: str, variant: type[SlotConfig]
) -> None:
    settings = with_neighbours(slot, variant)
    graph = cloudwatch(around={"network": {"zones": 3}, **settings})
    raised = alarms(graph)
    for node in graph:
        if node.type in WITH_METRICS and graph.module(node) not in ("account", "cluster"):
            own = [
                alarm.name
                for alarm in raised
                if alarm.inputs["namespace"] == WITH_METRICS[node.type]
                and node.urn in alarm.property_dependencies.get("dimensions", ())
            ]
            assert own, f"{node.name}: let its module publish a Watched (components/base/watched.py)"


@pytest.mark.parametrize(("slot", "variant"), VARIANTS)
def test_whatever_module_is_chosen_what_announces_metrics_lets_the_scraper_in(
    slot: str, variant: type[SlotConfig]
) -> None:
    settings = with_neighbours(slot, variant)
    graph = watched("cloudwatch", around={"network": {"zones": 3}, **settings})
    assert [node.name for node in announced(graph) if not lets_in(graph, node, "amazon-cloudwatch")] == []
