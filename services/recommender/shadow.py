"""Compare the challenger with the champion on real users, off the way of the answer.

The comparison waits in a bounded queue and yields to every request; under pressure it is dropped, never the answer.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from recommender.arrays import Mask
from recommender.metrics import Metrics, overlap
from recommender.model import Model, Recommendation

log = logging.getLogger("recommender")

_WAITING = 1_000

Note = Callable[[list[Recommendation] | None, float, float], None]
"""Is told what the challenger would have answered (None where it failed), seconds, and the overlap."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What the champion answered, and who is asked as well."""

    user_id: str
    k: int
    champion: Model
    answered: list[str]
    challenger: Model
    recent: Mapping[str, float] = field(default_factory=dict)
    without: Collection[str] = ()
    shown: Mask | None = None
    """Of the challenger's products."""
    note: Note = lambda *_: None


class Shadow:
    """A queue of comparisons and the task that makes them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._queue: asyncio.Queue[Comparison] = asyncio.Queue(_WAITING)

    def offer(self, comparison: Comparison) -> None:
        """Compare later, if there is room."""
        try:
            self._queue.put_nowait(comparison)
        except asyncio.QueueFull:
            self._metrics.shadowed.labels("dropped").inc()

    async def run(self) -> None:
        """Compare for ever."""
        while True:
            comparison = await self._queue.get()
            # Whatever waits for the loop goes first.
            await asyncio.sleep(0)
            try:
                self._compare(comparison)
            except Exception as error:
                # Where, and not on whom.
                place = traceback.extract_tb(error.__traceback__)[-1]
                log.error("the challenger failed: %s in %s, line %s", type(error).__name__, place.name, place.lineno)
                self._metrics.shadowed.labels("failed").inc()
                comparison.note(None, 0.0, 0.0)

    def _compare(self, comparison: Comparison) -> None:
        started = time.perf_counter()
        answer = comparison.challenger.recommend(
            comparison.user_id, comparison.k, comparison.recent, comparison.without, comparison.shown
        )
        seconds = time.perf_counter() - started
        self._metrics.shadow_seconds.labels(comparison.challenger.version).observe(seconds)
        share = overlap(comparison.answered, [item.product_id for item in answer])
        self._metrics.overlap.labels(comparison.champion.version, comparison.challenger.version).observe(share)
        self._metrics.shadowed.labels("compared").inc()
        comparison.note(answer, seconds, share)
