"""Policies of buckets, keys, queues, topics and repositories: who may, under which condition.

A document is a JSON text or a structure. One that is unknown, or hidden as a secret, is never taken for a good one.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.rules.logic import all_of, any_of, as_list, is_unknown

CALLERS = frozenset(
    (
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
    )
)
"""Condition keys that name who calls; IAM ignores their case."""

Statement = Mapping[str, Any]


def statements(document: Any) -> list[Statement] | None:
    """The statements of a document; None where it is unknown. A text that is no JSON has none."""
    if document in (UNKNOWN, SECRET):
        return None
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            return []
    if not isinstance(document, Mapping):
        return []
    found = document.get("Statement", [])
    if found == UNKNOWN:
        return None
    return [one for one in as_list(found) if isinstance(one, Mapping)]


def for_anybody(statement: Statement) -> Answer:
    """Whether a statement is about every principal: `*`, or an Allow of everybody but somebody."""
    if "NotPrincipal" in statement:
        return statement.get("Effect") == "Allow"
    principal = statement.get("Principal")
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return any_of(_unknown_or(one, one == "*") for one in as_list(named))


def conditions(statement: Statement) -> Iterator[tuple[str, str, list[Any]]]:
    """Operator, key in lower case and values of every condition."""
    for operator, tests in (statement.get("Condition") or {}).items():
        if isinstance(tests, Mapping):
            for key, values in tests.items():
                yield operator, key.lower(), as_list(values)


def narrowed(statement: Statement, keys: Collection[str]) -> Answer:
    """Whether a condition lets in only callers with known values of one of the keys.

    Operators that deny, or that pass where the key is missing, narrow nothing; nor does the value `*`.
    """
    if statement.get("Condition") == UNKNOWN:
        return None
    return any_of(
        all_of(_unknown_or(value, str(value).strip("*") != "") for value in values)
        for operator, key, values in conditions(statement)
        if key in keys and "Not" not in operator and not operator.endswith("IfExists") and operator != "Null"
        if not operator.startswith("ForAllValues")
    )


def open_to_anybody(document: Any, keys: Collection[str] = CALLERS) -> Answer:
    """Whether a document allows everybody something without a condition on one of the keys."""
    found = statements(document)
    if found is None:
        return None
    return any_of(_is_open(one, keys) for one in found if one.get("Effect") != "Deny")


def _is_open(statement: Statement, keys: Collection[str]) -> Answer:
    anybody, closed = for_anybody(statement), narrowed(statement, keys)
    if anybody is False or closed is True:
        return False
    return None if anybody is None or closed is None else True


def denies_plain_http(document: Any) -> Answer:
    """Whether a document denies everybody every action on bucket and objects without TLS."""
    found = statements(document)
    return None if found is None else any_of(_is_tls_only(one) for one in found if one.get("Effect") == "Deny")


def _is_tls_only(statement: Statement) -> Answer:
    refuses = any(
        operator.startswith("Bool") and key == "aws:securetransport" and str(values[0]).lower() == "false"
        for operator, key, values in conditions(statement)
        if values
    )
    resources = [str(one) for one in as_list(statement.get("Resource", []))]
    return all_of(
        (
            refuses,
            for_anybody(statement),
            any(action in ("*", "s3:*") for action in as_list(statement.get("Action", []))),
            any_of(_unknown_or(one, one == "*" or one.endswith("/*")) for one in resources),
        )
    )


def closed(
    node: Node, message: str, keys: Collection[str] = CALLERS, *, path: str = "policy", absent_is_met: bool = False
) -> Iterable[Judgement]:
    """The judgement of a document that must not let everybody in."""
    document = look(node.inputs, path)
    if document is ABSENT:
        return [say(node, path, absent_is_met, message)]
    is_open = open_to_anybody(document, keys)
    return [say(node, path, None if is_open is None else not is_open, message)]


def _unknown_or(value: Any, otherwise: bool) -> Answer:
    return None if is_unknown(value) else otherwise
