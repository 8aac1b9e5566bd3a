"""IAM documents: their statements, whoever wrote them as text or as a structure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import ABSENT, Answer, look
from policies.rules.logic import any_of, as_list, is_unknown, rows

DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:iam/userPolicy:UserPolicy": ("policy",),
    "aws:iam/groupPolicy:GroupPolicy": ("policy",),
}
"""Where a type holds what it permits. Roles hold theirs in `inlinePolicies`."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One statement. Single values read as lists; names of actions are in lower case, as IAM ignores their case."""

    path: str
    allows: bool
    actions: tuple[str, ...]
    all_but: tuple[str, ...]
    """NotAction: everything else is meant."""
    resources: tuple[str, ...]
    resources_all_but: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """Kind and value: `("Service", "ec2.amazonaws.com")`, `("*", "*")`."""
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key in lower case, values."""

    def permits(self, *actions: str) -> Answer:
        """Whether one of the actions, or a pattern that has it, is allowed."""
        if not self.allows:
            return False
        if self.all_but:
            return True
        return any_of(None if is_unknown(own) else _covers(own, action) for own in self.actions for action in actions)

    @property
    def everywhere(self) -> Answer:
        """Whether it holds for every resource."""
        if self.resources_all_but:
            return True
        return any_of(None if is_unknown(own) else own == "*" for own in self.resources)

    def limited_by(self, *keys: str) -> bool:
        """Whether a condition looks at one of the keys; a key that ends in `*` is a beginning, one that starts with
        `*` an end."""
        return any(_covers(key.lower(), own) for _, own, _ in self.conditions for key in keys)


def _covers(pattern: str, action: str) -> bool:
    pattern, action = pattern.lower(), action.lower()
    if pattern.startswith("*") and len(pattern) > 1:
        return action.endswith(pattern[1:])
    if pattern.endswith("*"):
        return action.startswith(pattern[:-1])
    return pattern == action


def permissions(document: Any, path: str) -> tuple[Permission, ...] | None:
    """The statements of a document; None where it is not known. A text that is no JSON has none."""
    if is_unknown(document) or document == SECRET:
        # A document with one unknown ARN in it is unknown as a whole once it is text.
        return None
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            return ()
    if not isinstance(document, Mapping):
        return ()
    found = as_list(document.get("Statement"))
    if UNKNOWN in found:
        return None
    return tuple(
        _permission(row, f"{path}.Statement[{index}]") for index, row in enumerate(found) if isinstance(row, Mapping)
    )


def _permission(row: Mapping[str, Any], path: str) -> Permission:
    return Permission(
        path=path,
        allows=row.get("Effect") == "Allow",
        actions=tuple(str(action).lower() for action in as_list(row.get("Action"))),
        all_but=tuple(str(action).lower() for action in as_list(row.get("NotAction"))),
        resources=tuple(map(str, as_list(row.get("Resource")))),
        resources_all_but=tuple(map(str, as_list(row.get("NotResource")))),
        principals=tuple(_principals(row.get("Principal"))),
        conditions=tuple(
            (operator, key.lower(), tuple(map(str, as_list(values))))
            for operator, keys in (row.get("Condition") or {}).items()
            if isinstance(keys, Mapping)
            for key, values in keys.items()
        ),
    )


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    if isinstance(principal, Mapping):
        for kind, values in principal.items():
            yield from ((kind, str(value)) for value in as_list(values))
    elif principal is not None:
        yield "*", str(principal)


def documents(node: Node) -> Iterator[tuple[str, tuple[Permission, ...] | None]]:
    """What a resource permits: path of the document, its statements or None."""
    for path in DOCUMENTS.get(node.type, ()):
        if (document := look(node.inputs, path)) is not ABSENT:
            yield path, permissions(document, path)
    if node.type == "aws:iam/role:Role":
        for path, inline in rows(node, "inlinePolicies"):
            if inline == UNKNOWN:
                yield path, None
            elif (document := look(inline, "policy")) is not ABSENT:
                yield f"{path}.policy", permissions(document, f"{path}.policy")
