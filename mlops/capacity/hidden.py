"""Pods that no program writes out: those of charts, add-ons, operators and settings of the account, from tables of what
each brings; and what brings pods of which nobody knows how many."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mlops.capacity.model import Pods
from mlops.capacity.requests import NOTHING, Requests, of_container
from mlops.capacity.scheduling import rules_of
from mlops.plan.behind import NATIVE, behind, group
from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Reading, reading

ADDON = "aws:eks/addon:Addon"
RELEASE = "kubernetes:helm.sh/v3:Release"
CLUSTER = "aws:eks/cluster:Cluster"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
_DATA = Path(__file__).parent / "data" / "pods.json"
_EVERYWHERE: list[dict[str, Any]] = [{"operator": "Exists"}]


@cache
def _tables() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return content


def known_charts() -> frozenset[str]:
    """Charts whose pods are known."""
    return frozenset(_tables()["charts"])


def chart_pods(chart: str) -> bool:
    """Whether a chart makes pods; charts that are not known are taken to."""
    rows = _tables()["charts"].get(chart)
    return rows is None or bool(rows)


def source(key: str) -> str:
    """Where assumed requests come from, in words."""
    return str(_tables()["sources"].get(key, key))


def brought(graph: Graph) -> Iterator[Pods]:
    """The pods of charts, add-ons, operators and account settings whose rows are in the tables."""
    for node in graph:
        module = graph.module(node)
        if node.type == ADDON:
            rows, values = _tables()["addons"].get(_addon(node)), node.at("configurationValues").document()
        elif node.type == RELEASE:
            rows, values = _tables()["charts"].get(_chart(node)), node.at("values")
        else:
            rows = _tables()["operators"].get(node.type.rpartition(":")[2])
            yield from (_from_row(row, module, _workload(node, row["name"])) for row in rows or ())
            continue
        yield from (_from_row(row, module, values) for row in rows or ())
    yield from _agents(graph)


def _workload(node: Node, name: str) -> Reading:
    """How an operator's resource wants a workload that it brings: replicas, place, requests."""
    told = next((one.value for one in node.at("spec.workloads") if one.at("name").text() == name), None)
    replicas = node.at("spec.high-availability.replicas").value
    return reading({"replicas": replicas, **(told if isinstance(told, Mapping) else {})})


def _agents(graph: Graph) -> Iterator[Pods]:
    """GuardDuty installs its agent as an add-on of every cluster of an account that lets it manage add-ons."""
    own = any(_addon(node) == "aws-guardduty-agent" for node in graph.of_type(ADDON))
    for node in graph.of_type(FEATURE) if graph.of_type(CLUSTER) and not own else ():
        managed = any(
            one.at("name").text() == "EKS_ADDON_MANAGEMENT" and one.at("status").text() == "ENABLED"
            for one in node.at("additionalConfigurations")
        )
        watching = node.at("name").text() in ("RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING")
        if watching and managed and node.at("status").text() == "ENABLED":
            rows = _tables()["addons"]["aws-guardduty-agent"]
            yield from (_from_row(row, graph.module(node), reading(None)) for row in rows)
            return


def not_counted(graph: Graph) -> tuple[str, ...]:
    """What brings pods of which nobody knows how many, in words, each once."""
    charts = {f"chart {_chart(node)}" for node in graph.of_type(RELEASE) if _chart(node) not in known_charts()}
    addons = {f"add-on {_addon(node)}" for node in graph.of_type(ADDON) if _addon(node) not in _tables()["addons"]}
    return (*sorted(charts), *sorted(addons), *sorted(set(_operators(graph))))


def _operators(graph: Graph) -> Iterator[str]:
    """Custom resources of which an operator makes pods that they do not write out."""
    podless = frozenset(_tables()["without_pods"])
    parents = {node.parent for node in graph}
    for node in graph:
        # A component whose objects are in the graph hides none.
        if not node.type.startswith("kubernetes:") or group(node.type) in NATIVE or node.urn in parents:
            continue
        kind = node.type.rpartition(":")[2]
        known = kind in _tables()["operators"] or group(node.type) in podless or kind in podless
        if not known and not behind(node):
            yield f"{kind} {node.at('metadata.name').text(node.name)}"


def _chart(node: Node) -> str:
    return node.at("chart").text().rpartition("/")[2]


def _addon(node: Node) -> str:
    return node.at("addonName").text()


def _from_row(row: Mapping[str, Any], module: str, values: Reading) -> Pods:
    """Pods of a chart or add-on: what its values say, else what it says itself."""
    own = _at(values, row.get("at", ""))
    given = _requests(own)
    named = (row.get("replicas_at", "replicaCount"), "replicas")
    replicas = next((one for name in named if (one := own.at(name))), None)
    placed = {key: own.at(key).value for key in ("nodeSelector", "tolerations", "affinity") if own.at(key)}
    made = Pods(
        name=row["name"],
        module=module,
        replicas=replicas.whole(1) if replicas else int(row.get("replicas", 1)),
        daemon=row.get("daemon", False),
        # Daemons of the platform's own run on every node.
        rules=rules_of({**placed, **({"tolerations": _EVERYWHERE} if row.get("daemon") else {})}, {}, row["name"]),
        assumed="" if given else row["source"],
    )
    asked = given or of_container({"resources": {"requests": row}})
    beside = [(one, _requests(_at(values, one["at"]))) for one in row.get("beside", ())]
    for one, said in beside:
        asked = asked.plus(said or of_container({"resources": {"requests": one}}))
    off = row.get("enabled")
    return replace(made.asking(asked), replicas=0 if off and not values.at(off).flag(default=True) else made.replicas)


def _requests(values: Reading) -> Requests | None:
    """What values ask for; None where they leave it to the chart."""
    resources = values.at("resources").value
    asked = of_container({"resources": resources}) if isinstance(resources, Mapping) else NOTHING
    return None if asked == NOTHING else asked


def _at(values: Reading, path: str) -> Reading:
    return values.at(path) if path else values
