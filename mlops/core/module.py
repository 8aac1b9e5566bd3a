"""Slots and their variants: found by looking, joined by pydantic's discriminated union.

A slot is a field of the settings that is marked with `OneOf`; a variant is a file, or a folder of that name, in the
slot's folder. A platform team adds a variant by adding one file; nothing else lists it.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

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
    outside: bool = False
    """Whether workloads run outside the cluster, and what runs on it must be reached from there."""
    private_subnets: bool = True
    """Whether there are subnets without a way in from the internet, where internal load balancers lie."""
    node_groups: frozenset[str] = frozenset()
    """Names of the cluster's node groups."""
    gpu_groups: frozenset[str] = frozenset()
    """Those with GPUs."""
    database: bool = False
    """Whether there is a PostgreSQL instance."""
    way_out: bool = True
    """Whether the network has a way to the internet."""
    repositories: frozenset[str] = frozenset()
    """Names of the registry's repositories."""
    group_sizes: Mapping[str, int] = field(default_factory=dict)
    """Nodes that each group grows to."""
    captured: frozenset[str] = frozenset()
    """Models whose requests are kept as they came."""
    loop: bool = False
    """Whether there is a loop that an orchestrator could run."""
    steps: str | None = None
    """As what its steps could run, `pods` or `tasks`; None where only its own worker runs it."""
    filled: Mapping[str, str] = field(default_factory=dict)
    """Kinds of the modules that the stack has, by slot."""

    def most_nodes(self, group: str | None) -> int:
        """Nodes that a group grows to; without a group all that pods without GPUs are for."""
        if group is not None:
            return self.group_sizes.get(group, 0)
        return sum(size for name, size in self.group_sizes.items() if name not in self.gpu_groups)

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
    exported: ClassVar[frozenset[str]] = frozenset()
    """Names under which the stack exports what the module publishes (`docs/exports.md`), where it says so itself."""
    beside: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Slots that have to be filled beside it, each with the kinds that it works with; no kinds means any."""
    without: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Other slot -> kinds of it that it cannot be beside."""
    endpoints: ClassVar[frozenset[str]] = frozenset()
    """Interface endpoints that its workloads need in a network without a way out; `components.network.endpoints`
    derives them from the actions that they are granted."""

    announces: ClassVar[str | None] = None
    """What its pods' own metrics are called in `components.watch.modules`, where somebody has to hear of some."""

    unwatched: ClassVar[str | None] = None
    """Why nothing of it is watched, where it publishes no `Watched` and announces no metrics."""

    example: ClassVar[Mapping[str, Any]] = {}
    """Settings that it cannot be made without and that nobody can choose for a team, such as the secret with a key of
    another company's service, as they might be; what is priced, compared, documented and tested is made with them."""

    @property
    def needed_endpoints(self) -> frozenset[str]:
        """`endpoints`, and those that these settings ask for besides."""
        return self.endpoints

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
def variants(slot: type[SlotT]) -> tuple[type[SlotT], ...]:
    """Every variant of a slot, sorted by kind: one config class a file of the slot's folder.

    Raises:
        SlotError: a file with no config or several, or one that is not named after its kind.
    """
    return tuple(sorted((_within(slot, name) for name in _files(slot)), key=kind_of))


def variant(slot: type[SlotT], kind: str) -> type[SlotT] | None:
    """The variant of a kind, without a look at the others; None for a kind that there is not.

    Raises:
        SlotError: its file breaks the rules.
    """
    wanted = _file_of(kind)
    return next((_within(slot, name) for name in _files(slot) if name.rstrip("_") == wanted), None)


@cache
def _files(slot: type[SlotConfig]) -> tuple[str, ...]:
    package = importlib.import_module(slot.__module__)
    return tuple(sorted(info.name for info in pkgutil.iter_modules(package.__path__)))


def _file_of(kind: str) -> str:
    """The name of the file of a kind; one that Python reserves has an underscore more: `lambda_`."""
    return kind.replace("-", "_")


@cache
def _within(slot: type[SlotT], name: str) -> type[SlotT]:
    """The one config of a file of a slot's folder."""
    module = importlib.import_module(f"{slot.__module__}.{name}")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, slot) and value.__module__ == module.__name__
    ]
    if len(own) != 1:
        names = ", ".join(sorted(config.__name__ for config in own)) or "none"
        raise SlotError(f"{module.__name__} must hold one config of {slot.__name__}; it holds {names}.")
    if _file_of(kind_of(own[0])) != name.rstrip("_"):
        raise SlotError(
            f'{module.__name__} holds the kind "{kind_of(own[0])}", and is not named after it: a kind is found by the '
            f"name of its file. Call the file {_file_of(kind_of(own[0]))}.py, or the kind "
            f'"{name.rstrip("_").replace("_", "-")}".'
        )
    return own[0]


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
    """Marks `Annotated[SomeSlotConfig, OneOf()]`: the value is one of the slot's variants, told apart by `kind`.

    It says what pydantic's union with a discriminator says, and loads no variant but the one that is chosen: a module
    that a stack has not costs it nothing, however many there are. Its JSON schema knows all of them.
    """

    def __get_pydantic_core_schema__(self, source: type[SlotConfig], handler: GetCoreSchemaHandler) -> CoreSchema:
        def chosen(given: Any) -> SlotConfig:
            return given if isinstance(given, source) else _chosen(source, given).model_validate(given)

        return core_schema.no_info_plain_validator_function(chosen, metadata={"slot": source})

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        choices = {kind_of(one): _named(one) for one in variants(schema["metadata"]["slot"])}  # type: ignore[typeddict-item]
        found = handler(core_schema.tagged_union_schema(choices, "kind"))
        # Where there is one alone, its kind may be left out, and there is nothing to tell apart.
        return found if len(choices) > 1 else found["oneOf"][0]


def _named(model: type[BaseModel]) -> CoreSchema:
    """The core schema of a model under its own name, so that a JSON schema defines it once and refers to it."""
    schema: dict[str, Any] = {**model.__pydantic_core_schema__}
    name = f"{model.__module__}.{model.__qualname__}:{id(model)}"
    if schema["type"] == "definitions":
        return {**schema, "schema": {**schema["schema"], "ref": name}}  # type: ignore[return-value]
    return {**schema, "ref": name}  # type: ignore[return-value]


def _chosen(slot: type[SlotConfig], given: Any) -> type[SlotConfig]:
    """The variant that settings name by their `kind`; where there is one alone, nobody needs to name it."""
    if not isinstance(given, Mapping):
        raise PydanticKnownError("model_attributes_type")
    kind = given.get("kind")
    if kind is None and len(_files(slot)) == 1:
        return variants(slot)[0]
    if kind is None:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "'kind'"})
    found = variant(slot, kind) if isinstance(kind, str) else None
    if found is None:
        tags = ", ".join(f"'{kind_of(one)}'" for one in variants(slot))
        context = {"discriminator": "'kind'", "tag": str(kind), "expected_tags": tags}
        raise PydanticKnownError("union_tag_invalid", context)
    return found
