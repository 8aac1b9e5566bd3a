"""Impressions: what was shown to whom, by which version, on its way into the lake.

A bounded queue and one writer. Nothing here makes an answer wait: where the lake is slow or away the queue fills, and
what does not fit is dropped and counted. Users are pseudonyms; the loop takes in what those who consent were shown, and
forgets the rest.
"""

import asyncio
import gzip
import json
import logging
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from recommender.deployment import Serving
from recommender.figures import Figures
from recommender.metrics import Metrics
from recommender.model import Model, Recommendation
from recommender.settings import Settings

log = logging.getLogger("recommender")

LANDING = "delivered/recommender/"
"""Where the recommender writes in the raw zone: nobody's data yet, and short-lived."""
IMPRESSIONS, REPLICAS = f"{LANDING}impressions/", f"{LANDING}replicas/"
LOOP_AGENT = "mlops-loop"
"""User agent of requests by which the loop tries a version: nobody sees the answers, so they are no impressions."""
_MOST_ROWS = 5_000
"""Impressions in one object."""
_HEARTBEAT_SECONDS = 60.0
"""Between two signs of life of a process whose figures do not change."""
_TICK_SECONDS = 1.0


class Lake(Protocol):
    """Takes objects; called in a thread."""

    def put(self, key: str, data: bytes) -> None:
        """Write; raises where it is not written."""


class S3Lake:
    """The raw zone's bucket, through boto3."""

    def __init__(self, settings: Settings) -> None:
        # Imported here: a service that writes nothing starts without it.
        import boto3
        from botocore.config import Config

        self._bucket = settings.bucket_raw
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10),
        )

    def put(self, key: str, data: bytes) -> None:
        """See Lake."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data)


class Impressions:
    """The queue, its one writer, and the figures of this process, which it writes as well."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        serving: Callable[[], Serving | None],
        lake: Lake | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.replica = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        """Name of this process, and of no other one."""
        self.figures = Figures()
        self._settings = settings
        self._metrics = metrics
        self._serving = serving
        self._lake = lake
        self._clock = clock
        self._started = clock()
        self._rows: deque[tuple[str, bytes]] = deque()
        self._numbers = self._objects = 0
        self._written: tuple[float, Serving | None, int] | None = None
        self._flushed = self._started
        self._one_at_a_time = asyncio.Lock()

    @property
    def wanted(self) -> bool:
        """Whether there is a lake to write to."""
        return self._lake is not None or self._settings.bucket_raw is not None

    def answered(
        self, serving: Serving, model: Model, user: str | None, found: Sequence[Recommendation], seconds: float
    ) -> str:
        """Note an answer, and give it a name.

        Args:
            user: pseudonym; None where there is none, and nothing of the person is noted.
        """
        self.figures.of(serving, model.version).took(seconds)
        self._numbers += 1
        request = f"{self.replica}-{self._numbers:x}"
        self._note(serving, model, "champion" if model is serving.champion else "challenger", request, user, found)
        return request

    def failed(self, serving: Serving, model: Model) -> None:
        """Note that a version did not answer."""
        self.figures.of(serving, model.version).failed()

    def compared(
        self, serving: Serving, request: str, user: str | None, found: Sequence[Recommendation] | None,
        seconds: float, overlap: float,
    ) -> None:  # fmt: skip
        """Note what a shadow would have answered; `found` is None where it failed."""
        model = serving.challenger
        if model is None:
            return
        # Comparisons come later than their answers, maybe after a swap.
        current = serving is self._serving()
        if found is None:
            if current:
                self.failed(serving, model)
            return
        if current:
            self.figures.of(serving, model.version).took(seconds)
            self.figures.compared += 1
            self.figures.overlap += overlap
        self._note(serving, model, "shadow", request, user, found)

    def _note(
        self, serving: Serving, model: Model, arm: str, request: str, user: str | None, found: Sequence[Recommendation]
    ) -> None:
        if not self.wanted or user is None or user in model.suppressed:
            return
        if len(self._rows) >= self._settings.impression_queue:
            self._metrics.impressions.labels("dropped").inc()
            return
        challenger = serving.challenger
        row = {
            "request": request,
            "at": round(self._clock(), 3),
            "user": user,
            "version": model.version,
            "arm": arm,
            "mode": serving.mode,
            "trial": challenger.version if challenger is not None else "",
            "percent": serving.percent,
            "products": [item.product_id for item in found],
        }
        self._rows.append((user, json.dumps(row, separators=(",", ":")).encode()))
        self._metrics.impressions.labels("noted").inc()

    async def run(self) -> None:
        """Write for ever; at once where something else is served. Nothing where there is no lake."""
        while self.wanted:
            await asyncio.sleep(min(_TICK_SECONDS, self._settings.impression_seconds))
            await self.flush_if_due()

    async def flush_if_due(self) -> None:
        """Write what waits, once it has waited long enough."""
        if not self.wanted:
            return
        swapped = self._written is None or self._written[1] is not self._serving()
        waited = self._clock() - self._flushed >= self._settings.impression_seconds
        if waited or swapped or len(self._rows) >= _MOST_ROWS:
            await self.flush()

    async def flush(self, *, ended: bool = False) -> None:
        """Write what waits. What is not taken waits on, and is written with the next ones."""
        async with self._one_at_a_time:
            self._flushed = self._clock()
            try:
                if self._lake is None:
                    self._lake = await asyncio.to_thread(S3Lake, self._settings)
                while self._rows:
                    await self._write_rows(self._lake)
                await self._write_figures(self._lake, ended=ended)
            except Exception as error:  # a client has many errors; each means: not written, try again
                self._metrics.impressions.labels("retried").inc()
                log.warning("the lake takes no impressions: %s", error)

    async def drain(self) -> None:
        """Write what waits when the process ends, for as long as the settings allow; the rest is lost, and counted."""
        if not self.wanted:
            return
        try:
            await asyncio.wait_for(self.flush(ended=True), max(self._settings.flush_seconds, 0.001))
        except TimeoutError:
            log.warning("the lake did not take the last impressions in time")
        if self._rows:
            self._metrics.impressions.labels("lost").inc(len(self._rows))

    async def _write_rows(self, lake: Lake) -> None:
        rows = [self._rows.popleft() for _ in range(min(len(self._rows), _MOST_ROWS))]
        serving = self._serving()
        # Who was forgotten since they were shown something.
        forgotten = serving.champion.suppressed if serving is not None else frozenset[str]()
        lines = [line for user, line in rows if user not in forgotten]
        key = f"{IMPRESSIONS}{self.replica}-{self._objects:06}.jsonl.gz"
        try:
            if lines:
                await asyncio.to_thread(lambda: lake.put(key, gzip.compress(b"\n".join(lines), 6)))
        except BaseException:
            # Back to the front, in their order; the queue may be a little over its length for that.
            self._rows.extendleft(reversed(rows))
            raise
        self._objects += 1
        self._metrics.impressions.labels("written").inc(len(lines))

    async def _write_figures(self, lake: Lake, *, ended: bool) -> None:
        now, serving = self._clock(), self._serving()
        answers = sum(found.requests for found in self.figures.versions.values())
        if self._written is not None and not ended:
            at, served, known = self._written
            if serving is served and (answers == known or serving is None) and now - at < _HEARTBEAT_SECONDS:
                return
        model = self._settings.model_name if self._settings.model_path is None else ""
        document = self.figures.document(self.replica, model, self._started, now, serving, ended=ended)
        await asyncio.to_thread(lake.put, f"{REPLICAS}{self.replica}.json", json.dumps(document).encode())
        self._written = now, serving, answers
