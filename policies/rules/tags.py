"""Tags: who owns a resource, who pays for it, where it runs, and how secret its data is."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import holds_unknown
from policies.model import ABSENT, Judgement, Verdict, look
from policies.registry import stack_rule

WANTED = ("environment", "owner", "cost-centre", "data-classification")
_SPELLINGS = {"costcenter": "costcentre"}
TAGGED = (
    "aws:s3/bucket:Bucket",
    "aws:eks/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:rds/cluster:Cluster",
    "aws:dynamodb/table:Table",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
    "aws:kinesis/stream:Stream",
    "aws:kms/key:Key",
    "aws:msk/cluster:Cluster",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
)
"""Types that hold data or keys, or that cost most; what is charged for itself, or asked for in an audit."""


@stack_rule("mandatory-tags")
def resources_say_whose_they_are(graph: Graph) -> Iterable[Judgement]:
    """Tags count from the resource and from its provider's `defaultTags`, in any spelling of their words."""
    for node in graph.of_type(*TAGGED):
        tags = tags_of(graph, node)
        missing = [] if tags is None else [name for name in WANTED if _plain(name) not in map(_plain, _filled(tags))]
        unsure = tags is None or holds_unknown([value for name, value in tags.items() if _plain(name) in _PLAIN])
        verdict = Verdict.BROKEN if missing else Verdict.UNKNOWN if unsure else Verdict.MET
        yield Judgement(
            verdict=verdict,
            path="tags",
            value=UNKNOWN if tags is None else tags,
            message=f"These tags are missing: {', '.join(missing)}." if missing else "",
            urn=node.urn,
        )


def _filled(tags: Mapping[str, Any]) -> list[str]:
    return [name for name, value in tags.items() if value not in (None, "")]


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z]", "", name.lower())
    return _SPELLINGS.get(plain, plain)


_PLAIN = frozenset(map(_plain, WANTED))


def tags_of(graph: Graph, node: Node) -> dict[str, Any] | None:
    """A resource's own tags over those of its provider; None where one of the two sets is unknown."""
    provider = graph[node.provider].inputs if node.provider in graph else {}
    sets = [_structure(look(_structure(look(provider, "defaultTags")), "tags")), _structure(look(node.inputs, "tags"))]
    if UNKNOWN in sets:
        return None
    return {key: value for one in sets if isinstance(one, Mapping) for key, value in one.items()}


def _structure(value: Any) -> Any:
    """Providers hold their structured settings as JSON text."""
    if value is ABSENT or not isinstance(value, str):
        return value
    try:
        return UNKNOWN if value in (UNKNOWN, SECRET) else json.loads(value)
    except json.JSONDecodeError:
        return {}
