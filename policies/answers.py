"""Three answers: yes, no, and not known yet.

A value that is known only after the deployment makes a statement neither true nor false; None stands for that, and
nothing here ever turns it into True.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import ABSENT, Answer, Judgement, Verdict, look

_AWS_KEY = re.compile(r"(?:^|:)alias/aws/")


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


def is_own_key(value: Any) -> Answer:
    """Whether a KMS key is set that is not one of AWS's own, by whatever name."""
    return all_of([is_set(value), None if is_unknown(value) else _AWS_KEY.search(str(value)) is None])


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


def distinct(value: Any) -> list[Any]:
    """The elements of a list, each once; those that are not known yet may all be others."""
    known = as_list(value)
    return [one for index, one in enumerate(known) if is_unknown(one) or one not in known[:index]]


def rows(node: Node, path: str) -> Iterator[tuple[str, Any]]:
    """The elements of a list with their paths; a list that is not known yet is one unknown element."""
    value = look(node.inputs, path)
    if is_unknown(value):
        yield path, UNKNOWN
        return
    for index, item in enumerate(as_list(value)):
        yield f"{path}[{index}]" if isinstance(value, list) else path, item


def missing(message: str, urn: str = "", path: str = "") -> Judgement:
    """Something that has to be there and is not; of a resource where one is named, else of the stack."""
    return Judgement(verdict=Verdict.BROKEN, path=path, message=message, urn=urn)


def answer(value: Any, holds: Callable[[Any], bool]) -> Answer:
    """What `holds` says of a value, None where the value is unknown or hidden as a secret."""
    return None if value in (UNKNOWN, SECRET) else holds(value)


def elements(value: Any) -> list[Any]:
    """The elements of a list; `[UNKNOWN]` where the list is unknown, nothing where there is none."""
    if isinstance(value, list):
        return value
    return [UNKNOWN] if value in (UNKNOWN, SECRET) else []
