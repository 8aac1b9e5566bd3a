"""What Prometheus is told to fetch and to judge, as plain dictionaries: pods by annotation, rules, AWS's metrics."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi

from components.base.watched import Watched
from components.watch.aws import BILL, REGION_OF_BILLS, SERVICES, AwsMetric
from components.watch.rules import Rule


class RuleGroup(TypedDict):
    """Alerts that are judged together, in Prometheus' own words."""

    name: str
    rules: list[dict[str, object]]


_NOT_A_NAME = re.compile("[^a-zA-Z0-9_]")
_PERIOD_SECONDS, _LENGTH_SECONDS = 300, 600
"""Between two values of CloudWatch's basic metrics, and how far back it is asked."""


def announced_pods() -> dict[str, object]:
    """Spec of a PodMonitor: every pod that says by annotation where its metrics are. One endpoint of a pod, whatever
    ports its containers name."""
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io_"
    return {
        "selector": {},
        "namespaceSelector": {"any": True},
        "podMetricsEndpoints": [
            {
                "relabelings": [
                    {"action": "keep", "sourceLabels": [f"{annotation}scrape"], "regex": "true"},
                    {"action": "drop", "sourceLabels": ["__meta_kubernetes_pod_phase"], "regex": "Succeeded|Failed"},
                    # A container of several ports would be a target for each of them; one of them is announced.
                    {
                        "action": "keepequal",
                        "sourceLabels": [f"{annotation}port"],
                        "targetLabel": "__meta_kubernetes_pod_container_port_number",
                    },
                    {
                        "action": "replace",
                        "sourceLabels": [f"{annotation}path"],
                        "regex": "(.+)",
                        "targetLabel": "__metrics_path__",
                    },
                ]
            }
        ],
    }


def rule_groups(rules: Sequence[Rule], watched: Sequence[Watched]) -> list[RuleGroup]:
    """Groups of a PrometheusRule: what is scraped, then what the exporter says of AWS."""
    groups: list[RuleGroup] = [{"name": "mlops", "rules": [_alert(rule) for rule in rules]}]
    namespaces = sorted({one.namespace for one in watched if one.namespace in SERVICES})
    own = [alert for namespace in namespaces for alert in _alerts_of(namespace)]
    return [*groups, {"name": "mlops-aws", "rules": own}] if own else groups


def alert_names(groups: Sequence[RuleGroup]) -> tuple[str, ...]:
    """What the alerts are called."""
    return tuple(str(rule["alert"]) for group in groups for rule in group["rules"])


def _alert(rule: Rule) -> dict[str, object]:
    return {
        "alert": rule.name,
        "expr": rule.promql,
        "for": f"{rule.minutes}m",
        "labels": {"severity": rule.severity},
        "annotations": {"summary": rule.says, "description": rule.do},
    }


def _alerts_of(namespace: str) -> list[dict[str, object]]:
    service = SERVICES[namespace]
    found: list[dict[str, object]] = []
    for rule in service.rules:
        name = _NOT_A_NAME.sub("", f"{service.title.title()}{rule.metric.name}")
        expression = f"{exported(namespace, rule.metric)} {rule.comparison} {rule.threshold:.12g}"
        found.append(
            {
                "alert": name,
                "expr": expression,
                "for": f"{rule.minutes}m",
                "labels": {"severity": rule.severity},
                "annotations": {"summary": rule.says, "description": "The dashboard Platform shows since when."},
            }
        )
    return found


def exported(namespace: str, metric: AwsMetric) -> str:
    """What the exporter calls a metric of CloudWatch: `aws_kinesis_incoming_records_sum`.

    Source: yet-another-cloudwatch-exporter v0.67, `BuildMetricName` and `PromString` in pkg/promutil.
    """
    space, name = _snake(namespace.lower()), _snake(metric.name)
    space = space if space.startswith("aws") else f"aws_{space}"
    for part in space.split("_"):
        # A name that repeats its namespace says it once.
        name = name.removeprefix(part).removeprefix("_") if name.startswith(part) else name
    return f"{space}_{name}_{_snake(metric.statistic)}"


def _snake(text: str) -> str:
    return re.sub("[ ,/.:=@<>()-]", "_", re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", text)).lower()


def exporter_config(watched: Sequence[Watched], region: str) -> pulumi.Output[str]:
    """Configuration of the exporter, JSON being YAML: a job for each watched resource, and the account's bill."""
    jobs: list[Mapping[str, pulumi.Input[object]]] = [
        {
            "name": one.what,
            "namespace": one.namespace,
            "regions": [region],
            "dimensions": [{"name": key, "value": value} for key, value in sorted(one.dimensions.items())],
            "metrics": [_asked(metric) for metric in SERVICES[one.namespace].metrics],
        }
        for one in watched
        if one.namespace in SERVICES
    ]
    bill = SERVICES["AWS/Billing"]
    jobs.append(
        {
            "name": "bill",
            "namespace": "AWS/Billing",
            "regions": [REGION_OF_BILLS],
            "dimensions": [{"name": key, "value": value} for key, value in BILL.items()],
            "metrics": [{**_asked(metric), "period": 21_600, "length": 86_400} for metric in bill.metrics],
        }
    )

    def document(values: list[object]) -> str:
        return json.dumps({"apiVersion": "v1alpha1", "static": values}, sort_keys=True)

    return pulumi.Output.all(*jobs).apply(document)


def _asked(metric: AwsMetric) -> dict[str, object]:
    return {
        "name": metric.name,
        "statistics": [metric.statistic],
        "period": _PERIOD_SECONDS,
        "length": _LENGTH_SECONDS,
    }
