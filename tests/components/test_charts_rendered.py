"""What `chart_workloads.py` says of charts, held against Helm itself. Long: it wants `helm` on PATH, and the charts as
folders in MLOPS_CHARTS, each under the name of its chart (`helm pull --untar`)."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops.plan.graph import Graph, Node
from tests.components.chart_workloads import RELEASE, Workload, chart, workloads
from tests.components.test_controllers import SETTINGS, graph_of

pytestmark = pytest.mark.long

CHARTS = os.environ.get("MLOPS_CHARTS", "")
_KINDS = ("Deployment", "DaemonSet", "Job")


@pytest.fixture(autouse=True)
def _helm() -> None:
    if not shutil.which("helm"):
        pytest.skip("There is no helm on PATH.")
    if not CHARTS:
        pytest.skip("MLOPS_CHARTS names no folder with the charts (`helm pull --untar`).")


@pytest.mark.parametrize("settings", SETTINGS)
def test_helm_renders_the_workloads_that_the_tests_reckon_with(settings: str) -> None:
    graph = graph_of(settings)
    for node in graph.of_type(RELEASE):
        rendered = sorted(_workloads(_rendered(node)), key=lambda one: one.name)
        said = sorted(workloads(_alone(node)), key=lambda one: one.name)
        assert rendered == said, node.name


def _alone(node: Node) -> Graph:
    return Graph(project="mlops", stack="test", nodes=(node,))


def _rendered(node: Node) -> list[Mapping[str, Any]]:
    values = json.dumps(node.inputs.get("values") or {})
    return _helm_template(chart(node), str(node.inputs["name"]), str(node.inputs["namespace"]), values)


@cache
def _helm_template(name: str, release: str, namespace: str, values: str) -> list[Mapping[str, Any]]:
    command = ["helm", "template", release, str(Path(CHARTS) / name), "--namespace", namespace, "--values", "-"]
    command += ["--kube-version", "1.35.0"]
    done = subprocess.run(command, input=values, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def _workloads(documents: list[Mapping[str, Any]]) -> Iterator[Workload]:
    fewest = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["minReplicas"]
        for one in documents
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    budgets = [one["spec"] for one in documents if one["kind"] == "PodDisruptionBudget"]
    for one in documents:
        if one["kind"] not in _KINDS:
            continue
        name, pod = one["metadata"]["name"], one["spec"]["template"]["spec"]
        labels = one["spec"]["template"]["metadata"]["labels"]
        found = [spec for spec in budgets if spec["selector"]["matchLabels"].items() <= labels.items()]
        yield Workload(
            name=name,
            kind=one["kind"],
            replicas=fewest.get(name, one["spec"].get("replicas", 1)),
            budget={key: value for key, value in found[0].items() if key != "selector"} if found else None,
            requests=all(_requests(container) for container in pod["containers"]),
            group=_group(pod),
        )


def _requests(container: Mapping[str, Any]) -> bool:
    requests = (container.get("resources") or {}).get("requests") or {}
    return bool(requests.get("cpu") and requests.get("memory"))


def _group(pod: Mapping[str, Any]) -> str:
    chosen = (pod.get("nodeSelector") or {}).get("mlops.platform/group", "")
    required = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {"nodeSelectorTerms": []}
    rules = [rule for term in required["nodeSelectorTerms"] for rule in term["matchExpressions"]]
    return chosen or next((rule["values"][0] for rule in rules if rule["key"] == "mlops.platform/group"), "")
