"""Patterns of IAM: `*` is any run of characters, `?` any one, and actions do not tell capitals.

Sources: IAM user guide, "IAM JSON policy elements: Action", "… Resource", "… Condition operators".
"""

import re
from functools import cache

_PROBES = ("iam:passrole", "s3:getobject", "ec2:runinstances", "kms:decrypt", "sts:assumerole")
"""Actions of services that have nothing in common: what takes them all takes every action."""
_ARNS = (
    "arn:aws:iam::000000000000:role/any",
    "arn:aws:s3:::any/object",
    "arn:aws:kms:us-east-1:000000000000:key/any",
    "arn:aws:sns:us-east-1:000000000000:any",
)
_ONE_OF_A_KIND = tuple(
    f"arn:aws:{service}:us-east-1:000000000000:{section}"
    for service, section in (
        ("iam", "role/q7-z9"),
        ("iam", "user/q7-z9"),
        ("iam", "policy/q7-z9"),
        ("iam", "group/q7-z9"),
        ("kms", "key/q7-z9"),
        ("lambda", "function:q7-z9"),
        ("dynamodb", "table/q7-z9"),
        ("secretsmanager", "secret:q7-z9"),
    )
)
"""Resources whose names nobody gives: a pattern that takes one takes all of its kind."""
_ARN_PARTS = 6
_NAMED_BY_THEIR_START = frozenset({"s3", "sns", "sqs"})
"""Services whose ARNs start with the resource's own name, not with its kind."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL | re.IGNORECASE)


def matches(pattern: str, text: str) -> bool:
    """Whether IAM's pattern takes a text, without regard to capitals."""
    return _compiled(pattern).fullmatch(text) is not None


def is_open(pattern: str) -> bool:
    """Whether a pattern consists of wildcards only."""
    return bool(pattern) and not pattern.strip("*?")


def has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def every_action(pattern: str) -> bool:
    """Whether a pattern takes the actions of every service, however it is spelt: `*`, `*:*`, `**`."""
    return all(matches(pattern, probe) for probe in _PROBES)


def whole_service(pattern: str) -> bool:
    """Whether a pattern takes every action of at least one service: `s3:*`, `s3:?*`, `s*`."""
    service, colon, action = pattern.partition(":")
    return is_open(action) if colon else service.endswith("*")


def every_resource(pattern: str) -> bool:
    """Whether a pattern takes the resources of every service: `*`, `arn:aws:*`, `arn:*:*:*:*:*`."""
    return all(matches(_anywhere(pattern), arn) for arn in _ARNS)


def _anywhere(pattern: str) -> str:
    """A pattern for every account and region."""
    parts = pattern.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS:
        return pattern
    return ":".join([*parts[:3], "*", "*", parts[5]])


def every_resource_of_a_kind(pattern: str) -> bool:
    """Whether a pattern takes everything of some kind in an account: `arn:aws:kms:*:*:key/*`, `arn:aws:s3:::*`."""
    if every_resource(pattern) or any(matches(_anywhere(pattern), arn) for arn in _ONE_OF_A_KIND):
        return True
    parts = pattern.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS:
        return parts[0].lower() == "arn" and is_open(parts[-1])
    service, section = parts[2], parts[5]
    if service in _NAMED_BY_THEIR_START:
        return is_open(re.split(r"[/:]", section)[0])
    # `role/*` and `function:*`, but not `log-group:/own/*`.
    kind = re.fullmatch(r"(?:[\w-]+[/:])?([^/:]+(?:[/:][*?]+)*)", section)
    return kind is not None and all(is_open(part) for part in re.split(r"[/:]", kind[1]))
