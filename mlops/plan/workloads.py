"""Where each part runs: the workloads that a graph states, with their image, their role and how many there are.

What a chart or an operator makes of its values is not among them: `mlops capacity` has those.
"""

from dataclasses import dataclass

from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Reading
from mlops.plan.summary import short_type

_KINDS = ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "batch/v1:Job")
_ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_ROLE = "aws:iam/role:Role"
_AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One workload of the cluster."""

    namespace: str
    name: str
    kind: str
    """Deployment, StatefulSet, DaemonSet or Job."""
    image: str
    role: str
    """Name of the resource whose IAM role its pods have; empty for none."""
    replicas: str
    """`2`, `1-3` with an autoscaler, `1 a node`, `once` for a job."""
    module: str


def workloads(graph: Graph) -> tuple[Workload, ...]:
    """The workloads, in order of registration."""
    roles = _roles(graph)
    ranges = {
        (_namespace(node), node.at("spec.scaleTargetRef.name").text()): node.at("spec")
        for node in graph.of_type(_AUTOSCALER)
    }
    found = []
    for node in graph.of_type(*(f"kubernetes:{kind}" for kind in _KINDS)):
        pod = node.at("spec.template.spec")
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
    return tuple(found)


def _roles(graph: Graph) -> dict[tuple[str, str], str]:
    by_arn = {str(node.outputs.get("arn")): node.name for node in graph.of_type(_ROLE)}
    return {
        (node.at("namespace").text(), node.at("serviceAccount").text()): by_arn.get(node.at("roleArn").text(), "")
        for node in graph.of_type(_ASSOCIATION)
    }


def _replicas(kind: str, spec: Reading, scaled: Reading | None) -> str:
    if scaled:
        return f"{scaled.at('minReplicas').whole(1)}-{scaled.at('maxReplicas').text('?')}"
    if kind in ("DaemonSet", "Job"):
        return {"DaemonSet": "1 a node", "Job": "once"}[kind]
    return str(spec.at("replicas").whole(1))


def _name(node: Node) -> str:
    return node.at("metadata.name").text(node.name)


def _namespace(node: Node) -> str:
    return node.at("metadata.namespace").text("default")
