"""What a cloud would answer when a resource is made: ids, ARNs, names, endpoints. Invented, always the same.

The recorder and the stand-in cloud both take their made-up outputs from `outputs`, so that a plan and a
rehearsal of one program hold the same values. Pure and without Pulumi: only the arguments decide.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from localcloud.catalogue import Kind, kind_of
from localcloud.kubernetes_objects import object_outputs
from mlops.plan.values import UNKNOWN
from mlops.plan.wire import overlay

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a provider's own configuration adds to every resource that it makes."""

    region: str = REGION
    account: str = ACCOUNT
    default_tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_provider(cls, inputs: Mapping[str, Any]) -> "Place":
        """From the inputs of a `pulumi:providers:aws` resource."""
        return cls(
            region=inputs.get("region") or REGION,
            account=next(iter(_parsed(inputs.get("allowedAccountIds")) or ()), ACCOUNT),
            default_tags=(_parsed(inputs.get("defaultTags")) or {}).get("tags") or {},
        )


def _parsed(value: Any) -> Any:
    """Providers get their structured inputs as JSON text."""
    return json.loads(value) if isinstance(value, str) and value != UNKNOWN else value


class _Fields(dict[str, Any]):
    """Template fields; an input that was not given reads as an empty text."""

    def __missing__(self, key: str) -> str:
        return ""


def outputs(
    type_: str,
    name: str,
    inputs: Mapping[str, Any],
    place: Place = Place(),
    *,
    generation: int = 0,
    existing_id: str = "",
) -> tuple[str, dict[str, Any]]:
    """The id and the outputs of a resource, as if it had just been made.

    Args:
        type_: its type token, such as `aws:ec2/vpc:Vpc`.
        name: its logical name, which generated names and ids start from.
        inputs: plain JSON; unknowns read `[unknown]` and make unknown what is built from them.
        generation: 0 for the first of its name, 1 for the one that replaces it, and so on.
        existing_id: set when the resource is not made but read, and its id known.

    Returns:
        Id and outputs; the outputs repeat the inputs. Components have an empty id and no more than their inputs.
    """
    digest = sha256(f"{type_}|{name}|{generation}".encode()).hexdigest()
    if type_.startswith("aws:"):
        return _aws_outputs(kind_of(type_), name, inputs, place, digest, existing_id)
    if type_.startswith("kubernetes:"):
        return object_outputs(type_, name, inputs, digest)
    if type_.startswith("pulumi:providers:"):
        return _uuid(digest), dict(inputs)
    return existing_id or f"{name}-{digest[:7]}", dict(inputs)


def _aws_outputs(
    kind: Kind, name: str, inputs: Mapping[str, Any], place: Place, digest: str, existing_id: str
) -> tuple[str, dict[str, Any]]:
    fields = _Fields(inputs)
    fields |= {"account": place.account, "region": inputs.get("region") or place.region}
    fields |= {"path": inputs.get("path") or "/", **_random_texts(digest)}
    fields["name"] = physical_name(kind, existing_id or name, inputs, "" if existing_id else digest)
    fields["host"] = str(inputs.get("url", "")).removeprefix("https://")
    fields |= {"id": existing_id, "logical": name}
    # An ARN usually ends in the id; where AWS takes the ARN for the id, it is the other way round.
    for part in ("arn", "id") if "{arn}" in kind.id else ("id", "arn"):
        if part == "id" and existing_id:
            continue
        if template := getattr(kind, part):
            fields[part] = _fill(template, fields)
    templates = {**kind.outputs, **(kind.derive(fields) if kind.derive else {})}
    made: dict[str, Any] = {"arn": fields["arn"]} if kind.arn else {}
    for key, template in templates.items():
        fields[key] = inputs[key] if key in inputs else _fill(template, fields)
        made[key] = _fill(template, fields)
    if kind.tags:
        made["tagsAll"] = {**place.default_tags, **(inputs.get("tags") or {})}
    return fields["id"], overlay(made, inputs)


def physical_name(kind: Kind, name: str, inputs: Mapping[str, Any], digest: str) -> str:
    """The name that the service knows the resource by: given, or generated from a prefix or the logical name.

    Without a `digest` nothing is generated: the resource exists already and `name` is what it is called.
    """
    rule = kind.name
    given = inputs.get(rule.property if rule else "name")
    if given or not digest:
        return str(given or name)
    prefix = str(inputs.get(rule.prefix, "")) if rule else ""
    generated = (prefix or f"{name}-")[: (rule.longest if rule else 255) - 7] + digest[:7]
    return generated.lower() if rule and rule.lower else generated


def _random_texts(digest: str) -> dict[str, str]:
    """The shapes in which AWS writes its random parts."""
    return {
        "hash": digest[:17],
        "short": digest[:7],
        "SHORT": digest[:13].upper(),
        "six": digest[:6],
        "hex16": digest[:16],
        "HEX16": digest[:16].upper(),
        "HEX32": digest[:32].upper(),
        "uuid": _uuid(digest),
        "octet": str(int(digest[:2], 16) % 254 + 1),
    }


def _uuid(digest: str) -> str:
    return str(UUID(digest[:32]))


def _fill(template: Any, fields: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {key: _fill(item, fields) for key, item in template.items()}
    if isinstance(template, list):
        return [_fill(item, fields) for item in template]
    if not isinstance(template, str):
        return template
    text = re.sub(r"\{(\w+)\}", lambda match: str(fields[match[1]]), template)
    return UNKNOWN if UNKNOWN in text else text
