"""IAM documents in one form, whoever wrote them: as text or as a structure, one statement or many, in any capitals.

A document that is unknown, hidden as a secret or not to be read is never taken for a good one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import any_of, as_list, is_unknown, negated
from policies.model import ABSENT, Answer, look
from policies.patterns import every_resource, every_resource_of_a_kind, is_open, matches

_HOLDERS: Mapping[str, str] = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": "inlinePolicy",
}
"""Type -> where it holds what it permits. Roles hold theirs in `inlinePolicies`."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One test of a statement."""

    operator: str
    """In lower case: `stringequals`, `forallvalues:stringlike`, `boolifexists`."""
    key: str
    """In lower case; IAM ignores its case."""
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement. Single values read as lists; names of actions are in lower case, as IAM ignores their case."""

    path: str
    """Where it stands: `policy.Statement[0]`."""
    allows: bool
    denies: bool
    actions: tuple[str, ...]
    all_but: tuple[str, ...]
    """NotAction: everything else is meant."""
    resources: tuple[str, ...]
    resources_all_but: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """Kind and value: `("Service", "ec2.amazonaws.com")`, `("*", "*")`."""
    principals_all_but: bool
    """NotPrincipal: everybody else is meant."""
    conditions: tuple[Condition, ...] | None
    """None where they are not known."""

    def permits(self, *actions: str) -> Answer:
        """Whether one of the actions, or a pattern that takes it, is allowed."""
        return self.allows and self.names(*actions)

    def names(self, *actions: str) -> Answer:
        """Whether a statement is about one of the actions."""
        if self.all_but:
            left_out = (any_of(_takes(own, one) for own in self.all_but) for one in actions)
            return any_of(negated(answer) for answer in left_out)
        return any_of(_takes(own, one) for own in self.actions for one in actions)

    @property
    def everywhere(self) -> Answer:
        """Whether it holds for every resource."""
        if self.resources_all_but:
            return True
        return any_of(None if is_unknown(own) else every_resource(own) for own in self.resources)

    @property
    def for_a_whole_kind(self) -> Answer:
        """Whether it holds for every resource, or for every one of some kind."""
        if self.resources_all_but:
            return True
        return any_of(None if is_unknown(own) else every_resource_of_a_kind(own) for own in self.resources)

    @property
    def for_anybody(self) -> Answer:
        """Whether it is about every principal: a wildcard of any kind, or an Allow of everybody but somebody."""
        if self.principals_all_but:
            return self.allows
        return any_of(None if is_unknown(who) else _is_anybody(who) for _, who in self.principals)


def _takes(pattern: str, action: str) -> Answer:
    return None if is_unknown(pattern) else matches(pattern, action)


def _is_anybody(who: str) -> bool:
    """`*`, and an ARN of which no account is named."""
    parts = who.split(":")
    return is_open(who) or (parts[0].lower() == "arn" and (len(parts) < 5 or is_open(parts[4])))


def statements(document: Any, path: str = "policy") -> tuple[Statement, ...] | None:
    """The statements of a document; None where it is not known, or no document at all."""
    content = _content(document)
    if content is None:
        return None
    rows = as_list(_folded(content).get("statement"))
    if any(not isinstance(row, Mapping) for row in rows):
        return None
    return tuple(_statement(_folded(row), f"{path}.Statement[{index}]") for index, row in enumerate(rows))


def _content(document: Any) -> Mapping[str, Any] | None:
    """A document as a structure. Text may be wrapped in text, as `json.dumps` of a finished document makes it."""
    while isinstance(document, str):
        if is_unknown(document) or document == SECRET:
            # A document with one unknown ARN in it is unknown as a whole once it is text.
            return None
        try:
            document = json.loads(unquote(document) if document.startswith("%") else document)
        except json.JSONDecodeError:
            return None
    return document if isinstance(document, Mapping) else None


def _folded(row: Mapping[str, Any]) -> dict[str, Any]:
    """The elements of a document by their names in lower case."""
    return {str(key).lower(): value for key, value in row.items()}


def _statement(row: Mapping[str, Any], path: str) -> Statement:
    effect = str(row.get("effect")).lower()
    return Statement(
        path=path,
        # An effect that is not known may allow.
        allows=effect != "deny",
        denies=effect == "deny",
        actions=tuple(str(action).lower() for action in as_list(row.get("action"))),
        all_but=tuple(str(action).lower() for action in as_list(row.get("notaction"))),
        resources=tuple(map(str, as_list(row.get("resource")))),
        resources_all_but=tuple(map(str, as_list(row.get("notresource")))),
        principals=tuple(_principals(row.get("principal"))),
        principals_all_but="notprincipal" in row,
        conditions=_conditions(row.get("condition")),
    )


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    if isinstance(principal, Mapping):
        for kind, values in principal.items():
            yield from ((str(kind), str(value)) for value in as_list(values))
    else:
        yield from (("*", str(value)) for value in as_list(principal))


def _conditions(blocks: Any) -> tuple[Condition, ...] | None:
    if blocks is None:
        return ()
    if not isinstance(blocks, Mapping) or any(not isinstance(tests, Mapping) for tests in blocks.values()):
        return None
    return tuple(
        Condition(operator=str(operator).lower(), key=str(key).lower(), values=_values(values))
        for operator, tests in blocks.items()
        for key, values in tests.items()
    )


def _values(values: Any) -> tuple[str, ...]:
    """Flags and numbers may be written as such: IAM reads them as texts."""
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in as_list(values))


def documents(node: Node) -> Iterator[tuple[str, tuple[Statement, ...] | None]]:
    """What a resource permits: path of the document, its statements or None."""
    path = _HOLDERS.get(node.type)
    if path and (document := look(node.inputs, path)) is not ABSENT:
        yield path, statements(document, path)
    if node.type == "aws:iam/role:Role":
        inline = look(node.inputs, "inlinePolicies")
        for index, row in enumerate(as_list(inline)):
            where = "inlinePolicies" if inline == UNKNOWN else f"inlinePolicies[{index}].policy"
            document = UNKNOWN if row == UNKNOWN else look(row, "policy")
            if document is not ABSENT:
                yield where, statements(document, where)
