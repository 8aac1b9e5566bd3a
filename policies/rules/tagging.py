"""Tags: who owns a resource, who pays for it, which environment it is of and how its data is classed."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from policies.model import ABSENT, Judgement, Verdict, look
from policies.registry import stack_rule
from policies.rules.logic import is_unknown

MANDATORY = ("Environment", "Owner", "CostCenter", "DataClassification")


@stack_rule("mandatory-tags")
def everything_is_tagged(graph: Graph) -> Iterator[Judgement]:
    """Every resource that takes tags, whether they are its own or the provider's default tags."""
    for node in graph:
        if node.package == "aws" and ("tags" in node.inputs or "tagsAll" in node.outputs):
            yield _judge(node)


def _judge(node: Node) -> Judgement:
    found = [look(node.inputs, "tags"), look(node.inputs, "tagsAll"), look(node.outputs, "tagsAll")]
    tags: dict[str, Any] = {}
    for values in found:
        tags |= values if isinstance(values, Mapping) else {}
    absent = [key for key in MANDATORY if key not in tags]
    vague = any(is_unknown(values) for values in found if values is not ABSENT)
    verdict = Verdict.MET if not absent else Verdict.UNKNOWN if vague else Verdict.BROKEN
    if verdict is Verdict.MET and any(is_unknown(tags[key]) for key in MANDATORY):
        verdict = Verdict.UNKNOWN
    message = f"lacks the tags {', '.join(absent)}" if verdict is Verdict.BROKEN else ""
    return Judgement(verdict=verdict, path="tags", value=sorted(tags), message=message, urn=node.urn)
