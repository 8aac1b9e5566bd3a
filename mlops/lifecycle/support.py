"""How long each version of a stack is supported, and the next step that there is for it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mlops.core import lifecycles
from mlops.core.lifecycles import Cycle
from mlops.lifecycle.pinned import Pinned

SOON_DAYS = 90
"""From here on the end of support is near: what AWS gives as notice before it upgrades a control plane by itself is
shorter, and three quarterly maintenance windows are longer."""
ONE_AT_A_TIME = frozenset({lifecycles.EKS, "istio", "knative", "karpenter"})
"""Products that are raised by one minor version at a time. Sources: EKS user guide, "Update existing cluster to new
Kubernetes version"; Istio, "Canary upgrades"; Knative, "Upgrading"; Karpenter, "Upgrade guide"."""


class State(StrEnum):
    """From the worst to the best."""

    ENDED = "ended"
    EXTENDED = "extended support"
    SOON = "ends soon"
    SUPPORTED = "supported"
    UNKNOWN = "no end published"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One version, with what is known of its support."""

    pinned: Pinned
    state: State
    released: date | None
    until: date | None
    """Last day of support."""
    extended_until: date | None
    next: str
    """The version that may come next; empty where none is known."""
    held_by: tuple[str, ...]
    """What is not made for the next version, in words: it has to be raised first."""

    def age_days(self, today: date) -> int | None:
        """Days since the version came out."""
        return (today - self.released).days if self.released else None


Takes = Callable[[str, str], bool]
"""Whether the stack takes a version of a product."""


def rows(pinned: Sequence[Pinned], today: date, takes: Takes = lambda product, version: True) -> tuple[Row, ...]:
    """Each with its support, in the order given."""
    return tuple(_row(one, pinned, today, takes) for one in pinned)


def _row(one: Pinned, others: Sequence[Pinned], today: date, takes: Takes) -> Row:
    cycle = one.cycle
    following = next_of(one.product, cycle, takes) if cycle else ""
    return Row(
        pinned=one,
        state=state(cycle, today),
        released=one.released or (cycle.released if cycle else None),
        until=cycle.until if cycle else None,
        extended_until=cycle.extended_until if cycle else None,
        next=following,
        held_by=held_by(others, following) if one.product == lifecycles.EKS and following else (),
    )


def state(cycle: Cycle | None, today: date) -> State:
    """How a minor version stands on a day."""
    if cycle is None or cycle.until is None:
        return State.UNKNOWN
    if cycle.until < today:
        return State.EXTENDED if cycle.extended_until and cycle.extended_until >= today else State.ENDED
    return State.SOON if (cycle.until - today).days <= SOON_DAYS else State.SUPPORTED


def next_of(product: str, cycle: Cycle, takes: Takes) -> str:
    """The version to go to from a minor one: the one above, or the newest that the stack takes where steps may be left
    out; empty where there is none."""
    own = lifecycles.number(cycle.name)
    above = [one for one in lifecycles.cycles(product) if lifecycles.number(one.name) > own]
    # MSK's versions are its minor ones, in a spelling of its own: 4.2.x.
    names = [one.latest if product == "amazon-msk" else one.name for one in above]
    if product in ONE_AT_A_TIME:
        names = names[-1:]
    return next((name for name in names if takes(product, name)), "")


def held_by(pinned: Iterable[Pinned], kubernetes: str) -> tuple[str, ...]:
    """What is not made for a version of Kubernetes."""
    found: list[str] = []
    for one in pinned:
        cycle = one.cycle
        if cycle and cycle.kubernetes and not cycle.takes(kubernetes):
            least, most = cycle.kubernetes
            found.append(f"{one.what} {one.app or one.version} is made for Kubernetes {least} to {most or 'newer'}")
    return tuple(dict.fromkeys(found))
