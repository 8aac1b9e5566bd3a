"""The loop, end to end, on real servers."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest

from pipelines import lineage
from pipelines.batch import batch_score
from pipelines.compatibility import serving_runtime
from pipelines.errors import GateError, InputError
from pipelines.loop import LoopOptions
from pipelines.provenance import runtime
from pipelines.quality import QualityRules
from pipelines.refresh import refresh
from pipelines.register import register, require_compatible
from pipelines.reject import reject
from pipelines.scoring import score
from pipelines.settings import Settings
from pipelines.similarity import Hyperparameters
from recommender.manifest import MANIFEST
from recommender.model import Model
from tests.pipelines.shop import HEADER, Shop, made

Start = Callable[[Settings, Path], Settings]
WHEN = "2026-11-20T10:00:00Z"


def ask(shop: Shop, user: str) -> dict[str, Any]:
    answer = httpx.get(f"{shop.settings.serving_url}/recommendations/{user}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_events_become_a_live_recommendation_that_leads_back_to_them(
    live: Shop, recommender_of: Start, tmp_path: Path
) -> None:
    live.settings = recommender_of(live.settings, tmp_path)
    live.fill(made())
    results = live.loop()

    assert results["evaluate"].passed == "collaborative"
    assert results["deploy"].verified
    assert serving_runtime(live.settings.serving_url or "") == runtime()
    assert results["monitor"].requests >= 200
    assert 0.0 < results["monitor"].p95_seconds < 1.0
    answer = ask(live, "u0000001")
    assert answer["model"]["version"] == results["deploy"].version == "1"
    assert answer["recommendations"][0]["because"]

    found = live.context()
    origin = lineage.of_prediction(found.raw, found.tracking, json.dumps(answer))
    assert origin.reproduced
    assert origin.snapshot is not None
    assert [source.source.split()[0] for source in origin.snapshot.sources] == ["events.csv"]
    assert origin.snapshot.sources[0].rows == results["ingest"].rows
    tampered = {**answer, "recommendations": answer["recommendations"][::-1]}
    assert lineage.of_prediction(found.raw, found.tracking, json.dumps(tampered)).reproduced is False

    card = found.tracking.text(results["train"].run, results["explain"].card, tmp_path / "card")
    assert "## Fairness" in card
    assert origin.data_version in card

    again = live.loop()
    assert again["register"].already_champion
    assert ask(live, "u0000001")["model"]["version"] == "1"

    # What came since counts in the next answer, and the lake knows of it.
    bought = {"user_id": "u0000001", "product_id": answer["recommendations"][0]["product_id"], "event_type": "purchase"}
    sent = httpx.post(f"{live.settings.serving_url}/events", json={**bought, "timestamp": WHEN})
    assert sent.status_code == 202
    later = json.dumps(ask(live, "u0000001"))
    until = time.monotonic() + 30
    while live.ingest().rows == results["ingest"].rows and time.monotonic() < until:
        time.sleep(0.2)
    repeated = lineage.of_prediction(found.raw, found.tracking, later)
    assert (repeated.reproduced, repeated.recent_events) == (True, 1)
    assert "with 1 of the user's events since the training" in lineage.lines(repeated)[0]


def test_the_registered_model_has_a_signature_and_answers_like_the_service(live: Shop, tmp_path: Path) -> None:
    live.fill(made())
    live.loop()
    found = live.context()
    folder = found.tracking.fetch_version("1", tmp_path)
    loaded = mlflow.pyfunc.load_model(str(folder))
    assert loaded.metadata.signature.inputs.input_names() == ["user_id", "k"]
    answer = loaded.predict(pd.DataFrame({"user_id": ["u0000001", "stranger"], "k": [3, 2]}))
    model = Model.load(next(folder.rglob(MANIFEST)).parent)
    expected = [item.product_id for user, k in (("u0000001", 3), ("stranger", 2)) for item in model.recommend(user, k)]
    assert answer["product_id"].tolist() == expected

    scored = batch_score(found.lake, found.tracking, found.store, 4, live.now)
    assert (scored.version, scored.rows) == ("1", 4 * scored.users)
    table = found.lake.get_table("artifacts", f"{scored.prefix}/part-0000.parquet")
    assert table.equals(score(model.with_version("1"), [model.users.name(row) for row in range(scored.users)], 4))


def test_without_taste_in_the_data_popularity_is_declared_champion(live: Shop) -> None:
    live.fill(made(taste=False))
    results = live.loop()
    assert results["evaluate"].passed == "popularity"
    assert "does not beat popularity" in results["evaluate"].verdict.refusals["collaborative"][0]
    assert live.champion().tags["kind"] == "popularity"


def test_the_batch_knows_what_is_popular_now_where_the_features_are_fresh(live: Shop) -> None:
    live.fill(made(taste=False, events=2_000))
    live.loop()
    found = live.context()
    before = batch_score(found.lake, found.tracking, found.store, 50, live.now)
    ranks = found.lake.get_table("artifacts", f"{before.prefix}/part-0000.parquet").to_pandas()
    last = str(ranks.groupby("product_id")["rank"].mean().idxmax())
    # Everybody who comes from now on takes what hardly anybody was shown.
    others = "".join(f"n{number},new-{number},{last},purchase,{WHEN}\n" for number in range(1_500))
    known = "user_id,consent\n" + "".join(f"new-{number},true\n" for number in range(1_500))
    live.drop(users=known, events=HEADER + others)
    live.now += timedelta(minutes=50)
    refresh(found.raw, found.store, live.ingest(), QualityRules(), {before.features or ""}, live.now)

    after = batch_score(found.lake, found.tracking, found.store, 1, live.now)
    assert after.version == before.version
    assert after.features not in {None, before.features}
    table = found.lake.get_table("artifacts", f"{after.prefix}/part-0000.parquet").to_pandas()
    never_had_it = set(ranks.loc[ranks["product_id"] == last, "user_id"])
    assert set(table.loc[table["user_id"].isin(never_had_it), "product_id"]) == {last}
    stale = batch_score(found.lake, found.tracking, found.store, 1, live.now + timedelta(hours=2))
    assert stale.features is None
    table = found.lake.get_table("artifacts", f"{stale.prefix}/part-0000.parquet").to_pandas()
    assert last not in set(table["product_id"])


@pytest.mark.parametrize(
    "rows",
    [
        [f"{number},ana,p{1 + number % 2},view,{WHEN}" for number in range(5)],
        [f"{number},{'ana' if number % 2 else 'bo'},p1,view,{WHEN}" for number in range(5)],
        [f"1,ana,p1,purchase,{WHEN}"],
    ],
    ids=["one user", "one product", "one event"],
)
def test_the_smallest_shops_get_a_champion_too(live: Shop, rows: list[str]) -> None:
    live.drop_events(*rows)
    results = live.loop()
    assert results["evaluate"].passed == "popularity"
    assert live.champion().number == "1"


def test_ids_in_any_alphabet_go_all_the_way(live: Shop, recommender_of: Start, tmp_path: Path) -> None:
    live.settings = recommender_of(live.settings, tmp_path)
    users = "user_id,consent\nÅsa 🦊/1,true\n用户,true\n"
    events = HEADER + f"1,Åsa 🦊/1,чашка,view,{WHEN}\n2,用户,чашка,cart,{WHEN}\n3,用户,фін,cart,{WHEN}\n"
    live.drop(users=users, products="product_id\nчашка\nфін\n", events=events)
    live.loop()
    answer = ask(live, "%C3%85sa%20%F0%9F%A6%8A%2F1")
    assert [item["product_id"] for item in answer["recommendations"]] == ["фін"]
    assert not answer["cold"]


def test_a_worse_model_is_stopped_and_the_champion_stays(live: Shop) -> None:
    live.fill(made())
    live.loop()
    worse = LoopOptions(hyperparameters=(Hyperparameters(neighbours=1, shrinkage=1e9),))
    with pytest.raises(GateError, match=r"worse than the champion.*champion goes on serving"):
        live.loop(worse)
    assert live.champion().number == "1"
    assert len(live.context().tracking.versions()) == 1


def test_a_model_that_fails_a_group_is_stopped(live: Shop) -> None:
    generated = made()
    # Everybody of one age buys what nobody else does, each something of their own: nothing to learn for them.
    old = set(
        generated.users.filter([band == "55+" for band in generated.users["age_band"].to_pylist()])[
            "user_id"
        ].to_pylist()
    )
    rows = [
        {**row, "product_id": f"only-{number}"} if row["user_id"] in old else row
        for number, row in enumerate(generated.events.to_pylist())
    ]
    lines = [",".join(str(value) for value in row.values()) for row in rows]
    live.fill(generated)
    catalogue = "product_id\n" + "".join(f"only-{number}\n" for number in range(len(rows)))
    live.ingest()
    reject(live.context().raw, live.context().raw.batches()[0].name)
    live.drop(products=catalogue, events=HEADER + "\n".join(lines) + "\n")
    with pytest.raises(GateError, match=r"unfair to 55\+"):
        live.loop()
    assert live.context().tracking.versions() == []


def test_bad_data_stops_the_loop_before_anything_is_trained(live: Shop) -> None:
    live.drop_events(*(f"{number},ana,p9,view,{WHEN}" for number in range(30)))
    with pytest.raises(GateError, match="None of 30 rows can be used"):
        live.loop()
    assert live.context().tracking.versions() == []


def test_nothing_is_registered_without_a_card(live: Shop) -> None:
    live.fill(made())
    done = live.loop()
    found = live.context(run="another")
    explained = replace(done["explain"], card="card/missing.md")
    with pytest.raises(GateError, match="no model card"):
        register(found.lake, found.tracking, done["train"], done["evaluate"], explained, None, "another")


def test_a_model_that_what_serves_cannot_read_is_not_registered(live: Shop, httpserver_of: Any) -> None:
    url = httpserver_of('recommender_runtime_info{python="2.7.18",numpy="1.26.4",model_format="1"} 1.0\n')
    with pytest.raises(GateError, match=r"Python .* against 2\.7\.18, numpy .* against 1\.26\.4"):
        require_compatible(runtime(), url)
    mine = runtime()
    same = f'recommender_runtime_info{{python="{mine.python}",numpy="{mine.numpy}",model_format="1"}} 1.0\n'
    require_compatible(mine, httpserver_of(same))
    require_compatible(mine, httpserver_of("nothing 1\n"))
    require_compatible(mine, "http://127.0.0.1:9")


def test_lineage_of_what_does_not_exist_says_what_does(live: Shop) -> None:
    found = live.context()
    with pytest.raises(InputError, match="has no version 7"):
        lineage.of_version(found.lake, found.tracking, "7")
    with pytest.raises(InputError, match="no answer of GET /recommendations"):
        lineage.of_prediction(found.raw, found.tracking, '{"user_id": "ana"}')
    with pytest.raises(InputError, match="No model is champion"):
        batch_score(found.lake, found.tracking, found.store, 3, live.now)
