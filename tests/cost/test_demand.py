"""One statement of traffic, and what follows from it: no two lines of a bill assume different things."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from mlops.core.usage import BY_TIER, UsageConfig
from mlops.cost.book import load
from mlops.cost.demand import DERIVED
from mlops.cost.estimate import Estimate, estimate
from mlops.plan.graph import Node
from tests.cost.stacks import NOTHING_USED, priced, resource, stack, used
from tests.platforms import tier_graph

TRAIL, TOPIC, ALARM = "aws:cloudtrail/trail:Trail", "aws:sns/topic:Topic", "aws:cloudwatch/metricAlarm:MetricAlarm"
FEATURE, DETECTOR = "aws:guardduty/detectorFeature:DetectorFeature", "aws:guardduty/detector:Detector"
GROUP, FLOW, BUCKET = "aws:cloudwatch/logGroup:LogGroup", "aws:ec2/flowLog:FlowLog", "aws:s3/bucket:Bucket"
VPC, GATEWAY = "aws:ec2/vpc:Vpc", "aws:ec2/internetGateway:InternetGateway"
SELECTORS = [
    {
        "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Data"]},
            {"field": "resources.type", "equals": ["AWS::S3::Object"]},
        ]
    }
]


def quantity(made: Estimate, label: str) -> Decimal:
    return sum((line.quantity for line in made.lines if line.label == label), Decimal(0))


def feature(name: str, *additional: str) -> Node:
    rows = [{"name": one, "status": "ENABLED"} for one in additional]
    return resource(FEATURE, name, {"name": name, "status": "ENABLED", "additionalConfigurations": rows})


def test_requests_to_objects_are_the_data_events_of_trail_and_threat_detection_alike() -> None:
    made = estimate(tier_graph("prod"), BY_TIER["prod"], load())
    storage = BY_TIER["prod"].storage
    requests = Decimal(storage.put_requests + storage.get_requests)
    assert quantity(made, "data events") * 100_000 == requests
    assert quantity(made, "S3 events looked at for threats") * 1_000_000 == requests
    assert quantity(made, "S3 writes and lists") + quantity(made, "S3 reads") == requests / 1000


def test_management_events_are_priced_as_such_and_hold_the_calls_that_keys_and_secrets_see() -> None:
    usage = BY_TIER["prod"]
    made = estimate(tier_graph("prod"), usage, load())
    calls = usage.logs.api_calls + usage.requests.kms + usage.requests.secrets
    assert quantity(made, "management events analysed") * 1_000_000 == Decimal(calls)


def test_flow_logs_and_what_threat_detection_reads_of_them_are_the_same_connections() -> None:
    group, usage = resource(GROUP, "flows"), used(traffic={"cross_zone_gb": 100, "connection_kb": 10})
    flow = resource(FLOW, "flow", {"logDestinationType": "cloud-watch-logs"}, logDestination=group)
    made = priced(resource(VPC), resource(GATEWAY), group, flow, resource(DETECTOR), usage=usage)
    taken = quantity(made, "logs taken in")
    # 100 GB in connections of 10 KB, four records of 112 bytes each.
    assert taken == Decimal("4.48")
    # And a DNS query of 200 bytes each.
    assert quantity(made, "flow and DNS logs analysed") == taken + 2


def test_flow_logs_of_nodes_with_the_runtime_agent_are_not_charged() -> None:
    usage = used(traffic={"cross_zone_gb": 100})
    agent = feature("RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT")
    bare, watched, manual = (
        quantity(
            priced(resource(VPC), resource(GATEWAY), resource(DETECTOR), *more, usage=usage),
            "flow and DNS logs analysed",
        )
        for more in ((), (agent,), (feature("RUNTIME_MONITORING"),))
    )
    assert bare == manual > watched == 1  # DNS queries only: 5,000,000 connections of 20 KB


def test_a_topic_of_alarms_passes_on_alarms_and_not_the_messages_of_workloads() -> None:
    alarms, events = resource(TOPIC, "alarms"), resource(TOPIC, "events")
    alarm = resource(ALARM, "alarm", alarmActions=alarms)
    made = priced(alarms, events, alarm, usage=used(requests={"messages": 20_000_000, "notices": 100}))
    by_topic = {line.resource: line.quantity for line in made.lines if line.type == TOPIC}
    assert by_topic == {"alarms": Decimal("0.0001"), "events": 20}


@pytest.mark.parametrize(
    ("inputs", "events"),
    [
        ({"advancedEventSelectors": SELECTORS}, 3_000_000),
        ({"eventSelectors": [{"dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}]}, 3_000_000),
        ({"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}]}, 0),
        ({}, 0),
    ],
)
def test_a_trail_pays_for_data_events_where_it_records_them(inputs: Mapping[str, Any], events: int) -> None:
    usage = used(storage={"put_requests": 1_000_000, "get_requests": 2_000_000})
    made = priced(resource(BUCKET), resource(TRAIL, inputs=inputs), usage=usage)
    assert quantity(made, "data events") * 100_000 == events


def test_what_a_trail_sends_to_a_log_group_is_what_it_records() -> None:
    group, usage = resource(GROUP, "trail"), used(storage={"get_requests": 10_000_000}, logs={"api_calls": 1_000_000})
    trail = resource(TRAIL, inputs={"advancedEventSelectors": SELECTORS}, cloudWatchLogsGroupArn=group)
    made = priced(resource(BUCKET), group, trail, usage=usage)
    assert quantity(made, "logs taken in") == Decimal("16.5")  # 11 million events of 1.5 KB


def test_audit_logs_of_a_cluster_are_the_calls_that_threat_detection_reads() -> None:
    usage = used(logs={"cluster_audit_events": 2_000_000})
    cluster = resource("aws:eks/cluster:Cluster", inputs={"enabledClusterLogTypes": ["audit"], "version": "1.35"})
    group = resource(GROUP, "logs", {"name": "/aws/eks/mlops/cluster"})
    made = priced(cluster, group, feature("EKS_AUDIT_LOGS"), usage=usage)
    assert quantity(made, "logs taken in") == 3
    assert quantity(made, "Kubernetes calls looked at for threats") == 2


def test_an_isolated_network_has_no_traffic_to_the_internet() -> None:
    usage = used(traffic={"internet_out_gb": 100})
    alone, open_ = (priced(resource(VPC), *more, usage=usage) for more in ((), (resource(GATEWAY),)))
    assert quantity(alone, "traffic to the internet") == 0
    assert quantity(open_, "traffic to the internet") == 100


def test_what_leaves_by_cloudfront_is_not_charged_twice() -> None:
    usage = used(traffic={"internet_out_gb": 100})
    made = priced(resource(VPC), resource(GATEWAY), resource("aws:cloudfront/distribution:Distribution"), usage=usage)
    assert quantity(made, "traffic to the internet") == 0
    assert [row.label for row in made.missing] == ["CloudFront: data out"]


@pytest.mark.parametrize("key", sorted(DERIVED))
def test_a_figure_that_is_said_holds_against_what_would_be_derived(key: str) -> None:
    part, _, name = key.partition(".")
    section = getattr(BY_TIER["enterprise"], part)
    usage = BY_TIER["enterprise"].model_copy(update={part: section.model_copy(update={name: 123_456.0})})
    context = estimate(tier_graph("enterprise"), usage, load()).context
    assert context.figure(key).value == 123_456
    assert context.figure(key).why == (f"usage.{key} = 123,456",)


def test_what_is_null_unless_said_is_what_is_derived() -> None:
    null = {
        f"{part}.{key}"
        for part, model in UsageConfig()
        if isinstance(model, BaseModel)
        for key, value in model
        if value is None
    }
    assert null == DERIVED


@pytest.mark.parametrize("tier", sorted(BY_TIER))
def test_every_line_that_follows_from_use_says_from_which_figure(tier: str) -> None:
    made = estimate(tier_graph(tier), BY_TIER[tier], load())
    silent = {line.label for line in made.lines if line.kind == "usage" and not line.why}
    assert silent <= {"Airflow database"}
    named = {match for line in made.lines for step in line.why for match in re.findall(r"usage\.(\w+\.\w+)", step)}
    for key in named:
        part, _, name = key.partition(".")
        assert name in type(getattr(UsageConfig(), part)).model_fields


def test_a_stack_that_nobody_uses_derives_nothing_from_nothing() -> None:
    context = estimate(stack(resource(VPC), resource(BUCKET), resource(GROUP)), NOTHING_USED, load()).context
    assert {key: context.figure(key).value for key in DERIVED} == dict.fromkeys(DERIVED, 0)


@pytest.mark.parametrize(
    ("algorithm", "bucket_key", "calls"), [("aws:kms", False, 3), ("aws:kms", True, 0), ("AES256", False, 0)]
)
def test_each_request_to_a_bucket_without_a_bucket_key_is_one_to_kms(
    algorithm: str, bucket_key: bool, calls: int
) -> None:
    lake = resource(BUCKET)
    rule = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}, "bucketKeyEnabled": bucket_key}
    encryption = resource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "encryption",
        {"rules": [rule]},
        bucket=lake,
    )
    usage = used(storage={"get_requests": 3_000_000})
    made = priced(lake, encryption, resource("aws:kms/key:Key"), resource(DETECTOR), usage=usage)
    assert quantity(made, "key requests") * 10_000 == calls * 1_000_000
    assert quantity(made, "management events analysed") == calls


def test_settings_that_name_each_other_in_a_circle_lead_nowhere_and_end() -> None:
    one = resource("aws:s3/bucketVersioning:BucketVersioning", "one")
    two = resource("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "two", bucket=one)
    one = replace(one, property_dependencies={"bucket": (two.urn,)})
    assert priced(one, two, resource(BUCKET)).complete
