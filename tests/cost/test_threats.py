"""What threat detection and Security Hub cost. Figures are those of the price book for us-east-1."""

from typing import Any

import pytest

from mlops.core.usage import UsageConfig
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Node
from tests.cost.stacks import NOTHING_USED, resource, stack

FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
HUB = "aws:securityhub/account:Account"
GROUP = resource(
    "aws:eks/nodeGroup:NodeGroup",
    "workers",
    {"instanceTypes": ["m7i.large"], "scalingConfig": {"minSize": 3, "desiredSize": 3, "maxSize": 3}},
)


def feature(name: str, status: str = "ENABLED") -> dict[str, str]:
    return {"name": name, "status": status}


def lines(name: str, status: str = "ENABLED", **logs: float) -> dict[str, float]:
    usage = UsageConfig.model_validate({"logs": logs})
    made = estimate(stack(GROUP, resource(FEATURE, "feature", feature(name, status))), usage, load())
    return {row.label: float(row.monthly) for row in made.lines if row.type == FEATURE}


def test_the_runtime_agent_costs_by_the_cores_that_it_watches() -> None:
    # Three nodes of two cores at 1.50 USD a vCPU-month.
    assert lines("RUNTIME_MONITORING") == {"cores watched by the runtime agent": 9.0}


def test_a_feature_that_reads_events_costs_by_the_million() -> None:
    assert lines("S3_DATA_EVENTS", trail_events=5_000_000) == {"S3 events looked at for threats": 4.0}
    calls = lines("EKS_AUDIT_LOGS", cluster_audit_events=10_000_000)
    assert calls == {"Kubernetes calls looked at for threats": 16.0}


@pytest.mark.parametrize("name", ["RUNTIME_MONITORING", "S3_DATA_EVENTS", "EKS_AUDIT_LOGS"])
def test_a_feature_that_is_off_costs_nothing(name: str) -> None:
    assert lines(name, "DISABLED", trail_events=1_000_000) == {}


@pytest.mark.parametrize("name", ["RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS"])
def test_a_feature_whose_price_nobody_knows_is_listed_and_not_taken_for_free(name: str) -> None:
    watched = [resource("aws:rds/instance:Instance"), resource("aws:lambda/function:Function")]
    made = estimate(stack(*watched, resource(FEATURE, "feature", feature(name))), NOTHING_USED, load())
    assert [row.type for row in made.missing if row.type == FEATURE] == [FEATURE]


def test_malware_is_looked_for_only_after_a_finding() -> None:
    assert lines("EBS_MALWARE_PROTECTION") == {}


def test_security_hub_costs_by_the_check() -> None:
    usage = UsageConfig.model_validate({"logs": {"security_checks": 50_000}})
    made = estimate(stack(resource(HUB)), usage, load())
    assert {row.label: float(row.monthly) for row in made.lines if row.type == HUB} == {"security checks": 50.0}


DETECTOR = "aws:guardduty/detector:Detector"


def of_detector(*stated: Node, **inputs: Any) -> set[str]:
    usage = UsageConfig.model_validate({"logs": {"trail_events": 5_000_000, "cluster_audit_events": 10_000_000}})
    made = estimate(stack(resource(DETECTOR, "detector", inputs), *stated), usage, load())
    return {row.label for row in made.lines if row.type == DETECTOR}


def test_features_that_nobody_states_are_on_in_a_detector_and_cost() -> None:
    default = {"S3 events looked at for threats", "Kubernetes calls looked at for threats"}
    assert default <= of_detector(enable=True)
    off = resource(FEATURE, "feature", feature("S3_DATA_EVENTS", "DISABLED"))
    assert default & of_detector(off, enable=True) == {"Kubernetes calls looked at for threats"}
    assert not default & of_detector(enable=False)
    older = {"s3Logs": {"enable": False}, "kubernetes": {"auditLogs": {"enable": False}}}
    assert not default & of_detector(datasources=older)
