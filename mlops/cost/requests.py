"""From what workloads used to what they have to ask for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from mlops.capacity.pods import Pods, pods
from mlops.cost.exports import Observed
from mlops.cost.proposals import WORTH_IT, Proposal, Risk
from mlops.plan.graph import Graph

CPU_HEADROOM, MEMORY_HEADROOM = 1.3, 1.2
"""Above the most that was used. CPU is only slowed down when it runs short; memory kills, but moves less."""
AVERAGE_CPU, AVERAGE_MEMORY = 2.0, 1.5
"""Above the average, where nothing else is known."""
CPU_STEP, MEMORY_STEP = 50, 64
"""Requests are rounded up to these: thousandths of a core, MiB."""
_WEEK, _DAY = 7.0, 1.0


def measured(workloads: Sequence[Observed]) -> tuple[tuple[Observed, ...], tuple[str, ...]]:
    """The workloads whose use was measured, and a sentence about the others: zero is a sensor that is broken, because
    no process runs without memory."""
    usable = tuple(one for one in workloads if one.measured)
    silent = [f"{one.namespace}/{one.workload}" for one in workloads if not one.measured]
    if workloads and not usable:
        broken = "the tool measured nothing (its Prometheus lacks the metrics of containers)"
        return usable, (f"Every workload used nothing at all: {broken}, and nothing was proposed from it.",)
    if silent:
        return usable, (f"Nothing was measured of {', '.join(silent)}: nothing is proposed for them.",)
    return usable, ()


def fitting(
    graph: Graph, workloads: Sequence[Observed]
) -> tuple[tuple[Proposal, ...], tuple[Pods, ...], tuple[str, ...], tuple[str, ...]]:
    """Requests that fit, the pods with them, what could not be matched, and what has to be known."""
    notes: list[str] = []
    namespaces = _namespaces(graph)
    by_name = {_workload(one): one for one in pods(graph) if not one.assumed}
    fitted = {one.name: one for one in pods(graph)}
    proposals: list[Proposal] = []
    unmatched: list[str] = []
    for observed in workloads:
        found = by_name.get(observed.workload)
        setting = _setting(found) if found else None
        elsewhere = observed.namespace not in namespaces.get(observed.workload, {observed.namespace})
        if found is None or setting is None or elsewhere:
            unmatched.append(f"{observed.namespace}/{observed.workload}")
            continue
        name = f"{observed.namespace}/{observed.workload}"
        replicas = _replicas(observed, found)
        if replicas is None:
            notes.append(f"The export does not show how many replicas of {name} there were; one was reckoned with.")
        shown = replace(
            observed,
            cpu_average=observed.cpu_average / (replicas or 1) if observed.cpu_average else None,
            memory_average=observed.memory_average / (replicas or 1) if observed.memory_average else None,
        )
        cpu = _wanted(shown.cpu_average, shown.cpu_most, AVERAGE_CPU, CPU_HEADROOM)
        memory = _wanted(shown.memory_average, shown.memory_most, AVERAGE_MEMORY, MEMORY_HEADROOM)
        if cpu is None:
            notes.append(f"No CPU was measured of {name}: its request stays.")
        risk, why = _risk(observed)
        for key, old, new, unit in (
            ("cpu", found.cpu, _rounded(cpu * 1000, CPU_STEP) if cpu else None, "m"),
            ("memory", found.memory, _rounded(memory / 2.0**20, MEMORY_STEP) if memory else None, "Mi"),
        ):
            if new is None:
                continue
            text = f"{new}{unit}"
            if abs(new - old) >= max(old, 1) * WORTH_IT:
                shown = f"{old}m" if key == "cpu" else f"{old}Mi"
                proposals.append(
                    Proposal(
                        setting=f"{setting}.{key}",
                        before=shown,
                        after=text,
                        saving_usd=Decimal(0),
                        risk=risk if new < old else "low",
                        why=why if new < old else "it used more than it asks for, and may be evicted or slowed down",
                    )
                )
                fitted[found.name] = replace(fitted[found.name], **{key: new})
    return tuple(proposals), tuple(fitted.values()), tuple(unmatched), tuple(notes)


def _replicas(observed: Observed, known: Pods) -> float | None:
    """How many replicas the averages are of: what all of them asked for over what one asks for; None if the export
    does not show it."""
    if not observed.together:
        return 1.0
    if observed.cpu_requested and known.cpu:
        return max(observed.cpu_requested * 1000 / known.cpu, 1.0)
    if observed.memory_requested and known.memory:
        return max(observed.memory_requested / 2.0**20 / known.memory, 1.0)
    return None


def _namespaces(graph: Graph) -> Mapping[str, set[str]]:
    """Namespaces of the objects with a name, where the graph knows them: a stranger's workload may be called alike."""
    found: dict[str, set[str]] = {}
    for node in graph:
        metadata = node.inputs.get("metadata") if node.type.startswith("kubernetes:") else None
        if (
            isinstance(metadata, Mapping)
            and isinstance(space := metadata.get("namespace"), str)
            and space[:1] not in "[{"
        ):
            name = str(metadata.get("name"))
            found.setdefault(name, set()).add(space)
            found.setdefault(f"{name}-predictor", set()).add(space)
    return found


def _workload(one: Pods) -> str:
    """Name of the controller that Kubernetes shows: KServe makes a Deployment `NAME-predictor`."""
    return one.name.replace(" ", "-")


def _setting(one: Pods) -> str | None:
    """Where a workload's requests are set."""
    if one.name.endswith(" predictor"):
        return f"serving.models[{one.name.removesuffix(' predictor')}]"
    return "ml_platform" if one.module == "ml-platform" and one.name == "mlflow" else None


def _wanted(average: float | None, most: float | None, over_average: float, over_most: float) -> float | None:
    """A request that fits; None where nothing was measured."""
    if most:
        return most * over_most
    return average * over_average if average else None


def _rounded(value: float, step: int) -> int:
    return max(math.ceil(value / step), 1) * step


def _risk(observed: Observed) -> tuple[Risk, str]:
    if observed.cpu_most is None or observed.memory_most is None:
        return "high", "averages only: peaks are not known"
    if observed.days < _DAY:
        return "high", "watched for less than a day"
    if observed.days < _WEEK:
        return "medium", f"watched for {observed.days:.0f} days, not yet a week"
    return "low", f"the most of {observed.days:.0f} days, and headroom"
