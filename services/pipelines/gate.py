"""The gate: what a candidate must show before it may serve. Pure: from figures to a verdict."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipelines.metrics import Interval, interval

Candidate = Literal["collaborative", "popularity"]
"""In the order in which they are tried: popularity is declared champion where nothing beats it."""
CANDIDATES: tuple[Candidate, ...] = ("collaborative", "popularity")


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """Where the gate stands."""

    least_coverage: float = 0.05
    """Share of the catalogue that a collaborative model must recommend to somebody."""
    least_group: int = 20
    """Users that a group must have to be judged: below, the figures are noise."""
    fair_share: float = 0.8
    """Share of the overall NDCG that every group must get: the four-fifths rule (29 CFR 1607.4 D)."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """How a group of users fares."""

    name: str
    users: int
    ndcg: Interval
    shortfall: Interval | None
    """NDCG of the group less the fair share of all users'; None where the group is too small to be judged."""

    @property
    def fair(self) -> bool:
        """False only where even the favourable end of the interval is below the fair share."""
        return self.shortfall is None or self.shortfall.high >= 0.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one candidate or the champion reached."""

    ndcg: Interval
    hit_rate: Interval
    coverage: float
    groups: tuple[Group, ...]
    over_popularity: Interval | None
    """NDCG less popularity's, by user; None for popularity itself."""
    over_champion: Interval | None
    """NDCG less the champion's, by user; None where there is no champion."""
    next_hit_rate: Interval | None = None
    """Hit rate of the one product that each user took next: what can be seen of a model that serves as well."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says."""

    passed: Candidate | None
    """Who may serve; None where nobody may."""
    refusals: dict[str, tuple[str, ...]]
    """Reasons by candidate that was refused."""


def judge(figures: dict[Candidate, Figures], users: int, champion: str | None, rules: GateRules) -> Verdict:
    """The first candidate that nothing speaks against.

    Args:
        users: users that were evaluated.
        champion: kind of the model that serves now, or None.
    """
    refusals: dict[str, tuple[str, ...]] = {}
    for candidate in CANDIDATES:
        reasons = tuple(_reasons(candidate, figures[candidate], users, champion, rules))
        if not reasons:
            return Verdict(passed=candidate, refusals=refusals)
        refusals[candidate] = reasons
    return Verdict(passed=None, refusals=refusals)


def _reasons(candidate: Candidate, figures: Figures, users: int, champion: str | None, rules: GateRules) -> list[str]:
    if not users:
        # Popularity needs no proof against popularity; anything else would be promoted unseen.
        unproven = candidate != "popularity" or champion not in {None, "popularity"}
        return ["no user has enough products to be evaluated"] if unproven else []
    reasons = []
    if figures.over_popularity is not None and figures.over_popularity.low <= 0.0:
        reasons.append(f"it does not beat popularity: NDCG difference {figures.over_popularity}")
    if figures.over_champion is not None and figures.over_champion.high < 0.0:
        reasons.append(f"it is worse than the champion: NDCG difference {figures.over_champion}")
    if candidate != "popularity" and figures.coverage < rules.least_coverage:
        reasons.append(f"it recommends {figures.coverage:.1%} of the catalogue; {rules.least_coverage:.1%} is required")
    for group in figures.groups:
        if not group.fair:
            reasons.append(
                f"it is unfair to {group.name}: NDCG {group.ndcg} of {group.users} users is below "
                f"{rules.fair_share:.0%} of what all get"
            )
    return reasons


def groups(ndcg: npt.NDArray[np.float64], names: npt.NDArray[np.object_], rules: GateRules) -> tuple[Group, ...]:
    """Figures by group; the overall mean counts as known, for it rests on all users."""
    fair = rules.fair_share * float(ndcg.mean()) if len(ndcg) else 0.0
    found = []
    for name in sorted(set(names.tolist())):
        values = ndcg[names == name]
        shortfall = interval(values - fair) if len(values) >= rules.least_group else None
        found.append(Group(name=str(name), users=len(values), ndcg=interval(values), shortfall=shortfall))
    return tuple(found)
