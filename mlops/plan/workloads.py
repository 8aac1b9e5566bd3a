"""Where each part runs: the workloads that a graph states, with their image, their role and how many there are.

What a chart or an operator makes of its values is not among them: `mlops capacity` has those.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Reading
from mlops.plan.summary import short_type

_KINDS = ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "batch/v1:Job")
_SCHEDULED = "kubernetes:batch/v1:CronJob"
_ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_ROLE = "aws:iam/role:Role"
_AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
_SERVICE, _TASK = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
_SCALING = "aws:appautoscaling/target:Target"
_FUNCTION = "aws:lambda/function:Function"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One workload: pods of the cluster, tasks of ECS, or a function."""

    namespace: str
    """The ECS cluster's name for tasks; empty for a function."""
    name: str
    kind: str
    """Deployment, StatefulSet, DaemonSet, Job, CronJob, Service (ECS) or Function."""
    image: str
    role: str
    """Name of the resource whose IAM role its pods have; empty for none."""
    replicas: str
    """`2`, `1-3` with an autoscaler, `1 a node`, `once` for a job, when a CronJob runs, `on call` for a
    function."""
    module: str


def workloads(graph: Graph) -> tuple[Workload, ...]:
    """The workloads, in order of registration."""
    roles = _roles(graph)
    ranges = {
        (_namespace(node), node.at("spec.scaleTargetRef.name").text()): node.at("spec")
        for node in graph.of_type(_AUTOSCALER)
    }
    found = []
    for node in graph.of_type(*(f"kubernetes:{kind}" for kind in _KINDS), _SCHEDULED):
        pod = node.at("spec.jobTemplate.spec.template.spec" if node.type == _SCHEDULED else "spec.template.spec")
        key = (_namespace(node), _name(node))
        found.append(
            Workload(
                namespace=key[0],
                name=key[1],
                kind=short_type(node.type),
                image=pod.at("containers[0].image").text(),
                role=roles.get((key[0], pod.at("serviceAccountName").text("default")), ""),
                replicas=_replicas(short_type(node.type), node.at("spec"), ranges.get(key)),
                module=graph.module(node),
            )
        )
    return (*found, *_tasks(graph), *_functions(graph))


def _tasks(graph: Graph) -> Iterator[Workload]:
    """Services of ECS, with what their task definitions say."""
    definitions = {str(node.outputs.get("arn")): node for node in graph.of_type(_TASK)}
    by_arn = {str(node.outputs.get("arn")): node.name for node in graph.of_type(_ROLE)}
    scaled = {node.at("resourceId").text().rpartition("/")[2]: node for node in graph.of_type(_SCALING)}
    for node in graph.of_type(_SERVICE):
        definition = definitions.get(node.at("taskDefinition").text())
        if definition is None:
            continue
        (container, *_) = json.loads(definition.at("containerDefinitions").text("[{}]"))
        replicas = str(node.at("desiredCount").whole(1))
        if target := scaled.get(str(node.outputs.get("name"))):
            replicas = f"{target.at('minCapacity').whole(1)}-{target.at('maxCapacity').text('?')}"
        yield Workload(
            namespace=node.at("cluster").text().rpartition("/")[2],
            name=str(container.get("name", node.name)),
            kind="Service",
            image=str(container.get("image", "")),
            role=by_arn.get(definition.at("taskRoleArn").text(), ""),
            replicas=replicas,
            module=graph.module(node),
        )


def _functions(graph: Graph) -> Iterator[Workload]:
    """Functions that run an image."""
    by_arn = {str(node.outputs.get("arn")): node.name for node in graph.of_type(_ROLE)}
    for node in graph.of_type(_FUNCTION):
        if image := node.at("imageUri").text():
            yield Workload(
                namespace="",
                name=node.at("functionName").text() or node.at("name").text(node.name),
                kind="Function",
                image=image,
                role=by_arn.get(node.at("role").text(), ""),
                replicas="on call",
                module=graph.module(node),
            )


def _roles(graph: Graph) -> dict[tuple[str, str], str]:
    by_arn = {str(node.outputs.get("arn")): node.name for node in graph.of_type(_ROLE)}
    return {
        (node.at("namespace").text(), node.at("serviceAccount").text()): by_arn.get(node.at("roleArn").text(), "")
        for node in graph.of_type(_ASSOCIATION)
    }


def _replicas(kind: str, spec: Reading, scaled: Reading | None) -> str:
    if scaled:
        return f"{scaled.at('minReplicas').whole(1)}-{scaled.at('maxReplicas').text('?')}"
    if kind in ("DaemonSet", "Job", "CronJob"):
        return {"DaemonSet": "1 a node", "Job": "once", "CronJob": spec.at("schedule").text()}[kind]
    return str(spec.at("replicas").whole(1))


def _name(node: Node) -> str:
    return node.at("metadata.name").text(node.name)


def _namespace(node: Node) -> str:
    return node.at("metadata.namespace").text("default")
