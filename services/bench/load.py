"""An open-loop load generator: Poisson arrivals, latency from the moment a request was due.

A closed loop waits for an answer before it asks again, so a server that stops for a second is asked less during that
second, and the figures hide it. Users that all wait the same time fire in lockstep and measure their own queue. Here
the moments are drawn beforehand, and a late start counts against the server.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10.0


@dataclass
class Report:
    """What came back."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from due to the last byte, of requests that were answered with 200."""
    lateness: list[float] = field(default_factory=list)
    """Seconds by which the generator itself was late: what the machine, and not the server, is to blame for."""
    failures: Counter[str] = field(default_factory=Counter)
    """By reason: a status, or what the connection said."""
    versions: Counter[str] = field(default_factory=Counter)
    """Answers by the model version that gave them."""

    @property
    def requests(self) -> int:
        """Answered or not."""
        return len(self.latencies) + self.failures.total()

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return _quantile(self.latencies, share)

    def late(self, share: float) -> float:
        """Milliseconds within which the generator sent this share of the requests."""
        return _quantile(self.lateness, share)


def _quantile(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    if not ordered:
        return float("nan")
    return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request on it at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionResetError("closed before the answer"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = _header(head, b"content-length")
        if len(body) < int(length or 0):
            return
        self._received = b""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((int(head.split(b" ", 2)[1]), head))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self.transport is None:
            raise ConnectionResetError("closed before the request")
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


class Generator:
    """Asks one server."""

    def __init__(self, url: str, paths: Iterator[str], header: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._paths = paths
        self._headers = f"Host: {self._host}:{self._port}\r\n" + (f"{header}\r\n" if header else "")
        self._idle: list[_Connection] = []
        self.report = Report()
        self.stop = False
        """Set to end the run before its time."""

    async def run(self, rate: float, seconds: float, seed: int = 0) -> Report:
        """Requests at `rate` a second on average, until `seconds` have passed and all are answered."""
        loop = asyncio.get_running_loop()
        # Arrival times, not a secret.
        draw = random.Random(seed)
        started = loop.time()
        due = started
        tasks: set[asyncio.Task[None]] = set()
        while not self.stop and (due := due + draw.expovariate(rate)) < started + seconds:
            delay = due - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            task = asyncio.create_task(self._request(due, next(self._paths)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks)
        self.report.seconds = loop.time() - started
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()
        return self.report

    async def _request(self, due: float, path: str) -> None:
        loop = asyncio.get_running_loop()
        self.report.lateness.append(loop.time() - due)
        request = f"GET {path} HTTP/1.1\r\n{self._headers}\r\n".encode()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                connection = self._take() or await self._connect()
                status, head = await connection.ask(request)
        except (OSError, TimeoutError) as error:
            self.report.failures[f"{type(error).__name__}: {error}"] += 1
            return
        self._idle.append(connection)
        if status != 200:
            self.report.failures[str(status)] += 1
            return
        self.report.latencies.append(loop.time() - due)
        self.report.versions[_header(head, b"x-model-version").decode()] += 1

    def _take(self) -> _Connection | None:
        # After a burst more are open than are needed; the server closes those in time, and a client sees that.
        while self._idle:
            connection = self._idle.pop()
            if connection.transport is not None:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


def recommendation_paths(
    users: int, seed: int = 0, cold_share: float = 0.05, filtered_share: float = 0.0
) -> Iterator[str]:
    """Paths for random users, some of whom the model does not know, and some of whom look for something."""
    draw = random.Random(seed)
    while True:
        number = draw.randrange(users)
        name = f"stranger-{number}" if draw.random() < cold_share else f"user-{number}"
        filters = f"&category=category-{number % 20}&max_price=80" if draw.random() < filtered_share else ""
        yield f"/recommendations/{name}?k=10{filters}"


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""
