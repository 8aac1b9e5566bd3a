"""Events reach the stream, or the caller hears that they did not."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.fixtures import ServiceProcess, free_port, service
from recommender.app import create_app
from recommender.events import QueueFullError, Record, Writer
from recommender.metrics import Metrics
from recommender.settings import Settings

Environment = Callable[[str, str], dict[str, str]]

EVENT = {"user_id": "ana", "product_id": "cup", "event_type": "view"}


class StandIn:
    """A stream that remembers, and that can refuse, fail and wait."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.calls: list[int] = []
        self.refuse: set[bytes] = set()
        self.failures = 0
        self.wait_seconds = 0.0

    def put(self, records: list[Record]) -> list[Record]:
        time.sleep(self.wait_seconds)
        self.calls.append(len(records))
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody there")
        left = [record for record in records if record.data in self.refuse]
        self.refuse.clear()
        self.taken += [record.data for record in records if record not in left]
        return left


def records(count: int, size: int = 0) -> list[Record]:
    return [Record(f"user-{number % 3}", f"{number}".encode().ljust(size, b" ")) for number in range(count)]


def run(stream: StandIn, *batches: list[Record], capacity: int = 10_000, seconds: float = 5.0) -> Metrics:
    """Give the batches to a writer and stop it, as a stopping service does."""
    metrics = Metrics()

    async def write() -> None:
        writer = Writer(stream, metrics, capacity, seconds)
        task = asyncio.create_task(writer.run())
        for batch in batches:
            writer.accept(batch)
        await writer.drain()
        task.cancel()
        await asyncio.wait([task])
        writer.abandon()

    asyncio.run(write())
    return metrics


def count(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("recommender_events_total", {"outcome": outcome}) or 0


def test_accepted_events_are_written_in_their_order_and_in_batches() -> None:
    stream = StandIn()
    metrics = run(stream, records(1_200))
    assert stream.taken == [record.data for record in records(1_200)]
    assert stream.calls == [500, 500, 200]
    assert count(metrics, "written") == 1_200


def test_a_batch_stays_below_the_size_that_the_stream_takes() -> None:
    stream = StandIn()
    run(stream, records(100, size=100_000))
    assert max(stream.calls) * 100_000 < 5 * 1024 * 1024
    assert len(stream.taken) == 100


def test_what_the_stream_refused_is_sent_again_and_nothing_twice() -> None:
    stream = StandIn()
    stream.refuse = {b"1", b"7"}
    metrics = run(stream, records(10))
    assert sorted(stream.taken, key=int) == [record.data for record in records(10)]
    assert count(metrics, "retried") == 2


def test_a_stream_that_is_away_for_a_moment_loses_nothing() -> None:
    stream = StandIn()
    stream.failures = 3
    metrics = run(stream, records(10))
    assert len(stream.taken) == 10
    assert count(metrics, "lost") == 0


def test_what_does_not_fit_is_refused_as_a_whole() -> None:
    async def fill() -> tuple[Metrics, Writer]:
        metrics = Metrics()
        writer = Writer(StandIn(), metrics, 5, 0)
        writer.accept(records(4))
        with pytest.raises(QueueFullError):
            writer.accept(records(2))
        writer.accept(records(1))
        return metrics, writer

    metrics, _ = asyncio.run(fill())
    assert (count(metrics, "accepted"), count(metrics, "refused")) == (5, 2)


def test_events_that_a_stopping_service_could_not_write_are_counted_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = StandIn()
    stream.failures = 1_000
    with caplog.at_level(logging.ERROR):
        metrics = run(stream, records(7), seconds=0.3)
    assert count(metrics, "lost") == 7
    assert "7 events were not written" in caplog.text


def test_a_full_queue_answers_503_until_there_is_room_again(saved: Path) -> None:
    stream = StandIn()
    stream.wait_seconds = 0.3
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": str(saved), "MLOPS_EVENT_QUEUE": "3"})
    app = create_app(settings, stream)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with app.state.service.running(), httpx.AsyncClient(transport=transport, base_url="http://it") as client:
            answers = [await client.post("/events", json=[EVENT] * 3), await client.post("/events", json=EVENT)]
            await asyncio.sleep(0.6)
            return [*answers, await client.post("/events", json=EVENT)]

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [202, 503, 202]
    assert answers[1].headers["retry-after"] == "1"
    assert answers[1].json()["detail"].startswith("3 events may wait for the stream")
    assert len(stream.taken) == 4


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"event_type": "stare"}, "event_type"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"product_id": None}, "product_id"),
        ({"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        ({"timestamp": 0}, "timestamp"),
        ({"timestamp": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "timestamp"),
        ({"price": 3}, "price"),
    ],
)
def test_an_event_that_is_none_is_refused_and_the_field_named(
    streaming: ServiceProcess, change: dict[str, object], where: str
) -> None:
    answer = httpx.post(f"{streaming.url}/events", json={**EVENT, **change}, trust_env=False)
    assert answer.status_code == 422
    assert where in {str(issue["loc"][-1]) for issue in answer.json()["detail"]}


@pytest.mark.parametrize("body", [[], [EVENT] * 501])
def test_a_list_has_one_to_five_hundred_events(streaming: ServiceProcess, body: list) -> None:
    assert httpx.post(f"{streaming.url}/events", json=body, trust_env=False).status_code == 422


def on_the_stream(kinesis: Any, stream: str) -> list[dict[str, str]]:
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=10_000)["Records"]
    return [json.loads(record["Data"]) | {"key": record["PartitionKey"]} for record in found]


def test_events_reach_a_real_stream_with_id_and_time(streaming: ServiceProcess, kinesis: Any, stream: str) -> None:
    body = [{**EVENT, "user_id": "用户", "product_id": f"p-{number}"} for number in range(3)]
    answer = httpx.post(f"{streaming.url}/events", json=body, trust_env=False).json()
    assert answer["accepted"] == 3
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = [event for event in on_the_stream(kinesis, stream) if event["event_id"] in answer["event_ids"]]
        if len(found) == 3:
            break
        time.sleep(0.1)
    assert [event["product_id"] for event in found] == ["p-0", "p-1", "p-2"]
    assert {event["key"] for event in found} == {"用户"}
    assert all(
        abs((datetime.now(UTC) - datetime.fromisoformat(event["timestamp"])).total_seconds()) < 60 for event in found
    )


def test_a_stopping_service_writes_what_waits(
    moto: str, kinesis: Any, stream: str, saved: Path, tmp_path: Path, streaming_environment: Environment
) -> None:
    environment = {**streaming_environment(moto, stream), "MLOPS_MODEL_PATH": str(saved)}
    with service(environment, tmp_path) as process:
        process.wait()
        ids = httpx.post(f"{process.url}/events", json=[EVENT] * 400, trust_env=False).json()["event_ids"]
    assert set(ids) <= {event["event_id"] for event in on_the_stream(kinesis, stream)}


def test_a_stream_that_is_away_fills_the_queue_and_not_the_memory(
    saved: Path, tmp_path: Path, streaming_environment: Environment
) -> None:
    away = streaming_environment(f"http://127.0.0.1:{free_port()}", "events")
    environment = {**away, "MLOPS_MODEL_PATH": str(saved), "MLOPS_EVENT_QUEUE": "5", "MLOPS_FLUSH_SECONDS": "0.5"}
    with service(environment, tmp_path) as process:
        process.wait()
        with httpx.Client(base_url=process.url, trust_env=False) as client:
            statuses = [client.post("/events", json=EVENT).status_code for _ in range(8)]
            assert statuses == [202] * 5 + [503] * 3
            assert client.get("/recommendations/ana").status_code == 200
    assert "5 events were not written" in process.log.read_text()
