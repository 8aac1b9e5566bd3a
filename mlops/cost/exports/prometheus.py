"""Answers of Prometheus's `/api/v1/query`, with the labels that the query of `mlops rightsize --help` gives."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops.cost.exports.observed import ExportError, Observed, checked


def workloads(results: Iterable[Mapping[str, Any]], file: str) -> Iterator[Observed]:
    """What each workload used, of one replica.

    Raises:
        ExportError: a series lacks a label, or figures cannot be.
    """
    rows: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for result in results:
        labels = result["metric"]
        missing = [label for label in ("namespace", "workload", "resource") if label not in labels]
        if missing:
            raise ExportError(
                f"{file}: a series lacks the label {missing[0]}; each needs namespace, workload, resource "
                "(cpu or memory) and statistic (average or most). `mlops rightsize --help` shows the query."
            )
        value = float(result["value"][1]) if "value" in result else max(float(point[1]) for point in result["values"])
        key = (str(labels["resource"]), str(labels.get("statistic", "average")))
        rows.setdefault((str(labels["namespace"]), str(labels["workload"])), {})[key] = value
    for (namespace, workload), held in rows.items():
        yield checked(
            Observed(
                namespace=namespace,
                workload=workload,
                cpu_average=held.get(("cpu", "average"), held.get(("cpu", "most"))),
                cpu_most=held.get(("cpu", "most")),
                memory_average=held.get(("memory", "average"), held.get(("memory", "most"))),
                memory_most=held.get(("memory", "most")),
                days=0.0,
                asked_for_cpu_only=not any(resource == "memory" for resource, _ in held),
            ),
            file,
        )
