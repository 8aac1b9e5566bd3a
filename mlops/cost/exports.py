"""What was really used, from the exports of cost tools: OpenCost, Prometheus, and AWS's cost and usage report."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops.core.usage import MONTH_HOURS

_MOST_CORES, _MOST_BYTES = 100_000, 10**15
"""Beyond these a figure is taken for a mistake: no workload uses that much."""
_DAY_MINUTES = 24 * 60
_REGION = re.compile(r"^(?:[A-Z]{2,4}\d?|[a-z]{2}-[a-z]+-\d)-")


class ExportError(Exception):
    """An export cannot be used. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one workload used. Cores and bytes of a replica."""

    namespace: str
    workload: str
    """Name of its controller: a Deployment, for example."""
    cpu_average: float
    cpu_most: float | None
    """None where the export holds averages only."""
    memory_average: float
    memory_most: float | None
    days: float
    """For how long it was watched; 0 where the export does not say."""


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What AWS billed, brought to a month of 730 hours."""

    service: str
    """Product code: `AmazonEC2`."""
    usage_type: str
    """As AWS writes it: `NatGateway-Bytes`, `EUW1-NatGateway-Bytes`."""
    amount: float
    usd: float


@dataclass(frozen=True, kw_only=True)
class Export:
    """What a file holds: either kind."""

    workloads: tuple[Observed, ...] = ()
    bill: tuple[Billed, ...] = ()


def read(file: Path) -> Export:
    """Read an export, whichever tool wrote it.

    OpenCost: the answer of `/allocation` with `aggregate=namespace,controller`. Prometheus: the answer of an instant
    query with the labels namespace, workload, resource (cpu, memory) and statistic (average, most). AWS: a cost and
    usage report as CSV.

    Raises:
        ExportError: the file is none of these, or holds figures that cannot be.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{file} cannot be read: {error}.") from None
    try:
        if text.lstrip().startswith(("{", "[")):
            export = _from_json(json.loads(text), file)
        else:
            export = Export(bill=tuple(_report(text.splitlines(), file)))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ExportError(
            f"{file.name} looks like an export, but cannot be read ({type(error).__name__}: {error})."
        ) from None
    if not export.workloads and not export.bill:
        raise ExportError(f"{file.name} holds no usage at all.")
    return export


def _from_json(content: Any, file: Path) -> Export:
    if isinstance(content, Mapping) and content.get("status") == "success":
        return Export(workloads=tuple(_prometheus(content["data"]["result"], file)))
    if isinstance(content, Mapping) and isinstance(content.get("data"), list):
        return Export(workloads=tuple(_opencost(content["data"], file)))
    raise ExportError(
        f"{file.name} is neither an allocation of OpenCost (`/allocation?aggregate=namespace,controller`) nor an "
        "answer of Prometheus (`/api/v1/query`)."
    )


def _opencost(windows: Iterable[Mapping[str, Any] | None], file: Path) -> Iterator[Observed]:
    """Windows of the same workload are taken together, weighted by their minutes."""
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for window in windows:
        for allocation in (window or {}).values():
            properties = allocation.get("properties") or {}
            names = (properties.get("namespace"), properties.get("controller"))
            if all(names) and allocation.get("minutes"):
                rows.setdefault((str(names[0]), str(names[1])), []).append(allocation)
    for (namespace, workload), held in rows.items():
        minutes = sum(float(row["minutes"]) for row in held)
        most = [row.get("rawAllocationOnly") or {} for row in held]
        yield _checked(
            Observed(
                namespace=namespace,
                workload=workload,
                cpu_average=sum(float(row["cpuCoreUsageAverage"]) * float(row["minutes"]) for row in held) / minutes,
                cpu_most=_most(row.get("cpuCoreUsageMax") for row in most),
                memory_average=sum(float(row["ramByteUsageAverage"]) * float(row["minutes"]) for row in held) / minutes,
                memory_most=_most(row.get("ramByteUsageMax") for row in most),
                days=minutes / _DAY_MINUTES,
            ),
            file,
        )


def _prometheus(results: Iterable[Mapping[str, Any]], file: Path) -> Iterator[Observed]:
    rows: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for result in results:
        labels = result["metric"]
        missing = [label for label in ("namespace", "workload", "resource") if label not in labels]
        if missing:
            raise ExportError(
                f"{file.name}: a series lacks the label {missing[0]}; each needs namespace, workload, resource "
                "(cpu or memory) and statistic (average or most). `mlops rightsize --help` shows the query."
            )
        value = float(result["value"][1]) if "value" in result else max(float(point[1]) for point in result["values"])
        key = (str(labels["resource"]), str(labels.get("statistic", "average")))
        rows.setdefault((str(labels["namespace"]), str(labels["workload"])), {})[key] = value
    for (namespace, workload), held in rows.items():
        yield _checked(
            Observed(
                namespace=namespace,
                workload=workload,
                cpu_average=held.get(("cpu", "average"), held.get(("cpu", "most"), 0.0)),
                cpu_most=held.get(("cpu", "most")),
                memory_average=held.get(("memory", "average"), held.get(("memory", "most"), 0.0)),
                memory_most=held.get(("memory", "most")),
                days=0.0,
            ),
            file,
        )


def _checked(observed: Observed, file: Path) -> Observed:
    figures = (
        ("CPU", observed.cpu_average, _MOST_CORES, "cores"),
        ("CPU", observed.cpu_most or 0.0, _MOST_CORES, "cores"),
        ("memory", observed.memory_average, _MOST_BYTES, "bytes"),
        ("memory", observed.memory_most or 0.0, _MOST_BYTES, "bytes"),
    )
    for what, value, most, unit in figures:
        # A comparison with NaN is false, whichever way round.
        if not 0 <= value <= most:
            raise ExportError(
                f"{file.name}: {observed.namespace}/{observed.workload} used {value:g} {unit} of {what}, which cannot "
                f"be; a figure lies between 0 and {most:g}."
            )
    return observed


def _most(values: Iterable[Any]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return max(known) if known else None


_COLUMNS = {
    "service": ("lineItem/ProductCode", "line_item_product_code"),
    "usage_type": ("lineItem/UsageType", "line_item_usage_type"),
    "amount": ("lineItem/UsageAmount", "line_item_usage_amount"),
    "usd": ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    "start": ("lineItem/UsageStartDate", "line_item_usage_start_date"),
    "end": ("lineItem/UsageEndDate", "line_item_usage_end_date"),
}


def _report(lines: Iterable[str], file: Path) -> Iterator[Billed]:
    reader = csv.DictReader(lines)
    present = set(reader.fieldnames or ())
    names: dict[str, str] = {}
    for ours, theirs in _COLUMNS.items():
        found = next((name for name in theirs if name in present), None)
        if found is None:
            raise ExportError(
                f"{file.name} is no cost and usage report: the column {theirs[0]} (or {theirs[1]}) is missing."
            )
        names[ours] = found
    sums: dict[tuple[str, str], list[float]] = {}
    first: datetime | None = None
    last: datetime | None = None
    for row in reader:
        start, end = (_moment(row[names[key]]) for key in ("start", "end"))
        first, last = min(first or start, start), max(last or end, end)
        amount, usd = float(row[names["amount"]] or 0), float(row[names["usd"]] or 0)
        if amount < 0:
            raise ExportError(f"{file.name}: {row[names['usage_type']]} has a negative amount, {amount:g}.")
        totals = sums.setdefault((row[names["service"]], row[names["usage_type"]]), [0.0, 0.0])
        totals[0] += amount
        totals[1] += usd
    if first is None or last is None or last <= first:
        return
    factor = MONTH_HOURS / ((last - first).total_seconds() / 3600)
    for (service, usage_type), (amount, usd) in sums.items():
        yield Billed(service=service, usage_type=usage_type, amount=amount * factor, usd=usd * factor)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def usage_names(usage_type: str) -> tuple[str, ...]:
    """A usage type as it is and without the region that most services write before it (`EUW1-`, `EU-`,
    `us-east-1-`). us-east-1 is mostly left out, and `KMS-Requests` only looks as if it had one."""
    return (usage_type, _REGION.sub("", usage_type))
