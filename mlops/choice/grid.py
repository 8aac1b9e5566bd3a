"""The grid: every combination of the four slots that make a platform, each with only the core that it needs."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from components.settings import PlatformConfig
from mlops.choice.modules import Module, chosen
from mlops.choice.trials import Trial, tried
from mlops.core.module import SlotConfig, kind_of, slots, variants
from mlops.core.problems import SettingsError

SLOTS = ("data_pipeline", "ml_platform", "monitoring", "serving")
"""How events enter, where models live, who watches, how models answer."""
OPTIONAL = ("cluster", "database")
"""Parts of the core that a combination goes without unless one of its modules needs them."""

Kinds = Mapping[str, str]
"""The kind of each slot."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known of a combination before it exists."""

    kinds: Kinds
    refused: str = ""
    """Why the settings cannot be used; then nothing else is known."""
    resources: int = 0
    """What providers make."""
    monthly: Decimal = Decimal(0)
    """US dollars a month at list prices, with the use that is expected of the tier."""
    complete: bool = True
    """Whether everything has a price."""
    blocking: tuple[str, ...] = ()
    """Ids of the mandatory rules that are broken."""
    waiting: tuple[str, ...] = ()
    """Pods that would stay Pending."""


def found() -> dict[str, dict[str, type[SlotConfig]]]:
    """The variants of the grid's slots by kind, in the grid's order; a slot that is not there yet is left out."""
    every = slots(PlatformConfig)
    return {name: {kind_of(one): one for one in variants(every[name])} for name in SLOTS if name in every}


def combinations(among: Mapping[str, Iterable[str]] | None = None) -> Iterator[Kinds]:
    """One kind for each slot, every way; `among` keeps a slot to some of its kinds."""
    kinds = {
        slot: [kind for kind in known if kind in (among or {}).get(slot, known)] for slot, known in found().items()
    }
    for row in itertools.product(*kinds.values()):
        yield dict(zip(kinds, row, strict=True))


def settings(kinds: Kinds) -> dict[str, Any]:
    """The differences from a tier that make a combination: its modules, and of the core what they need."""
    taken = {slot: known[kinds[slot]] for slot, known in found().items() if slot in kinds}
    needed = frozenset[str]().union(*(one.needs for one in taken.values()))
    made: dict[str, Any] = {part: None for part in OPTIONAL if part not in needed}
    for slot, one in taken.items():
        made |= chosen(Module(slot=slot, kind=kinds[slot], config=one))
    return made


def judged(kinds: Kinds, root: Path, tier: str = "dev") -> Verdict:
    """A combination planned, priced, judged and filled with its pods.

    Raises:
        RecordError: the program registers what an engine would refuse.
    """
    try:
        return verdict(kinds, tried(root, tier, settings(kinds)))
    except SettingsError as error:
        return Verdict(kinds=kinds, refused=str(error).strip().splitlines()[-1].strip())


def verdict(kinds: Kinds, trial: Trial) -> Verdict:
    """What a stack comes to."""
    return Verdict(
        kinds=kinds,
        resources=sum(node.custom for node in trial.graph),
        monthly=trial.estimate.total,
        complete=trial.estimate.complete,
        blocking=tuple(sorted({one.rule.id for one in trial.report.blocking})),
        waiting=tuple(sorted({one.pods.name for one in trial.capacity.stuck})),
    )
