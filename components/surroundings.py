"""What workloads, and modules that build on other modules, find on their platform: what is published, rights in plain
words, and what one is told of each thing that it has a right on."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Grant
from components.base.secret import SecretValue
from components.base.steps import PodSteps, TaskSteps
from components.base.watched import Watched
from components.base.workload import Host
from components.cache import CacheOutputs
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.lake_query import LakeQueryOutputs
from components.ml_platform import MlPlatformOutputs
from components.serving import ServingOutputs
from components.storage import Zone
from components.warehouse import WarehouseOutputs
from mlops.core.module import SlotConfig, kind_of


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A right on a module that workloads name in plain words, and what comes with it."""

    grant: Grant
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What a workload with the right is told."""
    secrets: Mapping[str, SecretValue] = field(default_factory=dict)
    """Variables of it whose values are secret."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of its namespace, by which the module lets it in."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The platform, as those see it that build on its modules; what it has not is None."""

    foundation: Foundation
    serving: ServingOutputs | None = None
    ml_platform: MlPlatformOutputs | None = None
    stream: DataPipelineOutputs | None = None
    lake_query: LakeQueryOutputs | None = None
    warehouse: WarehouseOutputs | None = None
    cache: CacheOutputs | None = None
    offers: Mapping[str, Offer] = field(default_factory=dict)
    """What modules that build on others grant to workloads, by the words for it."""
    orchestrated: bool = False
    """Whether an orchestrator runs the loop, whose worker then only watches."""
    apart: bool = False
    """Whether it does so elsewhere than where the worker runs, with secrets that it has to find there."""
    steps: PodSteps | TaskSteps | None = None
    """What it starts the loop's steps with; for modules that are made after the workloads."""

    @property
    def host(self) -> Host:
        """What containers run with, for workloads, which are there only where something serves."""
        if self.serving is None:
            raise LookupError("A workload is to run on a platform without serving, which the settings refuse.")
        return self.serving.host


@dataclass(frozen=True, kw_only=True)
class DependentOutputs:
    """What a module publishes that builds on others: people, monitoring and workloads find it."""

    exports: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """What the stack exports of it, by the name of the export (`docs/exports.md`)."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    offers: Mapping[str, Offer] = field(default_factory=dict, metadata=INTERNAL)
    """Rights on it that workloads may name, by the words for them (`GrantWords`)."""


class DependentConfig(SlotConfig):
    """A slot whose modules build on those of other slots. Its field in the settings is all that the platform has to
    know of it: modules are built in the fields' order, after everything that they may find around them."""

    offered: ClassVar[frozenset[str]] = frozenset()
    """Words for the rights on it that workloads may name: the keys of what it offers once it is built. A module that
    offers some is made before workloads, any other after them."""
    within: ClassVar[bool] = False
    """Whether it is reached from the cluster alone, and not by workloads that run outside."""

    @property
    def asks_from_outside(self) -> bool:
        """Whether it runs workloads outside the cluster that ask what runs on it."""
        return False

    @property
    def emptied(self) -> Mapping[tuple[Zone, str], int]:
        """Folders of the lake that it fills and that empty by themselves: days for which what lies there is kept."""
        return {}

    @abstractmethod
    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the module."""


NEEDS = {"produce": "data_pipeline", "consume": "data_pipeline", "track": "ml_platform", "invoke": "serving"}
"""Right -> the slot whose module it is a right on."""


OF_MODULES = {
    "read features": "feature_store",
    "write features": "feature_store",
    "observe models": "model_monitoring",
    "log experiments": "experiment_tracking",
    "version data": "data_versioning",
}
"""Right on a module that builds on others -> its slot. Containers alone are granted them, who are made after these."""


def lacks(who: str, rights: Sequence[str], slots: Collection[str]) -> tuple[str, ...]:
    """Why rights cannot be granted on a stack with these slots filled, one sentence each."""
    missing = (
        f"{who} is to {word}, and this stack has no {NEEDS[word]}; add one, or leave `{word}` out of its grants"
        for word in rights
        if word in NEEDS and NEEDS[word] not in slots
    )
    strange = (
        f"{who} is to {word}, which workloads.containers alone are granted; leave `{word}` out of its grants"
        for word in rights
        if word in OF_MODULES
    )
    return (*missing, *strange)


def lacking_offers(
    who: str, rights: Sequence[str], modules: Mapping[str, SlotConfig], *, outside: bool
) -> Iterator[str]:
    """Why rights on modules that build on others cannot be granted, one sentence each.

    Args:
        modules: those of the stack, by slot.
        outside: whether it runs outside the cluster.
    """
    for word in rights:
        slot = OF_MODULES.get(word)
        if slot is None:
            continue
        module = modules.get(slot)
        if not isinstance(module, DependentConfig):
            yield f"{who} is to {word}, and this stack has no {slot}; add one, or leave `{word}` out of its grants"
            continue
        kind = f"{slot} is {kind_of(type(module))}"
        if word not in module.offered:
            allowed = ", ".join(sorted(module.offered)) or "nothing"
            yield (
                f"{who} is to {word}, and {kind}, which grants containers {allowed}; leave `{word}` out of its grants, "
                "or choose another kind"
            )
        elif outside and module.within:
            yield (
                f"{who} is to {word}, and {kind}, which is reached from the cluster alone, while the container runs "
                f"outside of it; choose another kind for {slot}, or a kind of serving that runs on the cluster"
            )


def granted(words: str, around: Surroundings) -> Grant:
    """The grant that plain words stand for (`GrantWords`).

    Raises:
        LookupError: the platform lacks what it is a right on, which the settings should have said.
    """
    if words in around.offers:
        return around.offers[words].grant
    verb, _, place = words.partition(" ")
    if " storage/" in words:
        zone, _, folder = place.removeprefix("storage/").partition("/")
        storage = around.foundation.storage
        give = {"read": storage.read, "write": storage.write, "erase": storage.erase}[verb]
        return give(_zone(zone), f"{folder}/" if folder else "")
    if verb == "invoke" and around.serving:
        return around.serving.invoke()
    if verb == "track" and around.ml_platform:
        return around.ml_platform.track()
    if verb in ("produce", "consume") and around.stream:
        return around.stream.produce() if verb == "produce" else around.stream.consume()
    raise LookupError(f"The platform has nothing that `{words}` would be a right on.")


def told(words: Sequence[str], around: Surroundings) -> dict[str, pulumi.Input[str]]:
    """The variables from which a workload with these rights knows where everything is."""
    known: dict[str, pulumi.Input[str]] = {"AWS_REGION": around.foundation.region}
    for offer in offers(words, around):
        known |= offer.variables
    if "track" in words and around.ml_platform:
        known["MLFLOW_TRACKING_URI"] = around.ml_platform.tracking_uri
    if {"produce", "consume"} & set(words) and around.stream:
        known |= around.stream.client_variables()
    buckets = around.foundation.storage.buckets
    zones: list[Zone] = [_zone(one.partition(" storage/")[2].partition("/")[0]) for one in words if " storage/" in one]
    return known | {f"MLOPS_BUCKET_{zone.upper()}": buckets[zone] for zone in zones}


def offers(words: Sequence[str], around: Surroundings) -> list[Offer]:
    """Those of a workload's rights that are rights on modules which build on others."""
    return [around.offers[word] for word in words if word in around.offers]


def _zone(text: str) -> Zone:
    zones: tuple[Zone, ...] = get_args(Zone)
    return next(zone for zone in zones if zone == text)
