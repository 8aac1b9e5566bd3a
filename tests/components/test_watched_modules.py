"""Modules whose metrics are their own: who fetches them gets in, and somebody hears of what is wrong."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from components.watch.modules import MODULES
from mlops.plan.graph import Graph
from tests.components.monitored import POLICY, watched
from tests.support import only

ROOM = {"cluster": {"system": {"max_size": 5}}}
RECOMMENDER = {"workloads": {"recommender": None}}
FLINK = {"kind": "flink", "jobs": [{"name": "enrich", "image": "flink:1.20.3"}]}
AROUND: Mapping[str, tuple[dict[str, Any], str, set[int], str]] = {
    "Argo": ({"ml_platform": {"kind": "kubeflow"}}, "kubeflow", {8888, 9090}, "WorkflowsRefused"),
    "Flink": ({"stream_processing": FLINK}, "flink-jobs", {9249}, "StreamJobStands"),
    "Pulsar": ({"data_pipeline": {"kind": "pulsar"}}, "pulsar", {8000, 8080}, "BookieReadOnly"),
    "Seldon": ({"serving": {"kind": "seldon"}}, "seldon-mesh", {9003, 9006}, "SeldonModelsFail"),
}
"""Module -> settings, its namespace, where its pods answer with metrics, and an alert on them."""
FOUND_BY = {
    "AWS/Athena": {"WorkGroup"},
    "AWS/ElastiCache": {"clusterId"},
    "AWS/Firehose": {"DeliveryStreamName"},
    "AWS/Kafka": {"Cluster Name"},
    "AWS/KinesisAnalytics": {"Application"},
    "AWS/Redshift-Serverless": {"Workgroup"},
}
"""Dimensions of the service as a whole. Source: yet-another-cloudwatch-exporter at 1a0ddb1efec8, pkg/config/services.go
(ElastiCache: of a serverless cache); for Redshift Serverless the management guide, "Amazon Redshift Serverless
metrics"."""


EVERY = {name: value for settings, *_ in AROUND.values() for name, value in settings.items()}


@cache
def stack(kind: str | None = "prometheus") -> Graph:
    """With all of them."""
    return watched(kind, around={**ROOM, **RECOMMENDER, **EVERY})


def test_what_is_tried_here_is_known() -> None:
    assert set(AROUND) <= set(MODULES)


@pytest.mark.parametrize("module", AROUND)
def test_who_fetches_metrics_gets_in_where_the_module_answers_with_them(module: str) -> None:
    _, namespace, ports, _ = AROUND[module]
    let_in = {
        port["port"]
        for policy in stack().of_type(POLICY)
        if policy.inputs["metadata"]["namespace"] == namespace and policy.name.endswith("scrapers-policy")
        for rule in policy.inputs["spec"]["ingress"]
        for port in rule["ports"]
        if rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    }
    assert let_in == ports


def test_nobody_gets_in_for_metrics_where_nobody_fetches_them() -> None:
    assert [one.name for one in stack(None).of_type(POLICY) if one.name.endswith("scrapers-policy")] == []


def test_an_alert_is_there_with_its_module_and_not_without_it() -> None:
    with_them, without = (
        json.dumps(only(graph, "kubernetes:monitoring.coreos.com/v1:PrometheusRule").inputs)
        for graph in (stack(), watched("prometheus"))
    )
    for *_, alert in AROUND.values():
        assert alert in with_them
        assert alert not in without


@pytest.mark.parametrize(("kind", "settings"), [("cloudwatch", {}), ("datadog", None)])
def test_a_job_that_stands_is_told_whoever_watches(kind: str, settings: dict[str, Any] | None) -> None:
    around = {**ROOM, **RECOMMENDER, **AROUND["Flink"][0]}
    keys = {name: {"arn": f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"} for name in ("a", "b")}
    given: dict[str, Any] = {"api_key": keys["a"], "app_key": keys["b"]} if settings is None else settings
    graph = watched(kind, around=around, **given)
    assert [node.name for node in graph if "flink_jobmanager_numRunningJobs" in json.dumps(node.inputs)]


def test_pods_of_a_job_and_of_the_pool_say_where_their_metrics_are() -> None:
    template = only(stack(), "kubernetes:flink.apache.org/v1beta1:FlinkDeployment").inputs["spec"]
    pod, (container,) = template["podTemplate"], template["podTemplate"]["spec"]["containers"]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == "9249"
    # A target is the container's port that is announced: one that is not listed is none.
    assert [port["containerPort"] for port in container["ports"]] == [9249]
    assert template["flinkConfiguration"]["metrics.reporter.prom.port"] == "9249"
    pool = only(stack(), "kubernetes:mlops.seldon.io/v1alpha1:Server").inputs["metadata"]
    assert pool["annotations"]["prometheus.io/port"] == "9006"
    argo = only(stack(), "kubernetes:core/v1:ConfigMap", "ml-platform-workflow-controller-configmap")
    assert json.loads(argo.inputs["data"]["metricsConfig"]) == {"secure": False}


def test_a_service_is_asked_for_by_the_dimension_under_which_cloudwatch_has_it() -> None:
    jobs = [{"name": "enrich", "code": "enrich/job.jar"}]
    modules = {
        "data_pipeline": {"kind": "kafka", "delivery": {}},
        "stream_processing": {"kind": "managed_flink", "jobs": jobs},
        "lake_query": {"kind": "athena"},
        "warehouse": {"kind": "redshift_serverless"},
        "cache": {"kind": "valkey"},
    }
    graph = watched("cloudwatch", around={"network": {"zones": 3, "mode": "private"}, **RECOMMENDER, **modules})
    asked = {
        alarm.inputs["namespace"]: set(alarm.inputs["dimensions"])
        for alarm in graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    assert {namespace: names for namespace, names in asked.items() if namespace in FOUND_BY} == FOUND_BY
