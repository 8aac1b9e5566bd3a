"""Who withdraws or is erased: not served from that moment on, gone from what was derived, and trained without."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.decide import Triggers, decide
from pipelines.erase import erase, settle
from pipelines.errors import GateError, LoopError
from pipelines.loop import LoopOptions
from pipelines.monitor import monitor
from pipelines.quality import QualityRules
from pipelines.settings import Settings
from tests.pipelines.shop import Shop, made

Start = Callable[[Settings, Path], Settings]


def ask(shop: Shop, user: str) -> Any:
    """The recommender's answer."""
    return httpx.get(f"{shop.settings.serving_url}/recommendations/{user}?k=5").json()


def test_who_is_forgotten_is_not_known_to_what_serves_even_while_the_gate_refuses_to_train(
    live: Shop, recommender_of: Start, tmp_path: Path
) -> None:
    live.now = datetime.now(UTC)
    live.settings = recommender_of(live.settings, tmp_path)
    generated = made(events=1_500, end=None)
    live.fill(generated)
    live.loop()
    known = [user for user in generated.users["user_id"].to_pylist() if not ask(live, user)["cold"]]
    erased, withdrew, other = known[:3]
    found = live.context()

    live.now = datetime.now(UTC)
    erase(found.raw, found.store, found.tracking, found.recommender, erased, live.now)
    assert ask(live, erased)["cold"], "at once: no model was trained in between"
    live.drop(users=f"user_id,consent\n{withdrew},no\n")
    with pytest.raises(GateError):
        live.loop(LoopOptions(quality=QualityRules(least_score=1.1)))
    assert live.champion().number == "1"
    for user in (erased, withdrew):
        answer = ask(live, user)
        assert answer["cold"]
        assert not any(item["because"] for item in answer["recommendations"])
        v2 = {"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": [user]}]}
        served = httpx.post(f"{live.settings.serving_url}/v2/models/{live.settings.model_name}/infer", json=v2).json()
        popular = [item["product_id"] for item in answer["recommendations"]]
        assert served["outputs"][0]["data"][:5] == popular
        holding = {name.rpartition("-")[2] for name in live.naming(live.person(user))}
        assert holding <= ({"raw/users.parquet"} if user == withdrew else set()), "the refusal itself is kept"
    assert not ask(live, other)["cold"]

    seen = monitor(found.raw, found.tracking, None, live.settings.state, live.now)
    assert seen.erased_since_training == 2
    assert "erasure" in {reason.trigger for reason in decide(seen, Triggers()).reasons}

    live.now = datetime.now(UTC)
    live.drop(users=f"user_id,consent\n{withdrew},yes\n", events=generated_rows(generated, withdrew, live.now))
    assert live.loop()["deploy"].version == "2"
    settle(found.raw, found.store, found.tracking, found.recommender, live.now)
    assert not ask(live, withdrew)["cold"], "who consents again is known again"
    assert ask(live, erased)["cold"]
    assert [version.number for version in found.tracking.versions()] == ["2"], (
        "what held them serves nobody: it is gone"
    )


def generated_rows(generated: Any, user: str, now: datetime) -> str:
    """Events of one user, again and a little later."""
    rows = [row for row in generated.events.to_pylist() if row["user_id"] == user]
    header = "user_id,product_id,event_type,timestamp\n"
    return header + "".join(f"{user},{row['product_id']},{row['event_type']},{now.isoformat()}\n" for row in rows)


def test_a_run_that_began_before_an_erasure_starts_over_by_itself(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    generated = made(events=1_500)
    live.fill(generated)
    with monkeypatch.context() as broken:
        broken.setattr("pipelines.loop.explain", lambda *_: (_ for _ in ()).throw(LoopError("the power went")))
        with pytest.raises(LoopError, match="power"):
            live.loop()
    found = live.context()
    user = generated.events["user_id"].to_pylist()[700]
    erase(found.raw, found.store, found.tracking, None, user, live.now)
    assert live.loop()["deploy"].version == "1"
    assert live.naming(live.person(user)) == []
