"""Answers of OpenCost's `/allocation`.

Shape and meaning: its repository at 5f65333, `core/pkg/opencost/allocation.go` (Allocation, `add`) and
`allocation_json.go`; the envelope is `Response` of `pkg/costmodel/router.go`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlops.cost.exports.observed import ExportError, Observed, checked

_DAY_MINUTES = 24 * 60
_AVERAGES = ("cpuCoreUsageAverage", "ramByteUsageAverage", "cpuCoreRequestAverage", "ramByteRequestAverage")

Row = Mapping[str, Any]


@dataclass
class _Rows:
    """Rows of one workload, by the pod that they are of; an empty name where the answer was taken together."""

    by_pod: dict[str, list[Row]] = field(default_factory=dict)


def workloads(windows: Iterable[Mapping[str, Row] | None], file: str) -> Iterator[Observed]:
    """What each workload used. Windows of one workload are taken together, weighted by their minutes.

    Averages of rows that OpenCost has taken together are sums over the replicas; rows of single pods show how many
    there were, and each replica counts alike. What has no controller is no workload: idle and unmounted shares.

    Raises:
        ExportError: rows of several clusters, or figures that cannot be.
    """
    found: dict[tuple[str, str], _Rows] = {}
    clusters: set[str] = set()
    for window in windows:
        for row in (window or {}).values():
            properties = row.get("properties") or {}
            names = (properties.get("namespace"), properties.get("controller"))
            if not all(names) or any(str(name).startswith("__") for name in names) or not row.get("minutes"):
                continue
            if properties.get("cluster"):
                clusters.add(str(properties["cluster"]))
            workload = str(names[1]).rpartition(":")[2]
            rows = found.setdefault((str(names[0]), workload), _Rows())
            rows.by_pod.setdefault(str(properties.get("pod") or ""), []).append(row)
    if len(clusters) > 1:
        raise ExportError(
            f"{file} holds workloads of {len(clusters)} clusters ({', '.join(sorted(clusters))}). "
            'Export one at a time: add `&filter=cluster:"NAME"`.'
        )
    for (namespace, workload), rows in found.items():
        yield checked(_observed(namespace, workload, rows), file)


def _observed(namespace: str, workload: str, rows: _Rows) -> Observed:
    pods = [_pod(held) for held in rows.by_pod.values()]
    average = {key: _mean((pod.minutes, pod.averages[key]) for pod in pods) for key in _AVERAGES}
    together = "" in rows.by_pod
    return Observed(
        namespace=namespace,
        workload=workload,
        cpu_average=average["cpuCoreUsageAverage"],
        cpu_most=_most(pod.cpu_most for pod in pods),
        memory_average=average["ramByteUsageAverage"],
        memory_most=_most(pod.memory_most for pod in pods),
        days=_days([row for held in rows.by_pod.values() for row in held], max(pod.minutes for pod in pods)),
        together=together,
        cpu_requested=average["cpuCoreRequestAverage"] if together else None,
        memory_requested=average["ramByteRequestAverage"] if together else None,
    )


@dataclass(frozen=True)
class _Pod:
    minutes: float
    averages: Mapping[str, float | None]
    cpu_most: float | None
    memory_most: float | None


def _pod(rows: list[Row]) -> _Pod:
    """A pod's containers add up; its windows follow one another."""
    by_container: dict[str, list[Row]] = {}
    for row in rows:
        by_container.setdefault(str((row.get("properties") or {}).get("container") or ""), []).append(row)
    containers = [_container(held) for held in by_container.values()]
    return _Pod(
        minutes=max(one.minutes for one in containers),
        averages={key: _sum(one.averages[key] for one in containers) for key in _AVERAGES},
        cpu_most=_sum(one.cpu_most for one in containers),
        memory_most=_sum(one.memory_most for one in containers),
    )


def _container(rows: list[Row]) -> _Pod:
    minutes = sum(float(row["minutes"]) for row in rows)
    raw = [row.get("rawAllocationOnly") or {} for row in rows]
    return _Pod(
        minutes=minutes,
        averages={key: _weighted(rows, key) for key in _AVERAGES},
        cpu_most=_most(_float(one.get("cpuCoreUsageMax")) for one in raw),
        memory_most=_most(_float(one.get("ramByteUsageMax")) for one in raw),
    )


def _weighted(rows: list[Row], key: str) -> float | None:
    """OpenCost writes null for what it could not calculate."""
    return _mean((float(row["minutes"]), _float(row.get(key))) for row in rows)


def _mean(parts: Iterable[tuple[float, float | None]]) -> float | None:
    """Of the parts that are known, each with its weight; None if none is."""
    known = [(weight, value) for weight, value in parts if value is not None]
    return sum(weight * value for weight, value in known) / sum(weight for weight, _ in known) if known else None


def _days(rows: list[Row], minutes: float) -> float:
    """From the first start to the last end, where the rows say them: pods come and go."""
    spans = [(str(row["start"]), str(row["end"])) for row in rows if row.get("start") and row.get("end")]
    if len(spans) < len(rows):
        return minutes / _DAY_MINUTES
    start, end = min(start for start, _ in spans), max(end for _, end in spans)
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 86400


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
