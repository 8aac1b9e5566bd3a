"""How long what is kept is kept: events by row, what is derived by use, deliveries until they are taken in."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.erase import settle
from pipelines.lake import Zone
from pipelines.loop import Context
from pipelines.prune import Lifetimes, prune
from pipelines.quality import QualityRules
from pipelines.reject import reject
from pipelines.tracking import Version
from pipelines.trials import PREFIX as TRIALS
from recommender.impressions import REPLICAS
from tests.pipelines.shop import HEADER, NOW, PRODUCTS, USERS, Shop

WHEN = "2026-11-20T10:00:00Z"


def test_one_fresh_row_keeps_no_old_ones_and_one_from_the_future_nothing_at_all(shop: Shop) -> None:
    old = [f"o{number},ana,p1,view,2026-01-01T00:00:00Z" for number in range(400)]
    shop.drop_events(*old, f"n,bo,p1,view,{WHEN}", "f,ana,p1,view,2199-01-01T00:00:00Z")
    batch = shop.ingest().batches[0]
    assert (batch.rows, batch.reasons) == (401, {"timestamp lies in the future": 1})
    assert batch.newest == "2026-11-20T10:00:00+00:00"
    shop.now = NOW + timedelta(days=700)
    taken = shop.ingest()
    assert [row["user_id"] for row in shop.events()] == [shop.person("bo")]
    assert (taken.batches[0].rows, taken.batches[0].expired) == (1, 400)
    assert taken.batches[0].delivered == 402
    assert len(shop.naming(shop.person("ana"))) == 1, "among the users, and in no event"
    shop.now = NOW + timedelta(days=800)
    assert shop.ingest().batches == ()


class Registry:
    """Versions without a server: what is pruned with them is the lake's."""

    def __init__(self, *versions: Version) -> None:
        self.held = list(versions)

    def versions(self) -> list[Version]:
        """Newest first."""
        return self.held

    def aliased(self, _: str) -> None:
        """Nothing serves."""

    def delete_version(self, version: Version) -> None:
        """It is gone."""
        self.held = [other for other in self.held if other is not version]


def version(number: int, *aliases: str) -> Version:
    """A version from data `d<number>` and run `r<number>`."""
    tags = {"data_version": f"d{number}", "mlops.loop_run": f"r{number}"}
    return Version(number=str(number), run="", tags=tags, aliases=aliases, description="", created=float(number))


def test_what_no_kept_version_comes_from_goes_and_what_serves_stays_with_its_lineage(shop: Shop) -> None:
    found: Context = shop.context()
    objects: list[tuple[Zone, str]] = [("raw", "inbox/x/users.csv"), ("raw", "quarantine/q.jsonl"),
                                       ("raw", "events/no-manifest/part-0000.parquet"), ("curated", "quality/1.json"),
                                       ("curated", "left/snapshot.json")]  # fmt: skip
    for number in range(1, 9):
        objects += [("curated", f"d{number}/users.parquet"), ("features", f"d{number}/users.parquet")]
        objects += [("artifacts", f"runs/r{number}/train.json"), ("artifacts", f"scores/{number}/part-0000.parquet")]
    for zone, key in objects:
        found.lake.put(zone, key, b"x")
    registry: Any = Registry(*(version(n, *(["champion"] if n == 1 else [])) for n in range(8, 0, -1)))
    assert prune(found.raw, registry, Lifetimes(versions=2), datetime.now(UTC)) > 0
    assert [kept.number for kept in registry.held] == ["8", "7", "1"]
    assert len(found.lake.keys("curated", "")) == 10, "young: a run may be at work with it"
    prune(found.raw, registry, Lifetimes(versions=2), datetime.now(UTC) + timedelta(days=40))
    left = {zone: found.lake.keys(zone, "") for zone in ("raw", "curated", "features", "artifacts")}
    wanted = ("1", "7", "8")
    assert left == {
        "raw": [],
        "curated": [*(f"d{number}/users.parquet" for number in wanted), "quality/1.json"],
        "features": [f"d{number}/users.parquet" for number in wanted],
        "artifacts": [
            *(f"runs/r{number}/train.json" for number in wanted),
            *(f"scores/{number}/part-0000.parquet" for number in wanted),
        ],
    }


def test_what_was_delivered_as_it_came_is_taken_in_once_and_removed(shop: Shop) -> None:
    def event(number: int, user: str = "ana") -> dict[str, str]:
        return {"event_id": f"e{number}", "user_id": user, "product_id": "p1", "event_type": "view", "timestamp": WHEN}

    shop.drop(users=USERS + "cy,cy@example.com,55+,false\n", products=PRODUCTS)
    shop.context().stream.put([event(number) for number in range(5)])
    shop.ingest()
    lines = [json.dumps(event(number)) for number in range(10)] + [json.dumps(event(99, "cy")), "{", "\ud800"[:0]]
    packed = gzip.compress(("\n".join(lines) + "\n").encode())
    lake = shop.context().lake
    for key, body in (
        ("delivered/dt=2026-11-20/stream-1.gz", packed),
        ("events/dt=2026-11-19/stream-0", ("\n".join(lines[:3]) + "\n").encode()),
        ("delivered/dt=2026-11-20/cut.gz", packed[:-9]),
    ):
        lake.put("raw", key, body)
    taken = shop.ingest()
    assert len(shop.events()) == len({row["event_id"] for row in shop.events()}) == taken.rows == 10
    first = next(batch for batch in taken.batches if batch.source.endswith("stream-1.gz"))
    assert (first.rows, first.repeated, first.without_consent, first.quarantined) == (5, 5, 1, 1)
    assert lake.keys("raw", "delivered/") == lake.keys("raw", "events/dt=") == []
    holding = {name.rpartition("-")[2] for name in shop.naming(shop.person("cy"))}
    assert holding == {"raw/users.parquet"}, "her refusal, and nothing else of hers"
    assert not [name for name, body in shop.objects() if b'"cy"' in body]
    assert shop.ingest() == taken
    assert reject(shop.context().raw, first.name) > 0


def test_nobody_is_left_anywhere_in_the_lake(shop: Shop) -> None:
    """Plant a person under every prefix that the loop or Firehose writes, withdraw, and look everywhere."""
    shop.drop(
        users=USERS, products=PRODUCTS, events=HEADER + f"1,ana,p1,view,{WHEN}\nana,too,few\n2,bo,p1,view,{WHEN}\n"
    )
    shop.context().stream.put([{"user_id": "ana", "product_id": "p1", "event_type": "view", "timestamp": WHEN}] * 2)
    shop.context().lake.put("raw", "delivered/dt=2026-11-20/a", b'{"user_id": "ana", "product_id": "p2", '
                            b'"event_type": "view", "timestamp": "2026-11-20T10:00:00Z"}\n')  # fmt: skip
    version = shop.validate(QualityRules(least_score=0.5)).snapshot.data_version
    found = shop.context()
    found.store.build(version, NOW)
    assert len(shop.naming(shop.person("ana"))) >= 5
    shop.drop(users="user_id,consent\nana,no\n")
    shop.ingest()
    registry: Any = Registry()
    settle(found.raw, found.store, registry, None, NOW)
    holding = shop.naming(shop.person("ana"))
    assert {name.rpartition("/")[2] for name in holding} <= {"users.parquet"}
    assert all(name.endswith("-raw/users.parquet") for name in holding), "her refusal is kept, and nothing but it"
    assert shop.naming("ana@example.com") == []


def test_what_replicas_wrote_and_what_was_said_of_trials_goes_in_its_time(shop: Shop) -> None:
    found = shop.context()
    found.lake.put("raw", f"{REPLICAS}pod-a.json", b"{}")
    found.lake.put("artifacts", f"{TRIALS}2.json", b"{}")
    for days, kept in ((29, 2), (31, 1), (366, 0)):
        prune(found.raw, Registry(), Lifetimes(), datetime.now(UTC) + timedelta(days=days))  # type: ignore[arg-type]
        left = [*found.lake.keys("raw", REPLICAS), *found.lake.keys("artifacts", TRIALS)]
        assert len(left) == kept
