"""One spelling of every resource, before any rule looks: what AWS and Kubernetes take for the same reads the same.

Rules state what is right in one way only. A protocol by number, a port as text, a flag as text, an older API version
of the same kind and a second name of the same type are read here, once, as the one that rules know.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlops.plan.behind import behind, is_workload
from mlops.plan.graph import Graph, Node
from policies.answers import is_unknown
from policies.inline import stated
from policies.kinds import current_type
from policies.model import Judgement

_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
"""Numbers of IANA's registry that AWS takes for names, and its own word for all of them."""
_POD_FLAGS = frozenset(
    (
        *("allowPrivilegeEscalation", "automountServiceAccountToken", "hostIPC", "hostNetwork", "hostPID"),
        *("hostProcess", "privileged", "readOnlyRootFilesystem", "runAsNonRoot"),
    )
)
_NETWORK = re.compile(r"aws:(?:ec2|vpc)/")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_TEXTS = re.compile(
    r"(?:value|version|id|ids|arn|arns|account|accounts|name|key|protocol|family|class|description)$", re.I
)
"""Ends of names whose values stay texts even where they consist of digits."""
_FREE = frozenset({"tags", "tagsAll", "labels", "variables", "parameters", "defaultTags", "annotations", "properties"})
"""Mappings and lists in which the user names the keys."""


@dataclass(frozen=True, kw_only=True)
class Canonical(Node):
    """A resource in the one spelling that rules know. Its type may be another than the graph's."""

    owner: str = ""
    """URN of the resource in which it is stated; empty for one of its own."""
    places: Mapping[str, str] = field(default_factory=dict)
    """For a stated one: path in it -> path in its owner."""

    def own(self, judgement: Judgement) -> Judgement:
        """What is said of it, said of the resource in which somebody can mend it."""
        if not self.owner:
            return judgement
        return replace(judgement, urn=self.owner, path=_place(judgement.path, self.places))


def _place(path: str, places: Mapping[str, str]) -> str:
    start = max((one for one in places if path.startswith(one)), key=len, default="")
    if start or not path:
        return places.get(start, "") + path.removeprefix(start)
    return path if "" not in places or path == places[""] else f"{places['']}.{path}"


@dataclass(frozen=True, kw_only=True)
class CanonicalGraph(Graph):
    """A graph of such resources."""


def canonical(node: Node) -> Canonical:
    """A resource as rules read it."""
    if isinstance(node, Canonical):
        return node
    values: dict[str, Any] = {**vars(node), "type": current_type(node.type)}
    if node.package == "aws":
        values["inputs"] = _spelt(node.inputs, _speller(values["type"]))
    elif node.package == "kubernetes":
        values["inputs"] = _spelt(node.inputs, _of_a_pod)
    return Canonical(**values)


def readings(node: Node) -> Iterator[Node]:
    """A resource as rules read it, and after it those that it states in itself: pods, a bucket's settings."""
    whole = canonical(node)
    yield whole
    if not isinstance(node, Canonical):
        for part in (*stated(whole), *behind(node)):
            made = canonical(part.node)
            yield replace(made, owner=node.urn, places=part.places)


def may_read_as(type_: str, types: Collection[str]) -> bool:
    """Whether a resource of a type, or something that it states in itself, can be of one of these types."""
    carries = type_.startswith("kubernetes:") and not is_workload(type_)
    return carries or type_.startswith("aws:s3/bucket") or current_type(type_) in types


def canonical_graph(graph: Graph) -> Graph:
    """A graph as rules read it."""
    if isinstance(graph, CanonicalGraph):
        return graph
    made = (one for node in graph for one in readings(node))
    return CanonicalGraph(
        project=graph.project, stack=graph.stack, nodes=tuple(made), stack_outputs=graph.stack_outputs
    )


_Speller = Callable[[str, Any], Any]
"""Name of a property and its value -> the value as rules know it."""


def _spelt(properties: Mapping[str, Any], spell: _Speller) -> dict[str, Any]:
    return {key: _value(key, value, spell) for key, value in properties.items()}


def _value(key: str, value: Any, spell: _Speller) -> Any:
    if key in _FREE:
        return value
    if isinstance(value, Mapping):
        return _spelt(value, spell)
    if isinstance(value, list):
        return [_value(key, item, spell) for item in value]
    return spell(key, value)


def _speller(type_: str) -> _Speller:
    if _NETWORK.match(type_):
        return _of_a_network
    return _of_a_balancer if type_.startswith("aws:lb/") else _scalar


def _scalar(key: str, value: Any) -> Any:
    """Providers take flags and numbers that are written as text."""
    if not isinstance(value, str):
        return value
    if value in ("true", "false"):
        return value == "true"
    return int(value) if _NUMBER.fullmatch(value) and not _TEXTS.search(key) else value


def _of_a_network(key: str, value: Any) -> Any:
    """AWS tells no capitals of protocols and of what a network ACL does, and takes a protocol's number for its name."""
    if key in ("protocol", "ipProtocol", "action", "ruleAction"):
        text = str(value).lower()
        return _PROTOCOLS.get(text, text)
    return _scalar(key, value)


def _of_a_balancer(key: str, value: Any) -> Any:
    capitals = key == "protocol" and isinstance(value, str) and not is_unknown(value)
    return value.upper() if capitals else _scalar(key, value)


def _of_a_pod(key: str, value: Any) -> Any:
    """Flags that a chart or a template wrote as text."""
    if key in _POD_FLAGS and value in ("true", "false"):
        return value == "true"
    return int(value) if key == "runAsUser" and isinstance(value, str) and value.isdigit() else value
