"""The service without HTTP: what the routes, the V2 protocol and the Lambda handler have in common."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from recommender.deployment import Deployment, Role, Serving
from recommender.events import Record, Stream, Writer, open_stream
from recommender.metrics import Metrics
from recommender.model import Model, Recommendation
from recommender.recent import Recent
from recommender.schema import Event
from recommender.settings import Settings
from recommender.shadow import Comparison, Shadow
from recommender.source import source

log = logging.getLogger("recommender")


class NotReadyError(Exception):
    """No model is loaded yet."""


class Service:
    """Owns the deployment, the events and the metrics."""

    def __init__(self, settings: Settings, stream: Stream | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.writer: Writer | None = None
        self._stream = stream
        self._source = source(settings)
        self.deployment = Deployment(self._source, self.metrics, settings.poll_seconds, settings.pseudonyms)
        self._pseudonyms = settings.pseudonyms()
        self._recent = Recent()
        self._shadow = Shadow(self.metrics)

    @asynccontextmanager
    async def running(self, *, watch: bool = True) -> AsyncIterator[None]:
        """Background tasks run inside; at the end, waiting events are written out.

        Without `watch` somebody else calls `deployment.refresh`.
        """
        if self._stream is None and self.settings.stream is not None:
            self._stream = await asyncio.to_thread(open_stream, self.settings)
        tasks = [asyncio.create_task(self._shadow.run())]
        if watch:
            tasks.append(asyncio.create_task(self.deployment.watch()))
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
            await self._source.close()

    @property
    def serving(self) -> Serving:
        """What answers now; raises NotReadyError."""
        if self.deployment.serving is None:
            raise NotReadyError
        return self.deployment.serving

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
        return self._recent.of(self.name_of(user_id))

    def name_of(self, user_id: str) -> str:
        """What the user is called here and on the stream: who it is, only the holder of the key can tell."""
        if self._pseudonyms is None:
            self._pseudonyms = self.settings.pseudonyms()
        return self._pseudonyms.of(user_id) if self._pseudonyms else user_id

    def recommend(
        self, user_id: str, k: int, without: Collection[str] = ()
    ) -> tuple[Model, Role, bool, list[Recommendation]]:
        """The model, its role, whether the user is cold, and the products."""
        serving = self.serving
        model, role = serving.choose(user_id)
        recent = self.recent_of(user_id)
        found = model.recommend(user_id, k, recent, without)
        cold = not model.knows(user_id)
        self.metrics.recommendations.labels(model.version, role, "cold" if cold else "known").inc()
        challenger = serving.shadow(user_id)
        if challenger is not None:
            answered = [item.product_id for item in found]
            name = model.name_of(user_id)
            self._shadow.offer(Comparison(name, k, model, answered, challenger, recent, without))
        return model, role, cold, found
