"""Exports as the tools really write them: OpenCost's envelope and sums, AWS's types of lines and kinds of files."""

import gzip
import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.exports import ExportError, Observed, Owner, read
from mlops.cost.rightsizing import Rightsizing, rightsize
from tests.platforms import tier_graph

MIB = 2.0**20
FIXTURES = Path(__file__).parent / "exports"


def row(pod: str = "", container: str = "", **figures: Any) -> dict[str, Any]:
    """A row of an OpenCost answer about mlflow over two weeks, with the fields of `AllocationJSON`."""
    properties = {"cluster": "one", "namespace": "mlflow", "controllerKind": "deployment", "controller": "mlflow"}
    named = {"pod": pod, "container": container}
    return {
        "properties": {**properties, **{key: value for key, value in named.items() if value}},
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-15T00:00:00Z",
        "minutes": 20160,
        "rawAllocationOnly": None,
        **figures,
    }


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    """The envelope: `Response` of OpenCost's router."""
    return {"code": 200, "status": "success", "data": [{str(index): one for index, one in enumerate(rows)}]}


def observed(folder: Path, content: Any) -> Observed:
    [one] = read(written(folder, content)).workloads
    return one


def written(folder: Path, content: Any, name: str = "export.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def proposed(file: Path, tier: str = "prod") -> Rightsizing:
    return rightsize(tier_graph(tier), BY_TIER[tier], load(), read(file))


def settings(found: Rightsizing) -> dict[str, Any]:
    return {proposal.setting: proposal.after for proposal in found.proposals}


def test_an_answer_of_opencost_is_not_taken_for_one_of_prometheus(tmp_path: Path) -> None:
    one = observed(tmp_path, answer(row(cpuCoreUsageAverage=0.1, ramByteUsageAverage=200 * MIB)))
    assert (one.namespace, one.workload, one.days) == ("mlflow", "mlflow", 14)


def test_averages_that_are_sums_are_divided_by_the_replicas_that_their_requests_show(tmp_path: Path) -> None:
    # prod asks for 500m and 1 GiB a replica: two of them asked for one core.
    whole = row(
        cpuCoreUsageAverage=0.1,
        ramByteUsageAverage=600 * MIB,
        cpuCoreRequestAverage=1.0,
        ramByteRequestAverage=2048 * MIB,
    )
    found = settings(proposed(written(tmp_path, answer(whole))))
    assert found["ml_platform.cpu"] == "100m"  # 50m a replica, twice the average
    assert found["ml_platform.memory"] == "512Mi"  # 300 MiB a replica, half again as much, in steps of 64


def test_rows_of_pods_show_the_replicas_themselves_and_containers_of_a_pod_add_up(tmp_path: Path) -> None:
    one = observed(
        tmp_path,
        answer(
            row("a", "server", cpuCoreUsageAverage=0.2, ramByteUsageAverage=200 * MIB),
            row("a", "proxy", cpuCoreUsageAverage=0.1, ramByteUsageAverage=100 * MIB),
            row("b", "server", cpuCoreUsageAverage=0.3, ramByteUsageAverage=500 * MIB),
        ),
    )
    assert one.cpu_average == pytest.approx(0.3)
    assert one.memory_average == pytest.approx(400 * MIB)
    assert not one.together


def test_the_most_of_a_replica_is_that_of_its_containers_together(tmp_path: Path) -> None:
    raw = {"cpuCoreUsageMax": 0.5, "ramByteUsageMax": 300 * MIB}
    rows = [
        row("a", name, cpuCoreUsageAverage=0.1, ramByteUsageAverage=MIB, rawAllocationOnly=raw) for name in ("x", "y")
    ]
    assert observed(tmp_path, answer(*rows)).cpu_most == 1.0


def test_replicas_that_nothing_shows_are_reckoned_as_one_and_it_is_said(tmp_path: Path) -> None:
    found = proposed(written(tmp_path, answer(row(cpuCoreUsageAverage=0.05, ramByteUsageAverage=200 * MIB))))
    assert "does not show how many replicas of mlflow/mlflow" in " ".join(found.notes)


def test_usage_that_is_zero_everywhere_is_a_broken_sensor_and_nothing_follows_from_it(tmp_path: Path) -> None:
    found = proposed(written(tmp_path, answer(row(cpuCoreUsageAverage=0, ramByteUsageAverage=0))))
    assert found.proposals == ()
    assert found.before.total == found.after.total
    assert "measured nothing" in found.notes[0]


@pytest.mark.parametrize("nothing", [0, None])
def test_a_workload_without_a_reading_is_named_beside_one_that_has(tmp_path: Path, nothing: Any) -> None:
    other = row(cpuCoreUsageAverage=nothing, ramByteUsageAverage=nothing)
    other["properties"] = {**other["properties"], "controller": "iris-predictor"}
    good = row(cpuCoreUsageAverage=0.1, ramByteUsageAverage=200 * MIB)
    found = proposed(written(tmp_path, answer(good, other)))
    assert "Nothing was measured of mlflow/iris-predictor" in " ".join(found.notes)
    assert "ml_platform.cpu" in settings(found)


def test_a_reading_of_memory_alone_changes_memory_alone(tmp_path: Path) -> None:
    found = proposed(written(tmp_path, answer(row(cpuCoreUsageAverage=0, ramByteUsageAverage=200 * MIB))))
    assert "ml_platform.cpu" not in settings(found)
    assert settings(found)["ml_platform.memory"] == "320Mi"


def test_idle_and_unmounted_shares_are_no_workloads(tmp_path: Path) -> None:
    idle = {**row(cpuCoreUsageAverage=9, ramByteUsageAverage=9), "properties": {"cluster": "one"}}
    odd = row(cpuCoreUsageAverage=9, ramByteUsageAverage=9)
    odd["properties"] = {**odd["properties"], "controller": "__unallocated__"}
    good = row(cpuCoreUsageAverage=0.1, ramByteUsageAverage=MIB)
    assert observed(tmp_path, answer(idle, odd, good)).cpu_average == 0.1


def test_a_workload_of_the_same_name_elsewhere_is_not_ours(tmp_path: Path) -> None:
    strange = row(cpuCoreUsageAverage=3, ramByteUsageAverage=9000 * MIB)
    strange["properties"] = {**strange["properties"], "namespace": "somebody"}
    found = proposed(written(tmp_path, answer(strange)))
    assert found.unmatched == ("somebody/mlflow",)
    assert not [one for one in found.proposals if one.setting.startswith("ml_platform")]


def test_workloads_of_two_clusters_are_refused(tmp_path: Path) -> None:
    other = row(cpuCoreUsageAverage=1, ramByteUsageAverage=1)
    other["properties"] = {**other["properties"], "cluster": "two"}
    with pytest.raises(ExportError, match=r"2 clusters \(one, two\)"):
        read(written(tmp_path, answer(row(cpuCoreUsageAverage=1, ramByteUsageAverage=1), other)))


def test_an_answer_that_is_an_error_says_what_it_says(tmp_path: Path) -> None:
    refusal = {"code": 400, "status": "error", "data": None, "message": "invalid window"}
    with pytest.raises(ExportError, match="says: invalid window"):
        read(written(tmp_path, refusal))


HEAD = (
    "lineItem/LineItemType,lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,lineItem/UnblendedCost,"
    "lineItem/CurrencyCode,pricing/unit,lineItem/UsageStartDate,lineItem/UsageEndDate\n"
)


def line(kind: str, amount: float = 10, start: str = "2026-10-01", end: str = "2026-10-02", **more: str) -> str:
    product, usage = more.get("product", "AmazonEC2"), more.get("usage", "NatGateway-Bytes")
    money, unit = more.get("currency", "USD"), more.get("unit", "GB")
    return f"{kind},{product},{usage},{amount},0.45,{money},{unit},{start}T00:00:00Z,{end}T00:00:00Z\n"


def nat_gb(file: Path) -> float:
    return sum(row.amount for row in read(file).bill if row.usage_type == "NatGateway-Bytes")


REPORT = HEAD + "".join(line("Usage", 24, f"2026-10-{day:02}", f"2026-10-{day + 1:02}") for day in range(1, 11))
"""Ten days of 24 GB each: 730 GB in a month of 730 hours."""


@pytest.mark.parametrize("kind", ["DiscountedUsage", "SavingsPlanCoveredUsage"])
def test_use_that_a_discount_covers_is_use(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "report.csv"
    file.write_text(REPORT + line(kind, 240, "2026-10-01"))
    assert nat_gb(file) == pytest.approx(1460)


@pytest.mark.parametrize(
    "kind",
    [
        "Tax",
        "Fee",
        "Credit",
        "Refund",
        "RIFee",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "SavingsPlanUpfrontFee",
        "EdpDiscount",
        "BundledDiscount",
    ],
)
def test_lines_that_are_no_use_count_neither_for_amounts_nor_for_the_window(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "report.csv"
    file.write_text(REPORT + line(kind, -9999 if kind != "Tax" else 9999, "2026-10-01", "2027-10-01"))
    assert nat_gb(file) == pytest.approx(730)
    assert kind in " ".join(read(file).notes)


def test_what_is_billed_for_the_whole_month_at_once_does_not_stretch_the_window(tmp_path: Path) -> None:
    zone = line("Usage", 1, "2026-10-01", "2026-11-01", product="AmazonRoute53", usage="HostedZone", unit="Count")
    file = tmp_path / "report.csv"
    file.write_text(REPORT + zone)
    assert nat_gb(file) == pytest.approx(730)


def test_an_amount_in_another_unit_is_named_and_not_misread(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(HEAD + line("Usage", 500, unit="Fortnights"))
    found = proposed(file)
    assert "usage.traffic.nat_gb" not in settings(found)
    assert "it is in Fortnights" in " ".join(found.unmatched)


def test_a_report_in_another_currency_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(HEAD + line("Usage", currency="CNY"))
    with pytest.raises(ExportError, match="is in CNY"):
        read(file)


def test_a_report_of_several_accounts_says_so(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    head = HEAD.replace("lineItem/UsageStartDate", "lineItem/UsageAccountId,lineItem/UsageStartDate")
    rows = [line("Usage").replace(",GB,", f",GB,{account},") for account in ("111111111111", "222222222222")]
    file.write_text(head + "".join(rows))
    assert "2 accounts (111111111111, 222222222222)" in " ".join(read(file).notes)


def test_a_report_is_read_as_it_is_delivered_packed_and_in_parts(tmp_path: Path) -> None:
    packed = tmp_path / "report-00001.csv.gz"
    packed.write_bytes(gzip.compress(REPORT.encode()))
    assert nat_gb(packed) == pytest.approx(730)
    (tmp_path / "report-00002.csv.gz").write_bytes(gzip.compress(REPORT.encode()))
    (tmp_path / "report-Manifest.json").write_text("{}")
    assert nat_gb(tmp_path) == pytest.approx(1460)


def test_a_damaged_archive_and_one_that_is_not_read_are_refused_with_a_sentence(tmp_path: Path) -> None:
    damaged = tmp_path / "report.csv.gz"
    damaged.write_bytes(gzip.compress(REPORT.encode())[:40])
    with pytest.raises(ExportError, match="cannot be read"):
        read(damaged)
    archive = tmp_path / "report.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("report.csv", REPORT)
    with pytest.raises(ExportError, match="unpack it"):
        read(archive)


def test_a_parquet_delivery_is_read_or_says_what_it_needs() -> None:
    """The fixture holds the lines of REPORT and a tax, as pyarrow 25 writes them, under the names of Data Exports."""
    file = FIXTURES / "report.snappy.parquet"
    if importlib.util.find_spec("pyarrow"):
        assert nat_gb(file) == pytest.approx(730)
    else:
        with pytest.raises(ExportError, match="uv sync --extra parquet"):
            read(file)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"data": null}', '{"data": {}}', '{"data": [[]]}', "PAR1", "\x1f\x8b", "a,b\n", "\x00" * 64],
)
def test_what_is_no_export_ends_in_a_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "export"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ExportError, match="export"):
        read(file)


TAGGED = HEAD.replace(
    "lineItem/UsageStartDate", "resourceTags/user:Project,resourceTags/user:Environment,lineItem/UsageStartDate"
)
OURS = Owner(tags={"Project": "mlops", "Environment": "prod"}, region="eu-west-1")


def tagged(project: str, environment: str) -> str:
    return line("Usage", 24).replace(",GB,", f",GB,{project},{environment},")


def test_lines_that_carry_the_stacks_tags_are_its_own_and_others_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(TAGGED + tagged("mlops", "prod") + tagged("mlops", "dev") + tagged("", ""))
    export = read(file, OURS)
    assert sum(row.amount for row in export.bill) == pytest.approx(730)
    assert "do not carry Project=mlops, Environment=prod were left out: 2" in export.notes[0]


def test_a_report_in_which_nothing_carries_the_tags_is_taken_whole_and_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(TAGGED + tagged("", "") + tagged("", ""))
    export = read(file, OURS)
    assert sum(row.amount for row in export.bill) == pytest.approx(1460)
    assert "No line carries Project=mlops" in export.notes[0]


def test_lines_of_other_regions_are_not_the_stacks(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    head = HEAD.replace("lineItem/UsageStartDate", "product/region,lineItem/UsageStartDate")
    places = ("eu-west-1", "us-east-1", "")
    file.write_text(head + "".join(line("Usage", 24).replace(",GB,", f",GB,{place},") for place in places))
    export = read(file, Owner(region="eu-west-1"))
    assert sum(row.amount for row in export.bill) == pytest.approx(1460)
    assert "of other regions than eu-west-1 were left out: 1" in export.notes[0]


def test_a_reading_of_cpu_alone_is_one(tmp_path: Path) -> None:
    labels = {"namespace": "mlflow", "workload": "mlflow", "resource": "cpu", "statistic": "most"}
    content = {"status": "success", "data": {"result": [{"metric": labels, "value": [0, "0.1"]}]}}
    found = proposed(written(tmp_path, content))
    assert settings(found)["ml_platform.cpu"] == "150m"
    assert "ml_platform.memory" not in settings(found)
