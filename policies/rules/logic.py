"""Three answers: yes, no, and not known yet.

A value that is known only after the deployment makes a statement neither true nor false; None stands for that, and
nothing here ever turns it into True.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import ABSENT, Answer, Judgement, Verdict, look


def is_unknown(value: Any) -> bool:
    """Whether a text is unknown, or built from something unknown."""
    return isinstance(value, str) and UNKNOWN in value


def holds_unknown(value: Any) -> bool:
    """Whether anything in a structure is unknown."""
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    return is_unknown(value)


def any_of(answers: Iterable[Answer]) -> Answer:
    """Yes where one is; unknown where none is and one may be."""
    found = list(answers)
    return True if True in found else None if None in found else False


def all_of(answers: Iterable[Answer]) -> Answer:
    """No where one is not; unknown where none is no and one may be."""
    found = list(answers)
    return False if False in found else None if None in found else True


def negated(answer: Answer) -> Answer:
    return None if answer is None else not answer


def is_set(value: Any) -> Answer:
    """Whether there is a value. One that is not known yet was given, but may be empty."""
    if is_unknown(value):
        return None
    return value is not ABSENT and value is not None and value not in ("", [], {})


def is_one(value: Any, *allowed: Any) -> Answer:
    """Whether a value is one of those; texts are compared as AWS writes them."""
    return None if is_unknown(value) else value in allowed


def is_true(value: Any) -> Answer:
    """Whether a flag is set; launch templates write it as a text."""
    return is_one(value, True, "true")


def is_false(value: Any) -> Answer:
    """Whether a flag is cleared; one that is absent is not."""
    return is_one(value, False, "false")


def as_list(value: Any) -> list[Any]:
    """A value that may be one or many, as IAM and Pulumi write them. Absent reads as none."""
    if value is ABSENT or value is None:
        return []
    return value if isinstance(value, list) else [value]


def rows(node: Node, path: str) -> Iterator[tuple[str, Any]]:
    """The elements of a list with their paths; a list that is not known yet is one unknown element."""
    value = look(node.inputs, path)
    if is_unknown(value):
        yield path, UNKNOWN
        return
    for index, item in enumerate(as_list(value)):
        yield f"{path}[{index}]", item


def missing(message: str, urn: str = "", path: str = "") -> Judgement:
    """Something that has to be there and is not; of a resource where one is named, else of the stack."""
    return Judgement(verdict=Verdict.BROKEN, path=path, message=message, urn=urn)


def sources(graph: Graph, node: Node, name: str, *types: str) -> tuple[Node, ...]:
    """The resources of these types that a property's value comes from."""
    urns = node.property_dependencies.get(name.partition(".")[0].partition("[")[0], ())
    return tuple(graph[urn] for urn in urns if urn in graph and graph[urn].type in types)


def refers(graph: Graph, node: Node, name: str, target: Node) -> bool:
    """Whether a property names a resource: by where its value comes from, or by the value itself."""
    if target.urn in node.property_dependencies.get(name, ()):
        return True
    value = look(node.inputs, name)
    return isinstance(value, str) and value in identities(target)


def identities(node: Node) -> set[str]:
    """What other resources may call it: its id, its ARN and its name."""
    found = (node.id, node.outputs.get("arn"), node.outputs.get("name"), node.outputs.get("bucket"))
    return {text for text in found if isinstance(text, str) and text and text != SECRET and not is_unknown(text)}


def referring(graph: Graph, type_: str, name: str, target: Node) -> tuple[Node, ...]:
    """The resources of a type whose property names the target."""
    return tuple(node for node in graph.of_type(type_) if refers(graph, node, name, target))


def unclear(graph: Graph, type_: str, name: str) -> bool:
    """Whether a resource of a type may refer to anything: its property is unknown and nobody says where it is from."""
    return any(
        is_unknown(look(node.inputs, name)) and not node.property_dependencies.get(name)
        for node in graph.of_type(type_)
    )
