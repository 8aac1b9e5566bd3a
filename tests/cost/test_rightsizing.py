"""What an export of really used resources leads to."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops.cli.commands.rightsize import as_yaml
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.exports import ExportError, read
from mlops.cost.rightsizing import Rightsizing, rightsize
from tests.platforms import tier_graph

GB = 2**30


def allocation(
    workload: str, cpu: float, memory: float, *, most: bool = True, days: float = 14, namespace: str = "mlflow"
) -> dict[str, Any]:
    """A workload in an OpenCost allocation; its peaks are twice the average."""
    row: dict[str, Any] = {
        "properties": {"namespace": namespace, "controller": workload},
        "minutes": days * 24 * 60,
        "cpuCoreUsageAverage": cpu,
        "ramByteUsageAverage": memory,
    }
    if most:
        row["rawAllocationOnly"] = {"cpuCoreUsageMax": cpu * 2, "ramByteUsageMax": memory * 2}
    return {f"{namespace}/{workload}": row}


def proposed(folder: Path, content: Any, tier: str = "prod") -> Rightsizing:
    file = folder / ("export.csv" if isinstance(content, str) else "export.json")
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return rightsize(tier_graph(tier), BY_TIER[tier], load(), read(file))


def settings(found: Rightsizing) -> dict[str, Any]:
    return {proposal.setting: proposal.after for proposal in found.proposals}


def test_requests_follow_the_most_that_was_used_with_headroom(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [allocation("mlflow", 0.05, 0.25 * GB)]})
    assert settings(found)["ml_platform.cpu"] == "150m"  # 0.1 cores at most, 30 % more, in steps of 50m
    assert settings(found)["ml_platform.memory"] == "640Mi"  # 512 MiB at most, 20 % more, in steps of 64 MiB
    assert {proposal.risk for proposal in found.proposals if proposal.setting.startswith("ml_")} == {"low"}


def test_a_workload_that_uses_more_than_it_asks_for_gets_more(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [allocation("mlflow", 0.6, 1.5 * GB)]})
    assert settings(found)["ml_platform.cpu"] == "1600m"
    assert "may be evicted" in found.proposals[0].why


def test_windows_of_one_workload_are_taken_together(tmp_path: Path) -> None:
    windows = [allocation("mlflow", 0.02, 0.1 * GB, days=1), allocation("mlflow", 0.1, 0.25 * GB, days=13)]
    assert settings(proposed(tmp_path, {"code": 200, "data": windows}))["ml_platform.cpu"] == "300m"


@pytest.mark.parametrize(
    ("row", "risk"),
    [
        (allocation("mlflow", 0.05, 0.2 * GB, days=3), "medium"),
        (allocation("mlflow", 0.05, 0.2 * GB, days=0.5), "high"),
        (allocation("mlflow", 0.05, 0.2 * GB, most=False), "high"),
    ],
)
def test_the_less_was_seen_the_higher_the_risk(tmp_path: Path, row: dict[str, Any], risk: str) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [row]})
    assert {proposal.risk for proposal in found.proposals if proposal.setting == "ml_platform.cpu"} == {risk}


def test_freed_nodes_are_what_saves_money_and_the_estimate_says_how_much(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [allocation("mlflow", 0.05, 0.25 * GB)]})
    saved = sum(proposal.saving_usd for proposal in found.proposals)
    assert saved == found.before.total - found.after.total > 0
    assert any(proposal.setting.startswith("cluster.") for proposal in found.proposals)


def test_the_proposals_are_printed_as_a_stack_file_would_say_them(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [allocation("mlflow", 0.05, 0.25 * GB)]})
    assert yaml.safe_load(as_yaml(found))["ml_platform"] == {"cpu": "150m", "memory": "640Mi"}


def test_a_workload_that_no_setting_sizes_is_named(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"code": 200, "data": [allocation("coredns", 0.01, 1e7, namespace="kube-system")]})
    assert found.unmatched == ("kube-system/coredns",)


def test_an_answer_of_prometheus_is_understood(tmp_path: Path) -> None:
    def series(resource: str, statistic: str, value: float) -> dict[str, Any]:
        labels = {"namespace": "mlflow", "workload": "mlflow", "resource": resource, "statistic": statistic}
        return {"metric": labels, "value": [0, str(value)]}

    result = [
        series("cpu", "average", 0.05),
        series("cpu", "most", 0.1),
        series("memory", "average", 0.25 * GB),
        series("memory", "most", 0.5 * GB),
    ]
    found = proposed(tmp_path, {"status": "success", "data": {"resultType": "vector", "result": result}})
    assert settings(found)["ml_platform.cpu"] == "150m"


REPORT = """lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,lineItem/UnblendedCost,{columns}
AmazonEC2,EUW1-NatGateway-Bytes,500,24,2026-10-01T00:00:00Z,2026-10-16T05:00:00Z
AmazonEC2,NatGateway-Bytes,500,24,2026-10-01T00:00:00Z,2026-10-16T05:00:00Z
awskms,us-east-1-KMS-Requests,5000,0.01,2026-10-01T00:00:00Z,2026-10-16T05:00:00Z
AmazonRedshift,Node:ra3.xlplus,10,99,2026-10-01T00:00:00Z,2026-10-16T05:00:00Z
""".format(columns="lineItem/UsageStartDate,lineItem/UsageEndDate")


def test_a_bill_of_half_a_month_becomes_the_usage_of_a_month(tmp_path: Path) -> None:
    found = proposed(tmp_path, REPORT)
    assert settings(found)["usage.traffic.nat_gb"] == 2000.0
    assert settings(found)["usage.requests.kms"] == 10_000.0
    assert any("AmazonRedshift" in name for name in found.unmatched)
    assert found.after.total != found.before.total


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"code": 200, "data": [allocation("mlflow", -1, 1)]}, "used -1 cores of CPU, which cannot be"),
        ({"code": 200, "data": [allocation("mlflow", float("nan"), 1)]}, "which cannot be"),
        ({"code": 200, "data": [allocation("mlflow", 1, 1e18)]}, "bytes of memory, which cannot be"),
        ({"code": 200, "data": []}, "holds no usage at all"),
        ({"hello": "world"}, "neither an allocation of OpenCost"),
        ({"status": "success", "data": {"result": [{"metric": {}, "value": [0, "1"]}]}}, "lacks the label namespace"),
        ("a,b\n1,2\n", "the column lineItem/ProductCode"),
        (REPORT.replace("500,24", "-500,24", 1), "a negative amount"),
        (REPORT.replace("500,24", "many,24", 1), "cannot be read"),
    ],
)
def test_an_export_that_cannot_be_meant_is_refused_with_the_reason(tmp_path: Path, content: Any, sentence: str) -> None:
    with pytest.raises(ExportError, match=sentence):
        proposed(tmp_path, content)
