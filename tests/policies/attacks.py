"""Ways to write the same thing otherwise, and ways to undo what is right, for any resource.

Each takes resources and gives others. `RESPELT` changes nothing that AWS or Kubernetes would do: what broke a rule
still breaks it. `WIDENED` lets in as many as before or more. None knows a rule.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN

Nodes = tuple[Node, ...]
Change = Callable[[str, Any], Any]
"""Key and value -> the value as it is written otherwise."""
FREE = ("tags", "variables", "parameters", "labels", "annotations", "data", "stringData", "environment")


def every(nodes: Nodes, change: Change, *, kubernetes: bool = False) -> Nodes:
    """Resources with each value of their inputs changed, the innermost first."""
    return tuple(
        replace(node, inputs=walked(node.inputs, change)) if kubernetes or node.package == "aws" else node
        for node in nodes
    )


def walked(value: Any, change: Change, key: str = "") -> Any:
    if key in FREE:
        return value
    if isinstance(value, Mapping):
        value = {name: walked(item, change, name) for name, item in value.items()}
    elif isinstance(value, list):
        value = [walked(item, change, key) for item in value]
    return change(key, value)


def flags_as_text(nodes: Nodes) -> Nodes:
    return every(nodes, lambda _, value: str(value).lower() if isinstance(value, bool) else value)


def numbers_as_text(nodes: Nodes) -> Nodes:
    def change(_: str, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return every(nodes, change)


def protocols(spell: Callable[[str], str]) -> Callable[[Nodes], Nodes]:
    names = ("protocol", "ipProtocol", "action", "ruleAction")

    def attack(nodes: Nodes) -> Nodes:
        inside = tuple(node for node in nodes if "ec2/" in node.type or "vpc/" in node.type)
        changed = every(inside, lambda key, value: spell(str(value)) if key in names else value)
        return tuple(next((one for one in changed if one.urn == node.urn), node) for node in nodes)

    return attack


def _number(name: str) -> str:
    return {"tcp": "6", "udp": "17", "-1": "all"}.get(name, name)


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
    return f"{action[:-2]}?{action[-1]}" if len(action) > 4 and "*" not in action else action  # noqa: PLR2004


RESPELT: Mapping[str, Callable[[Nodes], Nodes]] = {
    "flags as text": flags_as_text,
    "numbers as text": numbers_as_text,
    "protocols in capitals": protocols(str.upper),
    "protocols with a capital": protocols(str.title),
    "protocols by number": protocols(_number),
    "documents as structures": documents(lambda content: content, text=False),
    "documents as text in text": documents(lambda content: json.dumps(json.dumps(content))),
    "one statement without a list": documents(
        lambda content: {**content, "Statement": content["Statement"][0]}
        if isinstance(content["Statement"], list) and len(content["Statement"]) == 1
        else content
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


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values that hold no others, and of all that do."""
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


def without(value: Any, path: tuple[str | int, ...]) -> Any:
    return _edited(value, path, None)


def unknown(value: Any, path: tuple[str | int, ...]) -> Any:
    return _edited(value, path, UNKNOWN)


def _edited(value: Any, path: tuple[str | int, ...], put: Any) -> Any:
    step, *rest = path
    items: dict[Any, Any] = dict(enumerate(value)) if isinstance(value, list) else dict(value)
    if rest:
        items[step] = _edited(items[step], tuple(rest), put)
    elif put is None:
        del items[step]
    else:
        items[step] = put
    return list(items.values()) if isinstance(value, list) else items
