"""What a cloud would answer when a resource is made: ids, ARNs, names, endpoints. Invented, but always the same.

The recorder and the stand-in cloud both take their made-up outputs from `outputs`, so that a plan and a rehearsal
of the same program hold the same values. Pure and without Pulumi: the answer depends on the arguments only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from localcloud.catalogue import Kind, kind_of
from localcloud.kubernetes_objects import object_outputs

ACCOUNT = "000000000000"
REGION = "us-east-1"
UNKNOWN = "[unknown]"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a provider's own configuration adds to every resource that it makes."""

    region: str = REGION
    default_tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_provider(cls, inputs: Mapping[str, Any]) -> "Place":
        """From the inputs of a `pulumi:providers:aws` resource."""
        tags = inputs.get("defaultTags") or {}
        return cls(region=inputs.get("region") or REGION, default_tags=tags.get("tags") or {})


class _Fields(dict[str, Any]):
    """Template fields; an input that was not given reads as an empty text."""

    def __missing__(self, key: str) -> str:
        return ""


def outputs(
    type_: str, name: str, inputs: Mapping[str, Any], place: Place = Place(), generation: int = 0
) -> tuple[str, dict[str, Any]]:
    """The id and the outputs of a resource, as if it had just been made.

    Args:
        type_: its type token, such as `aws:ec2/vpc:Vpc`.
        name: its logical name, which generated names and ids start from.
        inputs: plain JSON; unknowns read `[unknown]` and make unknown what is built from them.
        generation: 0 for the first of its name, 1 for the one that replaces it, and so on.

    Returns:
        Id and outputs; the outputs repeat the inputs. Components have an empty id and no more than their inputs.
    """
    if type_.startswith("kubernetes:"):
        return object_outputs(type_, name, inputs, _digest(type_, name, generation))
    if type_.startswith("pulumi:providers:"):
        return _uuid(_digest(type_, name, generation)), dict(inputs)
    if not type_.startswith("aws:"):
        return f"{name}-{_digest(type_, name, generation)[:7]}", dict(inputs)
    return _aws_outputs(kind_of(type_), type_, name, inputs, place, generation)


def _aws_outputs(
    kind: Kind, type_: str, name: str, inputs: Mapping[str, Any], place: Place, generation: int
) -> tuple[str, dict[str, Any]]:
    digest = _digest(type_, name, generation)
    fields = _Fields(inputs)
    fields |= {
        "account": ACCOUNT,
        "region": inputs.get("region") or place.region,
        "path": inputs.get("path") or "/",
    }
    fields |= _random_texts(digest)
    fields["name"] = physical_name(kind, name, inputs, digest)
    # An ARN usually ends in the id; where AWS takes the ARN for the id, it is the other way round.
    for part in ("arn", "id") if "{arn}" in kind.id else ("id", "arn"):
        if template := getattr(kind, part):
            fields[part] = _fill(template, fields)
    templates = {**kind.outputs, **(kind.derive(fields) if kind.derive else {})}
    made: dict[str, Any] = {"arn": fields["arn"]} if kind.arn else {}
    for key, template in templates.items():
        fields[key] = inputs[key] if key in inputs else _fill(template, fields)
        made[key] = _fill(template, fields)
    if kind.tags:
        made["tagsAll"] = {**place.default_tags, **(inputs.get("tags") or {})}
    return fields["id"], _merged(made, inputs)


def physical_name(kind: Kind, name: str, inputs: Mapping[str, Any], digest: str) -> str:
    """The name that the service knows the resource by: given, or generated from a prefix or the logical name."""
    rule = kind.name
    given = inputs.get(rule.property if rule else "name")
    if given:
        return str(given)
    prefix = str(inputs.get(rule.prefix, "")) if rule else ""
    generated = (prefix or f"{name}-")[: (rule.longest if rule else 255) - 7] + digest[:7]
    return generated.lower() if rule and rule.lower else generated


def _digest(type_: str, name: str, generation: int) -> str:
    return sha256(f"{type_}|{name}|{generation}".encode()).hexdigest()


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


def _merged(made: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Both together, mappings key by key; what the program gave wins."""
    merged = {**made, **given}
    for key in made.keys() & given.keys():
        if isinstance(made[key], Mapping) and isinstance(given[key], Mapping):
            merged[key] = _merged(made[key], given[key])
    return merged
