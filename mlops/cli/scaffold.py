"""The source of a new variant, written from the contract of its slot."""

import inspect
import types
from dataclasses import MISSING, fields
from typing import Any, Literal, Union, get_args, get_origin

import pulumi

from mlops.choice.catalogue import Slot

_ADDRESS = "from mlops.core.fields import Address"
_DEFAULTS = {"protocol": "v2", "topic": "events"}
"""Contract fields whose values are words, and not addresses."""

_TEMPLATE = '''"""{title}: {purpose}.

The smallest whole variant: it keeps logs, and publishes the addresses that the stack file gives. Make its
resources in the constructor of `{class_name}`, and publish their outputs instead.
"""

from typing import ClassVar, Literal

import pulumi

{imports}


class {class_name}Config({slot_config}):
    """{title}, run by somebody else and connected here."""

    kind: Literal["{kind}"] = "{kind}"
    card: ClassVar[Card] = Card(
        title="{title}",
        best_for="Teams that run {title} already.",
        not_for="Teams that want it made and kept by this platform.",
        complexity="low",
        trade_offs="Nothing to operate here; its capacity, its backups and its rights are its owner's.",
        state="None of its own: what it holds lies with its owner.",
    )
    unwatched: ClassVar[str | None] = "It is an address that the stack file gives, and its owner watches it."
    log_days: LogDays = 30
    """Days for which its logs are kept."""
{knobs}
    def build({signature}) -> Component[{contract}]:
        return {class_name}(name, self, foundation, opts)


class {class_name}(Component[{contract}]):
    """A log group, and the addresses of {title}."""

    token = "mlops:index:{class_name}"

    def __init__(
        self,
        name: str,
        config: {class_name}Config,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        log_group(f"{{name}}-logs", days=config.log_days, key_arn=foundation.keys.logs, opts=self.child)
        self.publish(
            {contract}(
{values}
            )
        )
'''


def source(slot: Slot, name: str) -> str:
    """The file of a variant called `name` (snake case), for ruff to format."""
    title = " ".join(word.capitalize() for word in name.split("_"))
    build = inspect.signature(slot.config.build)  # type: ignore[attr-defined]
    contract = get_args(build.return_annotation)[0]
    signature = [
        parameter if parameter == "self" else f"{parameter}: {_written(value.annotation)}"
        for parameter, value in build.parameters.items()
    ]
    arguments = (kind for value in build.parameters.values() for kind in _own(value.annotation))
    imported = [slot.config, contract, *arguments]
    lines = {f"from {one.__module__} import {one.__name__}" for one in imported} | {
        "from components.base.component import Component",
        "from components.foundation import Foundation",
        "from components.base.logs import log_group",
        "from mlops.core.config import Card",
        "from mlops.core.fields.aws import LogDays",
    }
    made = [
        _field(field.name, field.type, title, slot)
        for field in fields(contract)
        if field.default is MISSING and field.default_factory is MISSING
    ]
    return _TEMPLATE.format(
        title=title,
        purpose=slot.purpose[:1].lower() + slot.purpose[1:].removesuffix("."),
        kind=name.replace("_", "-"),
        class_name=title.replace(" ", ""),
        slot_config=slot.config.__name__,
        contract=contract.__name__,
        imports="\n".join(sorted(lines | ({_ADDRESS} if any("Address" in knob for knob, _ in made) else set()))),
        signature=", ".join(signature),
        knobs="".join(knob for knob, _ in made),
        values="\n".join(f"                {value}," for _, value in made),
    )


def _field(name: str, kind: Any, title: str, slot: Slot) -> tuple[str, str]:
    """The knob that a contract field is filled from, and the argument that fills it."""
    words = name.replace("_", " ")
    default = _DEFAULTS.get(name, f"{title.lower().replace(' ', '-')}.example.com")
    knob = f'    {name}: Address = "{default}"\n    """The {words} of {title}."""\n'
    if get_origin(kind) is Literal:
        return "", f'{name}="{get_args(kind)[0]}"'
    if kind is str:
        return knob, f"{name}=config.{name}"
    if get_origin(kind) is pulumi.Output:
        return knob, f"{name}=pulumi.Output.from_input(config.{name})"
    if get_origin(kind) is dict and "models" in slot.config.model_fields:
        url = f'    base_url: Address = "http://{default}"\n    """Where models answer, each below its own name."""\n'
        each = 'model.name: pulumi.Output.from_input(f"{config.base_url}/{model.name}")'
        return url, f"{name}={{{each} for model in config.models}}"
    return "", f"{name}={'{}' if get_origin(kind) is dict else '()'}"


def _written(annotation: Any) -> str:
    """An annotation as it stands in source."""
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(_written(part) for part in get_args(annotation))
    if annotation is type(None):
        return "None"
    return "pulumi.ResourceOptions" if annotation is pulumi.ResourceOptions else str(annotation.__name__)


def _own(annotation: Any) -> list[type]:
    """Classes of this project within an annotation: what has to be imported."""
    parts = get_args(annotation) or (annotation,)
    return [part for part in parts if str(getattr(part, "__module__", "")).startswith("components.")]
