"""The examples of every rule, wherever its tables are: what breaks it, and what satisfies it."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from _pytest.mark.structures import ParameterSet

import tests.policies
from mlops.plan.graph import Node
from policies.model import Verdict
from tests.policies.aws_resources import Case


@dataclass(frozen=True)
class Example:
    """Resources of which a rule says one thing."""

    rule: str
    expected: Verdict
    nodes: tuple[Node, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


def examples(expected: Verdict) -> list[Example]:
    """All examples with this verdict, each once."""
    found = {str(one): one for module in _modules() for one in _in(module) if one.expected is expected}
    return list(found.values())


def _modules() -> Iterator[Any]:
    for name in sorted(found.name for found in pkgutil.iter_modules(tests.policies.__path__)):
        if name.startswith(("test_rules_", "test_kubernetes_")):
            yield importlib.import_module(f"{tests.policies.__name__}.{name}")


def _in(module: Any) -> Iterator[Example]:
    for table in vars(module).values():
        if isinstance(table, list):
            for row in table:
                yield from _of_row(row)


def _of_row(row: Any) -> Iterable[Example]:
    match row:
        case Case():
            if row.expected:
                yield Example(row.rule, row.expected, row.nodes, row.sentence)
        case ParameterSet(values=(str(rule), Verdict() as expected, tuple(nodes)), id=sentence):
            yield Example(rule, expected, nodes, str(sentence).partition(": ")[2])
        case (str(rule), Node() as breaks, Node() as satisfies, Node()):
            yield Example(rule, Verdict.BROKEN, (breaks,), f"{breaks.name} breaks it")
            yield Example(rule, Verdict.MET, (satisfies,), f"{satisfies.name} satisfies it")
        case (str(rule), tuple(breaks), tuple(satisfies), tuple()):
            yield Example(rule, Verdict.BROKEN, breaks, "a stack breaks it")
            yield Example(rule, Verdict.MET, satisfies, "a stack satisfies it")
        case _:
            pass
