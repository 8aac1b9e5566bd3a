"""What follows from a replacement: resources that carry the identity of a replaced one, and those that go with it.

The engine replaces a resource whose replacing property carries an id that becomes new. One that keeps its given name
is deleted before the new one is made, and takes with it whatever names it in a replacing property. Source of the
second: pulumi pkg/resource/deploy/step_generator.go, calculateDependentReplacements.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops.change.facts import Facts, at
from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN

SUBNET = "aws:ec2/subnet:Subnet"
_SHORTEST = 6
_IDENTITY = re.compile(r"(^|[a-z])(id|arn|endpoint|url|uri|address)$", re.IGNORECASE)


class Replaced:
    """The resources that are replaced, as they are found, dependencies first."""

    def __init__(self) -> None:
        self._pairs: dict[str, tuple[Node, Node]] = {}
        self._first: set[str] = set()

    def add(self, old: Node, new: Node, facts: Facts | None) -> None:
        """Take up that a resource is replaced."""
        self._pairs[new.urn] = old, new
        given = at(new.inputs, facts.name) if facts and facts.name else None
        if new.delete_before_replace or (given and given == at(old.inputs, facts.name if facts else "")):
            self._first.add(new.urn)

    def __contains__(self, urn: str) -> bool:
        return urn in self._pairs

    def goes_first(self, urn: str) -> bool:
        """Whether the old one is deleted before the new one is made."""
        return urn in self._first

    def reason(self, path: str, value: Any, node: Node, *, replacing: bool) -> str:
        """Why the value of a property becomes another one although it reads the same; empty where it does not.

        Args:
            replacing: a change of the property makes a new resource.
        """
        urns = node.property_dependencies.get(path.partition(".")[0].rstrip("#"), ())
        for urn in (urn for urn in urns if urn in self._pairs):
            text = json.dumps(value)
            source = self._pairs[urn][1]
            if UNKNOWN in text or any(word in text for one in self._pairs[urn] for word in _identities(one)):
                return f"{source.name} is replaced, so this is new"
            if replacing and urn in self._first:
                return f"{source.name} keeps its name and is deleted first, and what needs it goes with it"
        return ""

    def provider_reason(self, node: Node, facts: Facts | None) -> str:
        """Why a resource is another one with its provider; empty where its provider stays what it is."""
        if node.provider not in self._pairs or (node.package == "aws" and facts and "region" not in facts.replaced_by):
            return ""
        return f"its provider {self._pairs[node.provider][1].name} is replaced"

    def moved(self, node: Node) -> frozenset[str]:
        """Properties whose subnets all lie in another VPC than before."""
        found = {
            name: [self._moves(urn) for urn in urns if self._is_subnet(urn)]
            for name, urns in node.property_dependencies.items()
        }
        return frozenset(name for name, moves in found.items() if moves and all(moves))

    def _is_subnet(self, urn: str) -> bool:
        return urn.rpartition("::")[0].endswith(SUBNET)

    def _moves(self, urn: str) -> bool:
        if urn not in self._pairs:
            return False
        old, new = self._pairs[urn]
        of_replaced = any(vpc in self._pairs for vpc in new.property_dependencies.get("vpcId", ()))
        return of_replaced or old.inputs.get("vpcId") != new.inputs.get("vpcId")


def _identities(node: Node) -> Iterator[str]:
    """What a resource is called by that AWS made up; a name that was given is the same afterwards."""
    given = _leaves(node.inputs)
    if node.id and node.id not in given:
        yield node.id
    long = [word for word in given if len(word) >= _SHORTEST]
    for key, value in node.outputs.items():
        if isinstance(value, str) and len(value) >= _SHORTEST and _IDENTITY.search(key):
            # One that is made of what was given, as an ARN is of a name, is the same afterwards.
            yield from () if any(word in value for word in long) else (value,)


def _leaves(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set[str]().union(*(_leaves(item) for item in value.values()))
    return {value} if isinstance(value, str) else set()
