"""The pods that a graph makes, with what they request: written out in workloads and custom resources, hidden in charts,
add-ons and operators."""

from mlops.capacity.hidden import brought, chart_pods, not_counted, source
from mlops.capacity.model import Pods
from mlops.capacity.written import written_out
from mlops.plan.graph import Graph

__all__ = ["Pods", "chart_pods", "not_counted", "pods", "source"]


def pods(graph: Graph) -> tuple[Pods, ...]:
    """All pods of a graph: those that are written out, then those that are not."""
    return (*written_out(graph), *brought(graph))
