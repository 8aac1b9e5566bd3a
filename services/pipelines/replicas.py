"""Replicas: every process that recommends, by the figures that each writes to the lake itself."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import ServiceError
from pipelines.lake import Lake
from pipelines.serving import Buckets, quantile
from recommender.impressions import REPLICAS

_SILENT_SECONDS = 90.0
"""After half as long again as they may be silent, they are taken for gone."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Answers of one version."""

    requests: int = 0
    errors: int = 0
    seconds: Sequence[int] = ()
    """Answers by time taken, one number a bound and one for the slower ones."""

    @property
    def error_percent(self) -> float:
        """Requests that failed."""
        return 100.0 * self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, kw_only=True)
class Replica:
    """What a process wrote last; times in seconds since 1970."""

    replica: str
    model: str
    """Registered model whose champion it follows."""
    started: float
    at: float
    ended: bool
    mode: str
    percent: float
    serves: Mapping[str, str]
    """Versions by role."""
    bounds: Sequence[float]
    """Upper bounds of the times taken, seconds."""
    versions: Mapping[str, Counted]
    compared: int
    overlap: float
    """Sum over the comparisons."""

    def lives(self, now: float) -> bool:
        """Whether it still answers, as far as one can tell."""
        return not self.ended and now - self.at <= _SILENT_SECONDS

    def p95_ms(self, version: str) -> float | None:
        """Of a version's answers; None without any."""
        return p95_ms([(self.bounds, self.versions[version].seconds)]) if version in self.versions else None


_REPLICA = TypeAdapter(Replica)


def seen(lake: Lake, model: str) -> tuple[Replica, ...]:
    """All that follow a model, those that ended lately among them. What cannot be read is none of ours."""
    found = []
    for key in lake.keys("raw", REPLICAS):
        try:
            found.append(_REPLICA.validate_json(lake.get("raw", key) or b""))
        except ValidationError:
            continue
    return tuple(one for one in found if one.model == model)


def wait_for(lake: Lake, model: str, roles: Mapping[str, str | None], timeout_seconds: float) -> None:
    """Wait until every replica that lives serves the roles by these versions; None: nobody may have the role.

    Raises:
        ServiceError: time is up; which of them serve what instead is in the message.
    """
    end = time.monotonic() + timeout_seconds
    while others := _others(seen(lake, model), roles):
        if time.monotonic() > end:
            raise ServiceError(
                f"Not every replica came to serve {dict(roles)} within {timeout_seconds:.0f} s: "
                + "; ".join(f"{one.replica} serves {dict(one.serves) or 'nothing'}" for one in others)
                + "."
            )
        time.sleep(_POLL_SECONDS)


def _others(replicas: Iterable[Replica], roles: Mapping[str, str | None]) -> list[Replica]:
    now = time.time()
    return [
        one
        for one in replicas
        if one.lives(now) and any(one.serves.get(role) != version for role, version in roles.items())
    ]


def together(replicas: Iterable[Replica], version: str) -> tuple[Counted, float | None]:
    """Answers of a version by all of them, and its p95 in milliseconds."""
    found = [(one, one.versions[version]) for one in replicas if version in one.versions]
    counted = Counted(
        requests=sum(answers.requests for _, answers in found), errors=sum(answers.errors for _, answers in found)
    )
    return counted, p95_ms([(one.bounds, answers.seconds) for one, answers in found])


def p95_ms(histograms: Iterable[tuple[Sequence[float], Sequence[int]]]) -> float | None:
    """Of all of them together, milliseconds; None without answers."""
    counts: dict[float, int] = {}
    for bounds, seconds in histograms:
        for bound, count in zip([*bounds, float("inf")], seconds, strict=False):
            counts[bound] = counts.get(bound, 0) + count
    buckets: Buckets = []
    total = 0.0
    for bound in sorted(counts):
        total += counts[bound]
        buckets.append((bound, total))
    return quantile(buckets, 0.95) * 1e3 if total else None
