"""How each version did in this process since the trial that runs began: what a judge adds up over all processes.

Every process writes its own figures to the lake, so that the judge sees all of them, those behind one address and those
that ended since, and not only the one that a request happened to reach.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from recommender.deployment import Serving
from recommender.metrics import SECONDS


@dataclass
class Answers:
    """Of one version."""

    requests: int = 0
    errors: int = 0
    """How many of them failed."""
    seconds: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    """Answers by time taken: one number a bound of SECONDS, and one for the slower ones."""

    def took(self, seconds: float) -> None:
        """Count an answer."""
        self.requests += 1
        self.seconds[bisect_left(SECONDS, seconds)] += 1

    def failed(self) -> None:
        """Count a failure."""
        self.requests += 1
        self.errors += 1


@dataclass
class Figures:
    """Of all versions that answered while the same was served."""

    serving: Serving | None = None
    versions: dict[str, Answers] = field(default_factory=dict)
    compared: int = 0
    overlap: float = 0.0
    """Sum of the shares of the champion's products that a shadow recommended as well."""

    def of(self, serving: Serving, version: str) -> Answers:
        """Figures of a version; what was counted while something else was served is forgotten."""
        if serving is not self.serving:
            self.serving, self.versions, self.compared, self.overlap = serving, {}, 0, 0.0
        return self.versions.setdefault(version, Answers())

    def document(
        self, replica: str, model: str, started: float, now: float, serving: Serving | None, *, ended: bool
    ) -> Mapping[str, object]:
        """For the lake; times in seconds since 1970. `model` is the registered one that is followed, or empty."""
        if serving is not None:
            self.of(serving, serving.champion.version)
        return {
            "replica": replica,
            "model": model,
            "started": started,
            "at": now,
            "ended": ended,
            "mode": serving.mode if serving else "rolling",
            "percent": serving.percent if serving else 0.0,
            "serves": {role: model.version for role, model in serving.roles().items()} if serving else {},
            "bounds": SECONDS,
            "versions": {version: vars(answers) for version, answers in self.versions.items()} if serving else {},
            "compared": self.compared,
            "overlap": self.overlap,
        }
