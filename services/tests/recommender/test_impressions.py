"""What was shown reaches the lake: by pseudonym, with the version that chose it, and never at the cost of an answer."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.fixtures import service
from recommender.deployment import Serving, assigned
from recommender.impressions import IMPRESSIONS, LOOP_AGENT, REPLICAS, Impressions, S3Lake
from recommender.metrics import Metrics
from recommender.model import Model
from recommender.pseudonyms import Pseudonyms
from recommender.settings import Settings
from tests.conftest import s3

ModelMaker = Callable[..., Model]

SETTINGS = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLOPS_BUCKET_RAW": "raw", "MLOPS_FLUSH_SECONDS": "1"}
PERSON = "u-" + "0" * 32


class StandIn:
    """A lake that remembers, and that can fail and wait."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.fails = False
        self.wait_seconds = 0.0

    def put(self, key: str, data: bytes) -> None:
        time.sleep(self.wait_seconds)
        if self.fails:
            raise ConnectionError("nobody there")
        self.objects[key] = data

    def rows(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for key, data in sorted(self.objects.items())
            if key.startswith(IMPRESSIONS)
            for line in gzip.decompress(data).splitlines()
        ]

    def figures(self) -> dict[str, Any]:
        (found,) = [json.loads(data) for key, data in self.objects.items() if key.startswith(REPLICAS)]
        return found  # type: ignore[no-any-return]


class Shown:
    """Impressions of a champion and, where asked for, a challenger."""

    def __init__(self, make: ModelMaker, mode: Any = "rolling", percent: float = 0.0, **settings: str) -> None:
        champion, challenger = make("1"), make("2")
        self.serving = Serving(champion, challenger, mode, percent) if mode != "rolling" else Serving(champion)
        self.metrics = Metrics()
        self.lake = StandIn()
        self.impressions = Impressions(
            Settings.from_environment({**SETTINGS, **settings}), self.metrics, lambda: self.serving, self.lake
        )

    def answer(self, model: Model | None = None, user: str | None = PERSON, seconds: float = 0.001) -> str:
        model = model or self.serving.champion
        return self.impressions.answered(self.serving, model, user, model.recommend("ana", 3), seconds)

    def count(self, outcome: str) -> float:
        labels = {"outcome": outcome}
        return self.metrics.registry.get_sample_value("recommender_impressions_total", labels) or 0.0

    def flush(self) -> None:
        asyncio.run(self.impressions.flush())


def test_a_row_says_what_was_shown_in_which_order_to_whom_by_which_version(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny, "canary", 20.0)
    assert shown.serving.challenger is not None
    first, second = shown.answer(), shown.answer(shown.serving.challenger)
    shown.flush()
    rows = {row["request"]: row for row in shown.lake.rows()}
    products = [item.product_id for item in shown.serving.champion.recommend("ana", 3)]
    assert rows[first] == {
        "request": first,
        "at": rows[first]["at"],
        "user": PERSON,
        "version": "1",
        "arm": "champion",
        "mode": "canary",
        "trial": "2",
        "percent": 20.0,
        "products": products,
    }
    assert abs(rows[first]["at"] - time.time()) < 60
    assert (rows[second]["version"], rows[second]["arm"]) == ("2", "challenger")
    assert first != second


def test_a_shadows_list_is_noted_beside_the_one_that_was_shown(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny, "shadow", 100.0)
    request = shown.answer()
    found = make_tiny("2").recommend("ana", 2)
    shown.impressions.compared(shown.serving, request, PERSON, found, 0.002, 0.5)
    shown.impressions.compared(shown.serving, request, PERSON, None, 0.0, 0.0)
    shown.flush()
    assert [(row["request"], row["arm"], row["version"]) for row in shown.lake.rows()] == [
        (request, "champion", "1"),
        (request, "shadow", "2"),
    ]
    figures = shown.lake.figures()
    assert (figures["compared"], figures["overlap"]) == (1, 0.5)
    assert {version: (one["requests"], one["errors"]) for version, one in figures["versions"].items()} == {
        "1": (1, 0),
        "2": (2, 1),
    }


def test_of_whom_there_is_no_pseudonym_or_who_was_forgotten_nothing_is_noted(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny)
    shown.answer(user=None)
    shown.answer(replace(shown.serving.champion, suppressed=frozenset({PERSON})))
    shown.flush()
    assert shown.lake.rows() == []
    assert shown.lake.figures()["versions"]["1"]["requests"] == 2, "that an answer was given is nobody's secret"


def test_where_the_lake_is_away_impressions_wait_and_what_does_not_fit_is_dropped_and_counted(
    make_tiny: ModelMaker,
) -> None:
    shown = Shown(make_tiny, MLOPS_IMPRESSION_QUEUE="5")
    shown.lake.fails = True
    for _ in range(3):
        shown.answer()
    shown.flush()
    for _ in range(4):
        assert shown.answer(), "an answer is given all the same"
    assert (shown.count("noted"), shown.count("dropped"), shown.count("written")) == (5, 2, 0)
    shown.lake.fails = False
    shown.flush()
    assert [row["request"].rpartition("-")[2] for row in shown.lake.rows()] == ["1", "2", "3", "4", "5"]
    assert shown.count("written") == 5


def test_a_process_that_stops_writes_what_waits_and_counts_what_it_loses(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny)
    shown.answer()
    asyncio.run(shown.impressions.drain())
    assert (len(shown.lake.rows()), shown.count("lost")) == (1, 0)
    shown.lake.fails = True
    shown.answer()
    asyncio.run(shown.impressions.drain())
    assert (len(shown.lake.rows()), shown.count("lost")) == (1, 1)


def test_a_slow_lake_holds_nobody_up(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny)
    shown.lake.wait_seconds = 0.5

    async def answer_meanwhile() -> float:
        shown.answer()
        writing = asyncio.create_task(shown.impressions.flush())
        await asyncio.sleep(0.05)
        started = time.perf_counter()
        for _ in range(100):
            shown.answer()
            await asyncio.sleep(0)
        took = time.perf_counter() - started
        assert not writing.done()
        await writing
        return took

    assert asyncio.run(answer_meanwhile()) < 0.4
    # What came meanwhile went with the same flush.
    assert len(shown.lake.rows()) == 101


def test_figures_begin_anew_with_what_is_served_and_are_written_at_once_then(make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny)
    shown.answer(seconds=0.004)
    shown.impressions.failed(shown.serving, shown.serving.champion)
    shown.flush()
    before = shown.lake.figures()
    assert before["versions"]["1"]["requests"] == 2
    assert before["versions"]["1"]["errors"] == 1
    assert before["versions"]["1"]["seconds"][before["bounds"].index(0.005)] == 1
    assert before["serves"] == {"champion": "1"}
    old = shown.serving
    shown.serving = Serving(make_tiny("1"), make_tiny("2"), "ab", 50.0)
    asyncio.run(shown.impressions.flush_if_due())
    after = shown.lake.figures()
    assert (after["serves"], after["mode"], after["percent"]) == ({"champion": "1", "ab": "2"}, "ab", 50.0)
    assert after["versions"] == {"1": {"requests": 0, "errors": 0, "seconds": [0] * (len(after["bounds"]) + 1)}}
    # A comparison that was under way during the swap belongs to what was served then.
    shown.impressions.compared(old, "late", PERSON, [], 0.001, 1.0)
    assert shown.impressions.figures.compared == 0


def test_a_user_stays_with_a_version_and_each_trial_draws_anew() -> None:
    users = [f"u-{number}" for number in range(20_000)]
    first = {user for user in users if assigned("7", user, 10)}
    assert first <= {user for user in users if assigned("7", user, 50)}
    second = {user for user in users if assigned("8", user, 10)}
    assert len(first & second) / len(users) == pytest.approx(0.01, abs=0.004)


def test_a_service_writes_to_a_real_bucket_and_names_nobody(
    moto_url: str, make_tiny: ModelMaker, tmp_path: Path
) -> None:
    bucket = f"raw-{tmp_path.name}".lower().replace("_", "-")[:60]
    client = s3(moto_url)
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    make_tiny(version="7").save(tmp_path / "model")
    environment = {
        "MLOPS_MODEL_PATH": str(tmp_path / "model"),
        "MLOPS_BUCKET_RAW": bucket,
        "MLOPS_IMPRESSION_SECONDS": "0.1",
        "MLOPS_PII_SALT": "pepper",
        "MLOPS_STREAM": "",
        "AWS_ENDPOINT_URL": moto_url,
    }
    with service(environment, tmp_path) as process:
        process.wait()
        for user in ("ana", "bo", "ana@example.com"):
            assert httpx.get(f"{process.url}/recommendations/{user}?k=2", trust_env=False).status_code == 200
        # The loop tries a version on a user who sees nothing of it.
        own = {"User-Agent": LOOP_AGENT}
        assert httpx.get(f"{process.url}/recommendations/cy?k=2", headers=own, trust_env=False).status_code == 200
    found = client.list_objects_v2(Bucket=bucket)["Contents"]
    bodies = {item["Key"]: client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found}
    lake = StandIn()
    lake.objects = bodies
    names = Pseudonyms(b"pepper")
    assert sorted(row["user"] for row in lake.rows()) == sorted(map(names.of, ("ana", "bo", "ana@example.com")))
    assert {row["version"] for row in lake.rows()} == {"7"}
    assert lake.figures()["versions"]["7"]["requests"] == 4
    assert b"example.com" not in b"".join(gzip.decompress(data) for key, data in bodies.items() if key.endswith("gz"))


def test_without_a_bucket_nothing_is_kept(make_tiny: ModelMaker) -> None:
    settings = Settings.from_environment({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})
    serving = Serving(make_tiny())
    impressions = Impressions(settings, Metrics(), lambda: serving)
    impressions.answered(serving, serving.champion, PERSON, [], 0.001)
    asyncio.run(impressions.run())
    asyncio.run(impressions.drain())
    assert not impressions._rows


def test_a_bucket_that_is_not_there_is_said_and_survived(moto_url: str, make_tiny: ModelMaker) -> None:
    shown = Shown(make_tiny, AWS_ENDPOINT_URL=moto_url, AWS_REGION="eu-west-1", MLOPS_BUCKET_RAW="nobody-made-it")
    shown.impressions._lake = S3Lake(shown.impressions._settings)
    shown.answer()
    shown.flush()
    assert (shown.count("retried"), shown.count("written")) == (1, 0)
