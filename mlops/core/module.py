"""Slots and their variants: found by looking, joined by pydantic's discriminated union.

A slot is a field of the settings that is marked with `OneOf`; a variant is a file, or a folder of that name, in the
slot's folder. A platform team adds a variant by adding one file; nothing else lists it.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args

from pydantic import BaseModel, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from mlops.core.config import Card, Config

Need = Literal["cluster", "database"]
"""A part of the foundation that a stack may leave out, and that a variant may say it cannot do without."""


@dataclass(frozen=True, kw_only=True)
class StackFacts:
    """What a variant may have to know of the stack to say whether it can run there."""

    region: str
    zones: int
    gpus: bool
    """Whether some node group has GPUs."""
    private_subnets: bool = True
    """Whether there are subnets without a way in from the internet, where internal load balancers lie."""
    node_groups: frozenset[str] = frozenset()
    """Names of the cluster's node groups."""
    gpu_groups: frozenset[str] = frozenset()
    """Those with GPUs."""
    database: bool = False
    """Whether there is a PostgreSQL instance."""
    repositories: frozenset[str] = frozenset()
    """Names of the registry's repositories."""

    def misplaced(self, what: str, group: str | None, *, gpus: bool = False) -> tuple[str, ...]:
        """Why pods cannot go to the node group that they name, one sentence; nothing when they can, or name none."""
        if group is None or group in (self.gpu_groups if gpus else self.node_groups):
            return ()
        lacks = "has no GPUs" if group in self.node_groups else "the cluster does not have"
        allowed = ", ".join(sorted(self.gpu_groups if gpus else self.node_groups)) or "none"
        sentence = f"{what} goes to node group {group}, which {lacks}; allowed: {allowed}. Or leave node_group out"
        return (sentence,)


class SlotConfig(Config):
    """Base of a slot's config. A variant adds `kind`, a `card`, its knobs, and `build`."""

    card: ClassVar[Card]
    needs: ClassVar[frozenset[Need]] = frozenset()
    endpoints: ClassVar[frozenset[str]] = frozenset()
    """Interface endpoints that its workloads need in a network without a way out; `components.network.endpoints`
    derives them from the actions that they are granted."""

    example: ClassVar[Mapping[str, Any]] = {}
    """Settings that it cannot be made without and that nobody can choose for a team, such as the secret with a key of
    another company's service, as they might be; what is priced, compared, documented and tested is made with them."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why these settings cannot work on that stack, one sentence each; nothing when they can."""
        return ()


SlotT = TypeVar("SlotT", bound=SlotConfig)


class SlotError(Exception):
    """A variant file breaks the rules of its slot. Raised at import, for the developer who wrote the file."""


def kind_of(variant: type[SlotConfig]) -> str:
    """The one value of a variant's `kind`."""
    field = variant.model_fields.get("kind")
    values = get_args(field.annotation) if field else ()
    if len(values) != 1:
        raise SlotError(f'{variant.__module__}.{variant.__qualname__} needs a field `kind: Literal["name"] = "name"`.')
    return str(values[0])


@cache
def variants(slot: type[SlotConfig]) -> tuple[type[SlotConfig], ...]:
    """Every variant of a slot, sorted by kind: one config class a file of the slot's folder.

    Raises:
        SlotError: a file with no config or several, or two files with one kind.
    """
    package = importlib.import_module(slot.__module__)
    found: dict[str, type[SlotConfig]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, slot) and value.__module__ == module.__name__
        ]
        if len(own) != 1:
            names = ", ".join(sorted(config.__name__ for config in own)) or "none"
            raise SlotError(f"{module.__name__} must hold one config of {slot.__name__}; it holds {names}.")
        kind = kind_of(own[0])
        if kind in found:
            raise SlotError(f'kind "{kind}" is claimed by {found[kind].__module__} and by {module.__name__}.')
        found[kind] = own[0]
    return tuple(found[kind] for kind in sorted(found))


def slots(settings: type[BaseModel]) -> dict[str, type[SlotConfig]]:
    """The slots of the settings tree's root by the name of their field, in the fields' order."""
    return {
        name: slot
        for name, field in settings.model_fields.items()
        for slot in classes(field.annotation)
        if issubclass(slot, SlotConfig)
    }


def exemplary(variant: type[SlotT]) -> SlotT:
    """A variant with its defaults, and its example where it has none."""
    return variant.model_validate({"kind": kind_of(variant), **variant.example})


def classes(annotation: Any) -> Iterator[type]:
    """Every class within `Annotated[X, OneOf()] | None`."""
    if isinstance(annotation, type):
        yield annotation
    for inner in get_args(annotation):
        yield from classes(inner)


class OneOf:
    """Marks `Annotated[SomeSlotConfig, OneOf()]`: the value is one of the slot's variants, told apart by `kind`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = variants(source)
        if len(choices) == 1:
            # A union of one collapses, and pydantic then refuses the discriminator.
            return handler.generate_schema(choices[0])
        union = Union[choices]  # type: ignore[valid-type]  # noqa: UP007 - built from data
        return handler.generate_schema(Annotated[union, Field(discriminator="kind")])
