"""The service without HTTP: what the routes, the V2 protocol and the Lambda handler have in common."""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from recommender.arrays import Mask
from recommender.catalogue import EVERYTHING, Filters
from recommender.deployment import Deployment, Role, Serving
from recommender.events import Record, Stream, Writer, open_stream
from recommender.impressions import Impressions
from recommender.metrics import Metrics
from recommender.model import Model, Recommendation
from recommender.online import Online
from recommender.recent import Recent
from recommender.schema import Event
from recommender.settings import Settings
from recommender.shadow import Comparison, Shadow
from recommender.source import source

log = logging.getLogger("recommender")


class NotReadyError(Exception):
    """No model is loaded yet."""


class NoCatalogueError(Exception):
    """Nobody knows here which category a product is of, and what it costs."""


class Service:
    """Owns the deployment, the events and the metrics."""

    def __init__(self, settings: Settings, stream: Stream | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.writer: Writer | None = None
        self._stream = stream
        self._source = source(settings)
        self.online = Online(settings, self.metrics)
        self._recent = Recent()
        self.deployment = Deployment(
            self._source,
            self.metrics,
            settings.poll_seconds,
            settings.pseudonyms,
            self.online.prepare,
            self._recent.forget,
        )
        self._pseudonyms = settings.pseudonyms()
        self._shadow = Shadow(self.metrics)
        self.impressions = Impressions(settings, self.metrics, lambda: self.deployment.serving)

    @asynccontextmanager
    async def running(self, *, watch: bool = True) -> AsyncIterator[None]:
        """Background tasks run inside; at the end, waiting events are written out.

        Without `watch` somebody else calls `refresh`.
        """
        if self._stream is None and self.settings.stream is not None:
            self._stream = await asyncio.to_thread(open_stream, self.settings)
        tasks = [asyncio.create_task(self._shadow.run())]
        if watch:
            tasks.append(asyncio.create_task(self.deployment.watch()))
            tasks.append(asyncio.create_task(self.online.watch()))
            tasks.append(asyncio.create_task(self.impressions.run()))
        if self._stream is not None:
            settings = self.settings
            self.writer = Writer(self._stream, self.metrics, settings.event_queue, settings.flush_seconds)
            tasks.append(asyncio.create_task(self.writer.run()))
        # What lives from here on is not searched for garbage again: a full collection costs milliseconds.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            if self.writer is not None:
                await self.writer.drain()
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if self.writer is not None:
                self.writer.abandon()
            await self.impressions.drain()
            await self._source.close()

    async def refresh(self) -> None:
        """Look for models and for what they are told beside them, now."""
        await asyncio.gather(self.deployment.refresh(), self.online.refresh())

    @property
    def current(self) -> Serving | None:
        """What answers now; None while there is no model, or while nobody knows what may not be shown."""
        return self.deployment.serving if self.online.known is not None else None

    @property
    def serving(self) -> Serving:
        """What answers now; raises NotReadyError."""
        if self.current is None:
            raise NotReadyError
        return self.current

    @property
    def problem(self) -> str | None:
        """Why what is served is not what it should be."""
        return " ".join(filter(None, (self.deployment.problem, self.online.problem))) or None

    def accept(self, events: Sequence[Event]) -> None:
        """Take events for the stream, all or none; from now on they count in what is recommended.

        Raises:
            QueueFullError: they do not fit.
        """
        hidden = [event.model_copy(update={"user_id": self.name_of(event.user_id)}) for event in events]
        if self.writer is not None:
            self.writer.accept([Record(event.user_id, event.model_dump_json().encode()) for event in hidden])
        for event in hidden:
            self._recent.add(event.user_id, event.product_id, event.event_type)

    def recent_of(self, user_id: str) -> Mapping[str, float]:
        """What the user did since the model was trained, as far as this process knows."""
        known = self.online.known
        return self._recent.of(self.name_of(user_id), known.recent if known is not None else None)

    def shown(self, model: Model, filters: Filters = EVERYTHING) -> Mask | None:
        """By product of a model, whether it may be shown; raises NoCatalogueError."""
        known = self.online.known
        if known is None:
            raise NotReadyError
        if filters.needs_catalogue and known.catalogue is None:
            raise NoCatalogueError
        return known.assortment(model).shown(filters)

    def name_of(self, user_id: str) -> str:
        """What the user is called here and on the stream: who it is, only the holder of the key can tell."""
        if self._pseudonyms is None:
            self._pseudonyms = self.settings.pseudonyms()
        return self._pseudonyms.of(user_id) if self._pseudonyms else user_id

    def recommend(
        self,
        user_id: str,
        k: int,
        without: Collection[str] = (),
        filters: Filters = EVERYTHING,
        *,
        seen: bool = True,
    ) -> tuple[Model, Role, bool, list[Recommendation]]:
        """The model, its role, whether the user is cold, and the products.

        Args:
            seen: whether the user is shown the answer.
        """
        serving = self.serving
        model, role = serving.choose(user_id)
        recent = self.recent_of(user_id)
        mask = self.shown(model, filters)
        started = time.perf_counter()
        try:
            found = model.recommend(user_id, k, recent, without, mask)
        except Exception:
            self.impressions.failed(serving, model)
            raise
        seconds = time.perf_counter() - started
        person = self.name_of(user_id) if self._pseudonyms and seen else None
        request = self.impressions.answered(serving, model, person, found, seconds)
        cold = not model.knows(user_id)
        self.metrics.recommendations.labels(model.version, role, "cold" if cold else "known").inc()
        challenger = serving.shadow(user_id)
        if challenger is not None:
            answered = [item.product_id for item in found]
            name = model.name_of(user_id)
            shown = self.shown(challenger, filters)
            note = partial(self.impressions.compared, serving, request, person)
            self._shadow.offer(Comparison(name, k, model, answered, challenger, recent, without, shown, note))
        return model, role, cold, found
