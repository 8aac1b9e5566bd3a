"""What a condition of an IAM statement really narrows: by its operator, its key and its values.

Sources: IAM user guide, "IAM JSON policy elements: Condition operators" (operators that end in `IfExists`, `Null` and
`ForAllValues` pass where the key is missing), "AWS global condition context keys"; S3 user guide, "The meaning of
public" (values without wildcards).
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from mlops.plan.graph import Node
from policies.answers import all_of, any_of, is_unknown, negated
from policies.documents import Condition, Statement, statements
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.patterns import every_resource, has_wildcard, is_open, matches

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")

_NARROWING = frozenset(("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"))
_ARN_KEYS = frozenset(("aws:sourcearn", "aws:principalarn", "lambda:functionarn"))
_SUBJECTS = re.compile(r"^(?:repo|system:serviceaccount|project_path|organization|project):")
"""What subjects of many issuers start with, whoever comes: GitHub, Kubernetes, GitLab, HCP Terraform."""

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
"""Condition keys that name who calls."""


def narrowed(statement: Statement, keys: Collection[str]) -> Answer:
    """Whether a condition lets in only callers with known values of one of the keys.

    Args:
        statement: an Allow.
        keys: `*:sub` is every key with that end; capitals do not count.
    """
    if statement.conditions is None:
        return None
    wanted = {key.lower() for key in keys}
    return any_of(_narrows(one) for one in statement.conditions if _is_one_of(one.key, wanted))


def _is_one_of(key: str, keys: Collection[str]) -> bool:
    return key in keys or f"*:{key.rpartition(':')[2]}" in keys


def _narrows(condition: Condition) -> Answer:
    operator = condition.operator.removeprefix("foranyvalue:")
    if operator not in _NARROWING or not condition.values:
        return False
    fixed = _test_of(condition.key)
    return all_of(None if is_unknown(value) else fixed(value) for value in condition.values)


def _test_of(key: str) -> Callable[[str], bool]:
    if key in _ARN_KEYS:
        return names_an_owner
    if key.endswith(":sub"):
        return _names_a_subject
    if key == "aws:principalorgpaths":
        return lambda value: not has_wildcard(value.partition("/")[0])
    return lambda value: bool(value) and not has_wildcard(value)


def names_an_owner(arn: str) -> bool:
    """Whether an ARN is of one account; of one bucket, where it has no account."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return bool(arn) and not has_wildcard(arn)
    account, section = parts[4], parts[5]
    return not has_wildcard(account) if account else not is_open(re.split(r"[/*?]", section)[0] or "*")


def _names_a_subject(value: str) -> bool:
    """Whether a subject is one, or all of one owner: `repo:acme/*`, but not `repo:acme*`, which others may take."""
    own = _SUBJECTS.sub("", value)
    fixed = re.split(r"[*?]", own, maxsplit=1)[0]
    return bool(fixed) and (not has_wildcard(own) or fixed.endswith(("/", ":")))


def open_to_anybody(document: Any, keys: Collection[str] = CALLERS) -> Answer:
    """Whether a document allows everybody something without a condition on one of the keys."""
    found = statements(document)
    if found is None:
        return None
    return any_of(all_of((one.for_anybody, negated(narrowed(one, keys)))) for one in found if one.allows)


def closed(
    node: Node, message: str, keys: Collection[str] = CALLERS, *, path: str = "policy", absent_is_met: bool = False
) -> Iterable[Judgement]:
    """The judgement of a document that must not let everybody in."""
    document = look(node.inputs, path)
    if document is ABSENT:
        return [say(node, path, absent_is_met, message)]
    return [say(node, path, negated(open_to_anybody(document, keys)), message)]


def refuses_everybody(statement: Statement, *actions: str) -> Answer:
    """Whether a Deny takes everybody and all of these actions; its conditions are left to the caller."""
    if not statement.denies or statement.all_but:
        return False
    everybody = any_of(None if is_unknown(who) else is_open(who) for _, who in statement.principals)
    named = (any_of(None if is_unknown(own) else matches(own, one) for own in statement.actions) for one in actions)
    return all_of((not statement.principals_all_but, everybody, *named))


def denies_plain_http(document: Any, buckets: Collection[str]) -> Answer:
    """Whether a document denies everybody everything on a bucket and its objects without TLS, whatever else holds.

    Args:
        document: the bucket's policy.
        buckets: the names by which the bucket is known; none where only the deployment will tell.
    """
    found = statements(document)
    if found is None:
        return None
    denials = [one for one in found if one.denies and _is_plain_http(one)]
    parts = (any_of(_refuses(one, buckets, end) for one in denials) for end in ("", "/any/object"))
    return all_of(parts)


def _is_plain_http(statement: Statement) -> bool:
    """A further condition would let plain requests through where it does not hold."""
    return statement.conditions is not None and [
        (one.operator.removesuffix("ifexists"), one.key, {value.lower() for value in one.values})
        for one in statement.conditions
    ] == [("bool", "aws:securetransport", {"false"})]


def _refuses(statement: Statement, buckets: Collection[str], end: str) -> Answer:
    if statement.resources_all_but:
        return False
    covered = any_of(_covers(own, buckets, end) for own in statement.resources)
    return all_of((refuses_everybody(statement, "s3:GetObject", "s3:PutBucketAcl", "s3:any"), covered))


def _covers(pattern: str, buckets: Collection[str], end: str) -> Answer:
    if is_unknown(pattern):
        return None
    if not buckets:
        return True if every_resource(pattern) else None
    return any(matches(pattern, f"arn:{partition}:s3:::{name}{end}") for name in buckets for partition in _PARTITIONS)
