"""Dashboards and alerts as somebody would notice them: what they ask for is there, and is asked in words that those
who answer understand."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from components.base.watched import Watched
from components.monitoring.datadog.watch import monitors
from components.monitoring.prometheus.grafana import page
from components.monitoring.prometheus.scraping import exported, rule_groups
from components.watch.aws import SERVICES, AwsMetric
from components.watch.dashboards import DASHBOARDS
from components.watch.metrics import CATALOGUE, DELIVERY, LOOP, RECOMMENDER, Scraped
from components.watch.modules import of_modules
from components.watch.queries import Query
from components.watch.rules import SEVERITIES, ObjectivesConfig, rules
from tests.platforms import ROOT

RULES = (*rules(ObjectivesConfig()), *of_modules(ObjectivesConfig()))
EVERYTHING = [Watched(what=f"it-{number}", namespace=name, dimensions={}) for number, name in enumerate(SERVICES)]
QUERIES = [
    *(series.query for dashboard in DASHBOARDS for panel in dashboard.panels for series in panel.series),
    *(rule.query for rule in RULES),
]
EXPOSED = json.loads((Path(__file__).parent / "data" / "exposed.json").read_text())
"""Names that exporters expose, from their own sources."""


@cache
def exposed_by(file: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The metrics that a file of `services/` makes: name as exposed -> type and labels."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    tree = ast.parse((ROOT / "services" / file).read_text())
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        kind = call.func.id.lower() if isinstance(call.func, ast.Name) else ""
        if kind not in ("gauge", "counter", "histogram"):
            continue
        name, *rest = call.args
        if not isinstance(name, ast.Constant):
            # A table of plain gauges beside it.
            continue
        labels = next((ast.literal_eval(one) for one in rest if isinstance(one, ast.Tuple)), ())
        shown = str(name.value)
        if kind == "counter" and not shown.endswith("_total"):
            shown += "_total"
        found[shown] = (kind, labels)
    for table in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
        for key in table.keys:
            if isinstance(key, ast.Constant) and str(key.value).startswith("mlops_"):
                found[str(key.value)] = ("gauge", ())
    return found


def asked(expression: str) -> Iterator[str]:
    """Names of metrics in an expression of PromQL."""
    words = re.findall(r"[a-z_][a-zA-Z0-9_]*(?=[{\[)]|\s|$)", re.sub(r'"[^"]*"', "", expression))
    known = {"sum", "max", "min", "avg", "by", "rate", "increase", "time", "histogram_quantile"}
    labels = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    yield from (word for word in words if word not in known | labels)


@pytest.mark.parametrize("metric", [*RECOMMENDER, *LOOP, *DELIVERY], ids=lambda metric: metric.name)
def test_what_the_platform_is_asked_for_its_services_expose(metric: Scraped) -> None:
    files = ("recommender/metrics.py", "pipelines/monitor.py", "pipelines/worker.py", "pipelines/deliver.py")
    made = {name: what for file in files for name, what in exposed_by(file).items()}
    assert metric.name in made
    kind, labels = made[metric.name]
    assert metric.type == kind
    assert set(metric.labels) <= set(labels)


def test_what_exporters_are_asked_for_they_expose() -> None:
    own = {metric.name for metric in (*RECOMMENDER, *LOOP, *DELIVERY)}
    assert set(CATALOGUE) - own - {"up"} == {name for names in EXPOSED["metrics"].values() for name in names}


def test_a_question_nobody_can_answer_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="exposed by nobody"):
        Query(metric="mlops_made_up", take="max")
    with pytest.raises(ValueError, match="no label colour"):
        Query(metric="mlops_drift_share", take="max", by=("colour",))
    with pytest.raises(ValueError, match="is a gauge"):
        Query(metric="mlops_drift_share", take="rate")
    with pytest.raises(ValueError, match="is a histogram"):
        Query(metric="http_request_duration_seconds", take="max")


def test_every_metric_of_the_catalogue_is_seen_or_judged_by_somebody() -> None:
    used = {name for query in QUERIES for name in query.metrics}
    assert set(CATALOGUE) == used


def test_the_four_pages_of_the_documents_are_there() -> None:
    assert [one.title for one in DASHBOARDS] == ["Platform", "Model Performance", "Cost", "Security & Compliance"]
    assert len({one.name for one in DASHBOARDS}) == 4
    assert {namespace for one in DASHBOARDS for namespace in one.services} == set(SERVICES)


def test_every_alert_says_what_is_wrong_and_where_to_look_and_no_name_is_taken_twice() -> None:
    assert {rule.severity for rule in RULES} == set(SEVERITIES)
    assert all(rule.says.endswith(".") and rule.do.endswith(".") for rule in RULES)
    names = [str(alert["alert"]) for group in rule_groups(RULES, EVERYTHING) for alert in group["rules"]]
    assert len(names) == len(set(names))


def test_objectives_are_what_alerts_hold_the_platform_to() -> None:
    strict = {rule.name: rule for rule in rules(ObjectivesConfig(p95_ms=100, error_percent=1, drift_percent=10))}
    assert strict["RecommenderSlow"].promql.endswith("> 0.1")
    assert strict["RecommenderFails"].promql.endswith("> 0.01")
    assert strict["DataDrifts"].promql == "max (mlops_drift_share) > 0.1"


def test_a_metric_with_a_name_that_others_may_use_is_asked_of_the_recommender_alone() -> None:
    queries = [query for query in QUERIES if query.metric.startswith("http_")]
    assert queries
    assert all('container=~"recommender"' in query.promql for query in queries)


def test_prometheus_rules_ask_only_for_what_is_exposed() -> None:
    exporter = {exported(name, metric) for name, service in SERVICES.items() for metric in service.metrics}
    exporter |= {exported(name, rule.metric) for name, service in SERVICES.items() for rule in service.rules}
    known = {name + end for name in CATALOGUE for end in ("", "_bucket")} | exporter
    for group in rule_groups(RULES, EVERYTHING):
        for alert in group["rules"]:
            words = [word for word in asked(str(alert["expr"])) if "_" in word or word == "up"]
            assert words, alert
            assert set(words) <= known, alert


@pytest.mark.parametrize(("namespace", "metric", "statistic", "name"), EXPOSED["exporter"])
def test_the_exporter_calls_aws_metrics_as_we_do(namespace: str, metric: str, statistic: str, name: str) -> None:
    assert exported(namespace, AwsMetric(name=metric, statistic=statistic)) == name  # type: ignore[arg-type]


def test_every_metric_of_a_service_was_held_against_the_exporter() -> None:
    metrics = {
        (name, metric.name, metric.statistic)
        for name, service in SERVICES.items()
        for metric in (*service.metrics, *(rule.metric for rule in service.rules))
    }
    assert metrics == {(namespace, metric, statistic) for namespace, metric, statistic, _ in EXPOSED["exporter"]}


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("There is no promtool on PATH (go build github.com/prometheus/prometheus/cmd/promtool).")
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": rule_groups(RULES, EVERYTHING)}))
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for query in QUERIES:
        done = subprocess.run(
            [promtool, "promql", "format", query.promql, "--experimental"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_promtool_raises_the_alerts_that_somebody_would_expect(tmp_path: Path) -> None:
    """Prometheus' own engine on made-up series: what is bad is told, what is well is not."""
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("There is no promtool on PATH (go build github.com/prometheus/prometheus/cmd/promtool).")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": rule_groups(RULES, EVERYTHING)}))
    bad, well = 'container="recommender",route="/",method="GET"', 'namespace="recommender",pod="p"'
    series = [
        {"series": f'http_requests_total{{{bad},status="500"}}', "values": "0+10x60"},
        {"series": f'http_requests_total{{{bad},status="200"}}', "values": "0+30x60"},
        {"series": 'http_requests_total{container="other",status="500"}', "values": "0+1000x60"},
        {"series": f"mlops_drift_share{{{well}}}", "values": "0.5x60"},
        {"series": f"mlops_data_quality{{{well}}}", "values": "0.99x60"},
        {"series": "aws_kinesis_get_records_iterator_age_milliseconds_maximum{}", "values": "7200000x60"},
    ]
    tests = [
        {
            "eval_time": "40m",
            "alertname": name,
            "exp_alerts": [{"exp_labels": {"severity": severity}, "exp_annotations": said}] if raised else [],
        }
        for name, severity, raised, said in (
            ("RecommenderFails", "critical", True, told("RecommenderFails")),
            ("DataDrifts", "warning", True, told("DataDrifts")),
            ("DataPoor", "warning", False, {}),
            ("LoopFails", "warning", False, {}),
        )
    ]
    content = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(content))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def told(name: str) -> dict[str, str]:
    """The annotations of an alert."""
    (rule,) = [rule for rule in RULES if rule.name == name]
    return {"summary": rule.says, "description": rule.do}


def test_a_page_of_grafana_has_a_place_for_every_panel_and_no_two_overlap() -> None:
    for dashboard in DASHBOARDS:
        panels = json.loads(page(dashboard, EVERYTHING))["panels"]
        taken = [
            (x, y)
            for panel in panels
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(taken) == len(set(taken))
        assert all(x < 24 for x, _ in taken)
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert all(panel["targets"] for panel in panels)


def test_a_page_shows_the_services_that_are_there_and_no_others() -> None:
    stream = [Watched(what="stream", namespace="AWS/Kinesis", dimensions={})]
    titles = {panel["title"] for panel in json.loads(page(DASHBOARDS[0], stream))["panels"]}
    assert "Kinesis: IncomingRecords" in titles
    assert not [title for title in titles if title.startswith(("MSK", "Lambda"))]


def test_datadog_is_asked_in_its_own_language_and_told_of_what_it_cannot_ask_nothing() -> None:
    made = {monitor.name: monitor for monitor in monitors(ObjectivesConfig(), {"AWS/Kinesis"})}
    assert made["RecommenderFails"].query == (
        "sum:http_requests.count{kube_container_name:recommender,status:5*}.as_rate() / "
        "sum:http_requests.count{kube_container_name:recommender}.as_rate()"
    )
    assert made["RecommenderSlow"].query == "p95:http_request_duration_seconds{kube_container_name:recommender}"
    assert "LoopStands" not in made
    spec = made["DataDrifts"].spec("@slack-mlops")
    assert spec["query"] == "min(last_15m):max:mlops_drift_share{*} > 0.3"
    assert str(spec["message"]).endswith("@slack-mlops")
