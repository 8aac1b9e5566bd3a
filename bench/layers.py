"""What components cost over a flat program that registers the same resources with the same dependencies.

The flat program is made from the real one: every call of an SDK's resource class is kept, and replayed without
components, each value that came from other resources as an Output that waits for them.
"""

import copy
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from bench.measure import ROOT, Row
from components.platform import Platform, PlatformArgs
from mlops import settings, stacks
from mlops.plan.recorder import record
from mlops.stack import provider

ROUNDS = 9
ALLOWED = 1.15
INIT = "_internal_init"
"""What the constructor of every SDK class calls with its properties as keywords."""
SDKS = ("pulumi_aws.", "pulumi_eks.", "pulumi_kubernetes.")


@dataclass
class Later:
    """A value that was an Output: what it became, and the resources that it waited for."""

    output: pulumi.Output[Any]
    needs: set[pulumi.Resource] = field(default_factory=set[pulumi.Resource])
    value: Any = None

    def attribute(self) -> tuple[pulumi.Resource, str] | None:
        """The resource whose attribute it is, as it stands, and the attribute's name; None if it was computed."""
        for resource in self.needs if len(self.needs) == 1 else ():
            for name, value in vars(resource).items():
                if value is self.output:
                    return resource, name
        return None


@dataclass(frozen=True)
class Call:
    """One resource of the real program: its class, its name and its properties."""

    resource: pulumi.Resource
    kind: type[pulumi.Resource]
    name: str
    properties: Mapping[str, Any]
    after: tuple[pulumi.Resource, ...]
    """What it was told to wait for, beside what its properties come from."""


def rows() -> Iterator[Row]:
    """Both programs in turns, the best of each."""
    stack = stacks.read("prod", ROOT)
    real = components(settings.resolve(stack))
    record(real, project=stack.project, stack=stack.name, config=stack.config)
    flat = flat_program(kept_calls(stack, real))
    seconds: dict[str, list[float]] = {"real": [], "flat": []}
    resources = 0
    gc.disable()
    for _ in range(ROUNDS):
        for name, run in (("real", real), ("flat", flat)):
            gc.collect()
            started = time.process_time()
            graph = record(run, project=stack.project, stack=stack.name, config=stack.config)
            seconds[name].append(time.process_time() - started)
            resources = sum(node.custom for node in graph)
    gc.enable()
    ours, theirs = min(seconds["real"]), min(seconds["flat"])
    note = f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms of CPU, {resources} resources"
    yield Row(what="with components / flat program", promised=ALLOWED, measured=ours / theirs, unit="x", note=note)


def components(resolved: settings.Settings) -> Callable[[], None]:
    """The program as `__main__.py` writes it, with its settings at hand: reading them is no part of the layer."""
    args = PlatformArgs(prefix=resolved.prefix, tags=resolved.tags)

    def real() -> None:
        Platform("platform", resolved.platform, args, pulumi.ResourceOptions(providers=[provider(resolved)]))

    return real


def kept_calls(stack: stacks.StackFile, real: Callable[[], object]) -> list[Call]:
    """Every resource that an SDK class makes in one recording, with what its Outputs became."""
    calls: list[Call] = []
    kinds = [kind for kind in _below(pulumi.CustomResource) if kind.__module__.startswith(SDKS)]
    kinds += [kind for kind in _below(pulumi.ComponentResource) if kind.__module__.startswith("pulumi_eks.")]
    originals = {kind: vars(kind)[INIT] for kind in kinds if INIT in vars(kind)}

    def keeping(kind: type[pulumi.Resource]) -> Callable[..., None]:
        def init(self: pulumi.Resource, resource_name: str, /, *given: Any, **properties: Any) -> None:
            options = given[0] if given else properties.get("opts")
            # One with a URN is a reference to a resource that a remote component has made.
            if not getattr(options, "urn", None):
                kept = {key: _kept(value) for key, value in properties.items() if key != "opts"}
                after = getattr(options, "depends_on", None) or ()
                calls.append(Call(self, kind, resource_name, kept, tuple(after)))
            originals[kind](self, resource_name, *given, **properties)

        return init

    for kind in originals:
        setattr(kind, INIT, keeping(kind))
    try:
        record(real, project=stack.project, stack=stack.name, config=stack.config)
    finally:
        for kind, original in originals.items():
            setattr(kind, INIT, original)
    return calls


def flat_program(calls: list[Call]) -> Callable[[], None]:
    """A program that makes the same resources under the stack, one after another."""

    def flat() -> None:
        made: dict[pulumi.Resource, pulumi.Resource] = {}
        providers: dict[str, pulumi.ProviderResource] = {}
        for call in calls:
            package = call.kind.__module__.partition(".")[0]
            after = [made[one] for thing in call.after for one in _leaves(thing) if one in made]
            options = pulumi.ResourceOptions(depends_on=after)
            if issubclass(call.kind, pulumi.ComponentResource):
                options = pulumi.ResourceOptions(depends_on=after, providers=list(providers.values()))
            elif not issubclass(call.kind, pulumi.ProviderResource):
                options = pulumi.ResourceOptions(depends_on=after, provider=providers[package])
            properties = {key: _replayed(value, made) for key, value in call.properties.items()}
            resource = call.kind(call.name, opts=options, **properties)  # pyright: ignore[reportCallIssue]
            made[call.resource] = resource
            if isinstance(resource, pulumi.ProviderResource):
                providers[package] = resource

    return flat


def _kept(value: Any) -> Any:
    """An argument in which `Later` stands for every Output, filled in while the recording runs. What holds no Output
    is taken as it is, so that replaying costs nothing beside it."""
    if isinstance(value, pulumi.Output):
        later = Later(value)

        async def needs() -> None:
            later.needs = set(await value.resources())

        def became(plain: Any) -> Any:
            later.value = plain
            return plain

        value.apply(became)
        pulumi.Output.from_input(needs())
        return later
    return _mapped(value, _kept)


def _replayed(value: Any, made: Mapping[pulumi.Resource, pulumi.Resource]) -> Any:
    if isinstance(value, Later):
        attribute = value.attribute()
        if attribute and attribute[0] in made:
            return getattr(made[attribute[0]], attribute[1])
        waited = [made[one].urn for one in value.needs if one in made]
        if len(waited) == 1:
            return waited[0].apply(lambda _: value.value)
        return pulumi.Output.all(*waited).apply(lambda _: value.value)
    if isinstance(value, pulumi.Resource):
        return made.get(value, value)
    return _mapped(value, lambda item: _replayed(item, made))


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with what it holds changed; the very same if nothing in it is."""
    if isinstance(value, Mapping):
        items = {key: change(item) for key, item in value.items()}
        return items if any(items[key] is not value[key] for key in items) else value
    if isinstance(value, list | tuple):
        entries = [change(item) for item in value]
        return entries if any(new is not old for new, old in zip(entries, value, strict=True)) else value
    if type(value).__module__.startswith(SDKS) and hasattr(value, "__dict__"):
        attributes = {key: change(item) for key, item in vars(value).items()}
        if any(attributes[key] is not vars(value)[key] for key in attributes):
            twin = copy.copy(value)
            twin.__dict__ = attributes
            return twin
    return value


def _leaves(resource: pulumi.Resource) -> Iterator[pulumi.Resource]:
    """The resource itself; of a component, all that is in it."""
    yield resource
    for child in resource._childResources:
        yield from _leaves(child)


def _below(kind: type[pulumi.Resource]) -> Iterator[type[pulumi.Resource]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
