"""Kinds of one slot side by side, in the same stack: what each costs, at its use and at ten times of it, what it adds,
and from how much use on another one is cheaper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlops.choice.modules import Added, Module, chosen, of
from mlops.choice.trials import Trial, tried
from mlops.core.merge import merge
from mlops.core.problems import SettingsError
from mlops.core.usage import times
from mlops.cost.estimate import estimate
from mlops.cost.usage import usage_of

FACTORS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Multiples of the use at which the cheapest is looked for."""
_STEPS = 12
"""Halvings between two of them: the turn is known to less than a thousandth of the distance."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One kind in the stack."""

    module: Module
    trial: Trial | None
    """None where the stack cannot have it."""
    refused: str = ""
    """Why, in a sentence."""

    def monthly(self, factor: float = 1) -> Decimal:
        """US dollars a month of the whole stack, at so many times its use."""
        if self.trial is None:
            raise LookupError(f"{self.module.kind} is refused here: {self.refused}")
        plan = self.trial.plan
        usage = times(usage_of(plan.tier, plan.choices), factor)
        return estimate(self.trial.graph, usage, self.trial.book).total

    @cached_property
    def added(self) -> Added:
        """What the stack has of the module itself."""
        if self.trial is None:
            return Added(tier="", refused=self.refused)
        return of(self.trial, self.module.slot.replace("_", "-"), self.trial.plan.tier)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """From so many times the use on, another kind is the cheapest."""

    factor: float
    before: str
    after: str


def candidates(root: Path, tier: str, override: Mapping[str, Any], modules: Sequence[Module]) -> tuple[Candidate, ...]:
    """Each kind in the same stack, all else as it is.

    Raises:
        RecordError: the program registers what an engine would refuse.
    """
    found = []
    for module in modules:
        try:
            trial = tried(root, tier, merge(override, chosen(module)))
        except SettingsError as error:
            found.append(Candidate(module=module, trial=None, refused=str(error).strip().splitlines()[-1].strip()))
        else:
            found.append(Candidate(module=module, trial=trial))
    return tuple(found)


def turns(among: Sequence[Candidate]) -> tuple[Turn, ...]:
    """Where the cheapest changes, from a tenth of the use to a thousand times of it."""
    possible = [one for one in among if one.trial]
    if len(possible) < 2:
        return ()
    found = []
    for low, high in pairwise(FACTORS):
        before, after = _cheapest(possible, low), _cheapest(possible, high)
        if before is not after:
            factor = _between(possible, low, high)
            found.append(Turn(factor=factor, before=before.module.kind, after=after.module.kind))
    return tuple(found)


def _cheapest(among: Sequence[Candidate], factor: float) -> Candidate:
    return min(among, key=lambda one: one.monthly(factor))


def _between(among: Sequence[Candidate], low: float, high: float) -> float:
    first = _cheapest(among, low)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _cheapest(among, middle) is first:
            low = middle
        else:
            high = middle
    return high
