"""What a module would add to a stack: what is made, what it costs, what its pods ask for, what the rules say of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from components.fit import facts
from components.serving import ServingConfig
from components.settings import PlatformConfig
from mlops.choice.trials import Trial, tried
from mlops.core.module import SlotConfig, exemplary, kind_of, slots, variants
from mlops.core.problems import SettingsError
from mlops.plan.summary import summarise
from mlops.tiers import tier as settings_of

_ZONES = 3
_ROOM: Mapping[str, Any] = {"system": {"instance_types": ["m6i.2xlarge"], "max_size": 6}}
"""Nodes on which a module of every slot finds room."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """A variant of a slot."""

    slot: str
    kind: str
    config: type[SlotConfig]


@dataclass(frozen=True, kw_only=True)
class Added:
    """A module in a tier: with its defaults, or as the tier has it where the tier has that kind."""

    tier: str
    refused: str = ""
    """Why the tier cannot have it as it stands; then nothing else is known."""
    monthly: Decimal = Decimal(0)
    """US dollars a month of its own resources, the use that is expected of the tier included."""
    complete: bool = True
    """Whether all of that has a price."""
    resources: tuple[tuple[str, int], ...] = ()
    """What a provider makes: short type and how many, most first."""
    cpu: int = 0
    """What its pods request together, thousandths of a core; daemons counted on one node."""
    memory: int = 0
    """The same, MiB."""
    blocking: tuple[str, ...] = ()
    """Ids of mandatory rules that its defaults break in this tier."""


@cache
def modules() -> tuple[Module, ...]:
    """Every variant of every slot, in the order of the settings."""
    return tuple(
        Module(slot=name, kind=kind_of(variant), config=variant)
        for name, slot in slots(PlatformConfig).items()
        for variant in variants(slot)
    )


def possible(kinds: Mapping[str, str | None], tier: str = "dev") -> bool:
    """Whether modules of these kinds, by slot, work beside one another, as far as they say; slots that are not there
    are as the tier has them."""
    return _possible(tuple(sorted(kinds.items())), tier)


@cache
def _possible(kinds: tuple[tuple[str, str | None], ...], tier: str) -> bool:
    every = {(module.slot, module.kind): module.config for module in modules()}
    filled = {slot: exemplary(every[slot, kind]) if kind else None for slot, kind in kinds}
    for module in filled.values():
        for other, wanted in (module.beside if module else {}).items():
            found = filled.get(other)
            if other in filled and (found is None or (wanted and kind_of(type(found)) not in wanted)):
                return False
        if any(dict(kinds).get(other) in unwanted for other, unwanted in (module.without if module else {}).items()):
            return False
    base = settings_of(tier)
    # Unchecked: what else does not fit is not asked here. With the zones that some modules want.
    stack = base.model_copy(update={"network": base.network.model_copy(update={"zones": _ZONES}), **filled})
    known = facts(stack)
    return not any(module.conflicts(known) for module in filled.values() if module)


def chosen(module: Module) -> Mapping[str, Any]:
    """The settings that put a module into its slot, as a stack file says it: with its example, and without the
    reference workload where it runs none."""
    own = {module.slot: {"kind": module.kind, **module.config.example}}
    runs_it = not issubclass(module.config, ServingConfig) or {"containers", "workers"} <= module.config.serves
    return own if runs_it else {**own, "workloads": {"recommender": None}}


def fullest() -> dict[str, Any]:
    """Settings with a module in every slot that one is possible in beside those before: of each slot the variant that
    needs most of the core."""
    kinds: dict[str, str | None] = {}
    settings: dict[str, Any] = {"network": {"zones": _ZONES}, "cluster": _ROOM}
    for slot in dict.fromkeys(module.slot for module in modules()):
        fitting = [one for one in modules() if one.slot == slot and possible({**kinds, slot: one.kind})]
        if fitting:
            module = max(fitting, key=lambda one: len(one.config.needs))
            kinds[slot] = module.kind
            settings |= chosen(module)
    return settings


def added(module: Module, tier: str, root: Path) -> Added:
    """What a tier has of a module once it is chosen.

    Raises:
        RecordError: the program registers what an engine would refuse.
    """
    try:
        trial = tried(root, tier, chosen(module))
    except SettingsError as error:
        return Added(tier=tier, refused=str(error).strip().splitlines()[-1].strip())
    return of(trial, module.slot.replace("_", "-"), tier)


def of(trial: Trial, name: str, tier: str) -> Added:
    """What a stack has of one module, by its name in the graph."""
    estimate = trial.estimate
    lines = estimate.by_module().get(name, ())
    parts = {part.name: part for part in summarise(trial.graph).modules}
    pods = [pod for pod in trial.capacity.pods if pod.module == name]
    types = {node.type for node in trial.graph if trial.graph.module(node) == name}
    priceless = [one for one in estimate.missing if one.module == name] or types & {
        one.type for one in estimate.unpriced
    }
    return Added(
        tier=tier,
        monthly=sum((line.monthly for line in lines), Decimal(0)),
        complete=not priceless,
        resources=parts[name].types if name in parts else (),
        cpu=sum(pod.cpu * max(pod.replicas, 1) for pod in pods),
        memory=sum(pod.memory * max(pod.replicas, 1) for pod in pods),
        blocking=tuple(sorted({one.rule.id for one in trial.report.blocking if one.module == name})),
    )
