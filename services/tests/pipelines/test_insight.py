"""Why a product is recommended, and where the time of a request goes."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from pipelines import profile
from pipelines.serving import Recommender
from pipelines.settings import Settings
from recommender.arrays import Rows
from recommender.manifest import MANIFEST
from recommender.model import Model
from tests.pipelines.shop import Shop, made
from tests.pipelines.test_cli import Run, configured, run

__all__ = ["configured", "run"]
SAMPLE = made(users=150)
CONSENTING = SAMPLE.users.filter(SAMPLE.users["consent"])["user_id"].to_pylist()
ACTIVE = max(CONSENTING, key=Counter(SAMPLE.events["user_id"].to_pylist()).__getitem__)
Start = Callable[[Settings, Path], Settings]


def test_the_three_looks_into_a_model(run: Run, configured: Shop, recommender_of: Start, tmp_path: Path) -> None:
    configured.fill(SAMPLE)
    code, out, err = run("analyse")
    assert (code, out) == (2, "")
    assert "has no version champion; registered are none" in err
    configured.loop()
    _analysed(run)
    _explained(run, configured, tmp_path)
    _profiled(run, configured, recommender_of, tmp_path)


def _analysed(run: Run) -> None:
    found = json.loads(run("analyse", "--least-users", "30", "--json")[1])
    assert found["version"] == "1"
    assert found["slices"]
    assert all(one["users"] >= 30 for one in found["slices"])
    assert found["ndcg"]["mean"] > 0.0
    assert run("analyse", "--k", "0")[0] == 2


def _explained(run: Run, shop: Shop, folder: Path) -> None:
    context = shop.context()
    fetched = context.tracking.fetch_version("1", folder / "fetched")
    model = Model.load(next(fetched.rglob(MANIFEST)).parent).under(context.raw.masker.pseudonyms)
    listed = model.recommend(ACTIVE, 5)
    found = json.loads(run("why", ACTIVE, "--json")[1])
    assert [one["product_id"] for one in found["products"]] == [item.product_id for item in listed]
    for place, (one, item) in enumerate(zip(found["products"], listed, strict=True), 1):
        assert one["place"] == place
        assert sum(part["share"] for part in one["parts"]) == pytest.approx(item.score, rel=1e-5)
        assert [part["product_id"] for part in one["parts"] if part["share"] > 0][:3] == list(item.because)
        assert one["name"] != "unknown"
    taken = found["products"][0]["parts"][0]["product_id"]
    had = json.loads(run("why", ACTIVE, taken, "--json")[1])["products"][0]
    assert had["had"]
    assert had["place"] is None
    assert "does not know this user" in run("why", "nobody")[1]
    code, _, err = run("why", ACTIVE, "no such product")
    assert code == 2
    assert "does not know product no such product" in err
    assert "others" in run("why", ACTIVE)[1]


def _profiled(run: Run, shop: Shop, recommender_of: Start, folder: Path) -> None:
    shop.settings = recommender_of(shop.settings, folder)
    Recommender(shop.settings.serving_url or "", shop.settings.admin_token).wait_for({"champion": "1"}, 60.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_SERVING_URL", shop.settings.serving_url or "")
        served = json.loads(run("profile", "--requests", "30", "--json")[1])
    assert served["around_mean"] > 0.0
    assert sum(part["milliseconds"] for part in served["parts"]) == pytest.approx(served["model_mean"])


def test_a_profile_names_what_is_slow_and_its_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.collaborative(
        ["ana", "bo"], ["a", "b", "c"], csr_array(np.eye(2, 3)), csr_array(np.ones((3, 3))), np.ones(3)
    )
    _, quick = profile.of_model(model, ["ana", "bo"] * 20, 2)
    assert sum(part.share for part in quick) == pytest.approx(1.0)
    assert {"recommend", "summed"} <= {part.function for part in quick}
    slow = Rows.summed

    def summed(*arguments: Any) -> Any:
        time.sleep(0.004)
        return slow(*arguments)

    monkeypatch.setattr(Rows, "summed", summed)
    times, parts = profile.of_model(model, ["ana", "bo"] * 5, 2)
    assert times.mean() > 4.0
    # It sleeps in this file, which is not the recommender's: its caller there has it.
    assert parts[0].share > 0.5
