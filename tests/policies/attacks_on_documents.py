"""Ways to write an IAM document otherwise, and ways to make it weaker. `RESPELT` changes nothing that IAM would do,
`WIDENED` lets in as many as before or more, `WEAKENED` undoes what was right."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.policies.attacks import Nodes, every


def documents(change: Callable[[dict[str, Any]], Any], *, text: bool = True) -> Callable[[Nodes], Nodes]:
    """The attack that writes every IAM document otherwise."""

    def rewritten(_: str, value: Any) -> Any:
        content = document(value)
        if content is None:
            return value
        made = change(content)
        return made if isinstance(made, str) or not text else json.dumps(made)

    return lambda nodes: every(nodes, rewritten)


def document(value: Any) -> dict[str, Any] | None:
    """An IAM document in a text or structure; None where it is none."""
    try:
        content = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return None
    return content if isinstance(content, dict) and "Statement" in content else None


def statements(change: Callable[[dict[str, Any]], Any]) -> Callable[[Nodes], Nodes]:
    """The attack that writes every statement otherwise."""

    def of_document(content: dict[str, Any]) -> dict[str, Any]:
        rows = content["Statement"]
        return {**content, "Statement": [change(dict(row)) for row in (rows if isinstance(rows, list) else [rows])]}

    return documents(of_document)


def element(names: tuple[str, ...], spell: Callable[[Any], Any]) -> Callable[[Nodes], Nodes]:
    """The attack that spells some elements of each statement otherwise."""
    return statements(lambda row: {key: spell(value) if key in names else value for key, value in row.items()})


def each(spell: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: [spell(one) for one in value] if isinstance(value, list) else spell(value)


def _principal(value: Any) -> Any:
    return {"AWS": ["*"]} if value in ("*", {"AWS": "*"}) else value


def _patterned(action: str) -> str:
    """The same actions and more: `iam:PassRole` as `iam:Pass?ole`."""
    return f"{action[:-2]}?{action[-1]}" if len(action) > 4 and "*" not in action else action


RESPELT: Mapping[str, Callable[[Nodes], Nodes]] = {
    "documents as structures": documents(lambda content: content, text=False),
    "documents as text in text": documents(lambda content: json.dumps(json.dumps(content))),
    "one statement without a list": documents(
        lambda content: (
            {**content, "Statement": content["Statement"][0]}
            if isinstance(content["Statement"], list) and len(content["Statement"]) == 1
            else content
        )
    ),
    "a harmless statement before": documents(
        lambda content: {
            **content,
            "Statement": [
                {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::000000000000:role/none"}, "Action": "s3:Nothing"}
                | {"Resource": "arn:aws:s3:::nothing"},
                *(content["Statement"] if isinstance(content["Statement"], list) else [content["Statement"]]),
            ],
        }
    ),
    "single values as lists": element(
        ("Action", "Resource"), lambda value: value if isinstance(value, list) else [value]
    ),
    "lists of one as values": element(
        ("Action", "Resource"), lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value
    ),
    "actions in capitals": element(("Action", "NotAction"), each(str.upper)),
    "two stars for one": element(("Action", "Resource"), each(lambda text: text.replace("*", "**"))),
    "a question mark in actions": element(("Action",), each(_patterned)),
    "every ARN for everything": element(("Resource",), each(lambda text: "arn:aws:*" if text == "*" else text)),
    "everybody as a list": element(("Principal",), _principal),
    "everybody as a structure": element(("Principal",), lambda value: {"AWS": "*"} if value == "*" else value),
}


def conditioned(operator: str, key: str, value: Any) -> Callable[[Nodes], Nodes]:
    """A condition on every Allow that lets everybody through all the same."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        if row.get("Effect") == "Deny":
            return row
        blocks = {**(row.get("Condition") or {})}
        blocks[operator] = {**blocks.get(operator, {}), key: value}
        return {**row, "Condition": blocks}

    return statements(change)


WIDENED: Mapping[str, Callable[[Nodes], Nodes]] = {
    "a key that is absent": conditioned("Null", "aws:PrincipalOrgID", "true"),
    "everybody but one account": conditioned("StringNotEquals", "aws:PrincipalAccount", "999999999999"),
    "every account if any": conditioned("StringEqualsIfExists", "aws:SourceAccount", "000000000000"),
    "all of no values": conditioned("ForAllValues:StringEquals", "aws:PrincipalOrgID", ["o-1"]),
    "any account": conditioned("StringLike", "aws:SourceAccount", "*"),
    "any ARN": conditioned("ArnLike", "aws:SourceArn", "arn:aws:*:*:*:*"),
    "one account or any": conditioned("StringLike", "aws:PrincipalAccount", ["000000000000", "*"]),
    "any organisation": conditioned("StringLike", "aws:PrincipalOrgID", "o-*"),
    "only with TLS": conditioned("Bool", "aws:SecureTransport", "true"),
    "any external id": conditioned("StringLike", "sts:ExternalId", "?*"),
    "any subject": conditioned("StringLike", "oidc.example:sub", "*"),
    "a user agent": conditioned("StringEquals", "aws:UserAgent", "ours"),
}


def weakened(effect: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Nodes], Nodes]:
    """The attack on every statement with an effect."""
    return statements(lambda row: change(row) if row.get("Effect") == effect else row)


def _without_condition(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "Condition"}


def _conditioned(row: dict[str, Any]) -> dict[str, Any]:
    blocks = row.get("Condition") or {}
    more = {"StringEquals": {**blocks.get("StringEquals", {}), "aws:PrincipalTag/team": "ours"}}
    return {**row, "Condition": {**blocks, **more}}


def _values(change: Callable[[str], str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The condition of a statement with other values."""

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        blocks = row.get("Condition") or {}
        made = {
            operator: {key: each(change)(value) for key, value in tests.items()} for operator, tests in blocks.items()
        }
        return {**row, **({"Condition": made} if blocks else {})}

    return changed


def _operators(change: Callable[[str], str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(row: dict[str, Any]) -> dict[str, Any]:
        blocks = row.get("Condition") or {}
        made = {change(operator): tests for operator, tests in blocks.items()}
        return {**row, **({"Condition": made} if blocks else {})}

    return changed


WEAKENED: Mapping[str, Callable[[Nodes], Nodes]] = {
    "a condition dropped": weakened("Allow", _without_condition),
    "any value of a condition": weakened("Allow", _values(lambda _: "*")),
    "the contrary of a condition": weakened(
        "Allow", _operators(lambda name: name.replace("String", "StringNot").replace("Arn", "ArnNot"))
    ),
    "a condition if its key is there": weakened("Allow", _operators(lambda name: f"{name}IfExists")),
    "a condition of all of no values": weakened("Allow", _operators(lambda name: f"ForAllValues:{name}")),
    "a refusal with a further condition": weakened("Deny", _conditioned),
    "a refusal to one": weakened(
        "Deny", lambda row: {**row, "Principal": {"AWS": "arn:aws:iam::000000000000:role/one"}}
    ),
    "a refusal to all but one": weakened(
        "Deny",
        lambda row: (
            {key: value for key, value in row.items() if key != "Principal"}
            | {"NotPrincipal": {"AWS": "arn:aws:iam::000000000000:role/one"}}
        ),
    ),
    "a refusal of one action": weakened("Deny", lambda row: {**row, "Action": "s3:PutBucketAcl"}),
    "a refusal of another's resources": weakened(
        "Deny", lambda row: {**row, "Resource": ["arn:aws:s3:::another", "arn:aws:s3:::another/*"]}
    ),
}
"""Ways to make a right document weaker."""


def emptied(nodes: Nodes) -> Nodes:
    return documents(lambda content: {**content, "Statement": []})(nodes)
