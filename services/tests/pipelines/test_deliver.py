"""Delivery of what passes on Pulsar, with a subscription whose other end is here; a real one is in test_streams."""

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pipelines.deliver import Deliverer, Goal, Passed, Subscription
from pipelines.errors import InputError, ServiceError
from pipelines.settings import Settings
from tests.pipelines.shop import PRODUCTS, USERS, Shop
from tests.pipelines.test_ingest import WHEN

PULSAR = {
    "MLOPS_STREAM_PROTOCOL": "pulsar",
    "MLOPS_STREAM_ENDPOINT": "pulsar://127.0.0.1:1",
    "MLOPS_STREAM_AUTH": "none",
}
SENT = 1_700_000_000.0


@dataclass
class Imitation(Subscription):
    """Hands out what it is given, a list a time."""

    coming: list[list[Passed]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def receive(self) -> Sequence[Passed]:
        return self.coming.pop(0) if self.coming else []

    def acknowledge(self, events: Sequence[Passed]) -> None:
        self.done += [event.handle for event in events]

    def close(self) -> None:
        """Nothing to leave."""


def passed(number: int, data: bytes | None = None) -> Passed:
    event = {
        "event_id": f"e{number}", "user_id": "ana", "product_id": "p1", "event_type": "view", "timestamp": WHEN,
    }  # fmt: skip
    return Passed(handle=f"m{number}", data=data or json.dumps(event).encode(), seconds=SENT + number)


def goal(settings: Settings, **other: Any) -> Goal:
    known = {
        "MLOPS_BUCKET_RAW": settings.bucket_raw,
        "MLOPS_STREAM": "persistent://public/default/events",
        "AWS_REGION": settings.region,
        "AWS_ENDPOINT_URL": settings.endpoint_url or "",
        **PULSAR,
    }
    return Goal.from_environment(known, **other)


def deliverer(settings: Settings, **other: Any) -> tuple[Deliverer, Imitation]:
    subscription = Imitation()
    return Deliverer(goal(settings, **other), lambda _: subscription, lambda _: None), subscription


def test_what_is_delivered_the_loop_takes_in_as_it_does_everything_else(shop: Shop) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    delivering, stream = deliverer(shop.settings, seconds=900, megabytes=0.001)
    stream.coming = [[passed(number) for number in range(20)], [passed(3), passed(20, b'{"user_id":\n"ana"}')]]
    delivering.step(stream)
    assert len(stream.done) == 20
    delivering.step(stream)
    delivering.write(stream)
    assert len(stream.done) == 22
    lake = shop.context().lake
    keys = lake.keys("raw", "delivered/")
    assert len(keys) == 2
    assert all(key.startswith("delivered/dt=2023-11-14/") and key.endswith(".gz") for key in keys)
    lines = [gzip.decompress(lake.need("raw", key)).splitlines() for key in keys]
    assert sorted(map(len, lines)) == [2, 20]
    taken = shop.ingest()
    assert (taken.rows, taken.quarantined) == (20, 1), "what came twice is one event, and what is none is put aside"


def test_nothing_is_acknowledged_before_it_is_written_and_a_small_batch_waits(settings: Settings) -> None:
    delivering, stream = deliverer(settings, seconds=900)
    stream.coming = [[passed(1)]]
    delivering.step(stream)
    assert stream.done == []
    soon, other = deliverer(settings, seconds=0)
    other.coming = [[passed(1)]]
    soon.step(other)
    assert other.done == ["m1"]


def test_what_s3_does_not_take_is_not_acknowledged(settings: Settings) -> None:
    delivering, stream = deliverer(replace(settings, bucket_raw="no-such-bucket"), seconds=0)
    stream.coming = [[passed(1)]]
    with pytest.raises(ServiceError, match="S3 does not take what was delivered"):
        delivering.step(stream)
    assert stream.done == []


def test_the_same_events_are_the_same_object_whatever_order_they_come_in(settings: Settings, shop: Shop) -> None:
    for order in ([1, 2], [2, 1]):
        delivering, stream = deliverer(settings, seconds=900)
        stream.coming = [[passed(number) for number in order]]
        delivering.step(stream)
        delivering.write(stream)
    assert len(shop.context().lake.keys("raw", "delivered/")) == 1


def test_a_deliverer_whose_stream_does_not_answer_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    looks = iter(range(4))

    def refused(_: Goal) -> Subscription:
        if next(looks) == 3:
            delivering._stop.set()
        raise ServiceError("The stream does not answer.")

    delivering = Deliverer(goal(settings), refused, said.append)
    monkeypatch.setattr("pipelines.deliver._PAUSE_SECONDS", 0)
    delivering.run("127.0.0.1", 0)
    assert said[1:] == ["failed: The stream does not answer."] * 4
    assert delivering.health()[0] is False


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"MLOPS_BUCKET_RAW": "", "AWS_REGION": ""}, "MLOPS_BUCKET_RAW"),
        (
            {"MLOPS_STREAM_PROTOCOL": "kinesis", "MLOPS_STREAM_AUTH": "iam"},
            "whose events Amazon Data Firehose delivers",
        ),
        ({"MLOPS_STREAM_AUTH": "token"}, "needs MLOPS_STREAM_TOKEN"),
        ({"MLOPS_STREAM_ENDPOINT": "http://127.0.0.1"}, "no address of Pulsar"),
    ],
)
def test_an_environment_that_says_nothing_of_use_is_refused_with_exit_code_2(
    changed: dict[str, str], message: str
) -> None:
    known = {"MLOPS_BUCKET_RAW": "raw", "MLOPS_STREAM": "events", "AWS_REGION": "eu-west-1", **PULSAR, **changed}
    with pytest.raises(InputError, match=message):
        Goal.from_environment(known)
    assert InputError.exit_code == 2


def test_the_command_is_one_of_the_loops() -> None:
    done = subprocess.run([sys.executable, "-m", "pipelines", "deliver"], capture_output=True, text=True, env={})
    assert done.returncode == 2, done.stderr
    assert "MLOPS_BUCKET_RAW" in done.stderr
    assert "Traceback" not in done.stderr
