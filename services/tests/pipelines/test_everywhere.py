"""A person is planted everywhere, forgotten, and looked for everywhere."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.batch import batch_score
from pipelines.deploy import DeployRules
from pipelines.erase import erase, settle
from pipelines.errors import GateError
from pipelines.loop import LoopOptions, take_in
from pipelines.quality import QualityRules
from pipelines.settings import Settings
from pipelines.tracking import CHALLENGER
from recommender.manifest import MANIFEST
from recommender.model import Model
from recommender.registry import MODE_TAG
from tests.pipelines.shop import Shop, _in_table, made

Start = Callable[[Settings, Path], Settings]
ALLOWED = ("/erased/", "/withdrawn/")
"""That somebody asked to be forgotten is remembered, by pseudonym."""


def holds(body: bytes, text: str) -> bool:
    """Whether a file names somebody, in whatever it is packed."""
    if body.startswith(b"PAR1"):
        return _in_table(body, text)
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return any(text.encode() in archive.read(name) for name in archive.namelist())
    return text.encode() in body


def below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


class Look:
    """Where a person is found, on one platform and one machine."""

    def __init__(self, shop: Shop, machine: Path, user: str) -> None:
        self.shop = shop
        self.machine = machine
        self.names = (user, shop.person(user))

    def lake(self) -> set[str]:
        """Objects of the four buckets, all versions of each; by zone and kind."""
        return {
            name.partition("/")[2]
            for name, body in self.shop.objects()
            if any(holds(body, text) for text in self.names) and not any(part in name for part in ALLOWED)
        }

    def disk(self) -> set[str]:
        """Caches, scratch and logs."""
        return {name for name, body in below(self.machine) if any(holds(body, text) for text in self.names)}


@pytest.mark.timeout(400)
def test_who_is_forgotten_is_nowhere_and_nobody_else_is_touched(
    live: Shop, recommender_of: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    live.now = datetime.now(UTC)
    live.settings = replace(live.settings, bucket_artifacts="mlflow", state=machine / "state", pii_salt="of the test")
    live.settings = recommender_of(live.settings, machine)
    generated = made(events=1_500, end=None)
    live.fill(generated)
    live.loop()
    counts = generated.events["user_id"].value_counts().to_pylist()
    ordered = [item["values"] for item in sorted(counts, key=lambda item: -item["counts"])]
    consenting = set(generated.users.filter(generated.users["consent"])["user_id"].to_pylist())
    user, other = [name for name in ordered if name in consenting][:2]
    look = Look(live, machine, user)

    def ask(who: str) -> Any:
        return httpx.get(f"{live.settings.serving_url}/recommendations/{who}?k=5").json()

    # A second version on trial, scores, a row that cannot be read, a delivery that nobody has taken in yet, a visit.
    more = made(events=600, end=None, seed=8, first_event=5_000)
    live.fill(more)
    live.loop(LoopOptions(deploy=DeployRules(requests=20)))
    context = live.context()
    context.tracking.tag("1", {MODE_TAG: "shadow"})
    context.tracking.set_alias(CHALLENGER, "1")
    batch_score(context.lake, context.tracking, context.store, 5, live.now)
    live.drop(events=f"user_id,product_id,event_type,timestamp\n{user},p00001,view,never\n")
    moment = live.now.isoformat()
    event = {"user_id": look.names[1], "product_id": "p00001", "event_type": "view", "timestamp": moment}
    context.lake.put("raw", f"delivered/dt={live.now:%Y-%m-%d}/one", (json.dumps(event) + "\n").encode())
    visit = {"user_id": user, "product_id": ask(user)["recommendations"][0]["product_id"], "event_type": "purchase"}
    assert httpx.post(f"{live.settings.serving_url}/events", json=visit).status_code == 202
    take_in(live.context())
    planted = look.lake()
    for place in ("events/", "users.parquet", "candidates/", "scores/", "serving/recent.npz", "mlflow/"):
        assert any(place in name for name in planted), f"the test plants nobody in {place}: {planted}"
    assert any("cache" in name for name in look.disk())
    assert not ask(user)["cold"]
    before = {version.number: version for version in context.tracking.versions() if version.aliases}
    assert len(before) == 2

    live.now = datetime.now(UTC)
    context = live.context()
    found = erase(context.raw, context.store, context.tracking, context.recommender, user, live.now)

    assert ask(user)["cold"], "at once"
    assert not any(item["because"] for item in ask(user)["recommendations"])
    assert set(found.rewritten) == set(before)
    take_in(live.context())
    assert look.lake() == set()
    end = datetime.now(UTC) + timedelta(seconds=15)
    while (left := {name for name in look.disk() if not name.endswith("last.json")}) and datetime.now(UTC) < end:
        pass
    assert left == set(), "last.json says whom not to know"
    assert not any(name in caplog.text for name in look.names)

    after = {version.number: version for version in context.tracking.versions()}
    assert after.keys() == before.keys()
    for number, version in after.items():
        assert (version.aliases, version.run, version.description) == (
            before[number].aliases, before[number].run, before[number].description,
        )  # fmt: skip
        assert before[number].tags.items() <= version.tags.items(), "a trial goes on"
        folder = context.tracking.fetch_version(number, tmp_path / number)
        model = Model.verify(next(folder.rglob(MANIFEST)).parent)
        assert model.users.row(look.names[1]) is None
        assert model.users.row(live.person(other)) is not None
    assert not ask(other)["cold"]
    assert ask(other)["model"]["version"] == "2"
    again = settle(context.raw, context.store, context.tracking, context.recommender, live.now)
    assert again == (), "what was done is not done again"

    with pytest.raises(GateError):
        live.loop(LoopOptions(quality=QualityRules(least_score=1.1)))
    assert look.lake() == set(), "a refused training brings nobody back"


def test_no_log_holds_who_asked_or_what_for(
    live: Shop, recommender_of: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_LOG_LEVEL", "debug")
    live.settings = recommender_of(live.settings, tmp_path)
    url = str(live.settings.serving_url)
    secret = "somebody-in-particular"
    for path in (
        f"/recommendations/{secret}",
        f"/products/{secret}/similar",
        f"/{secret}",
        f"/recommendations/{secret}?k=x",
    ):
        for method in ("GET", "POST", "HEAD"):
            httpx.request(method, url + path)
    event = {"user_id": secret, "product_id": secret, "event_type": "view"}
    assert httpx.post(f"{url}/events", json=event).status_code == 202
    httpx.post(f"{url}/events", json={"user_id": secret, "nonsense": secret})
    httpx.post(f"{url}/events", content=secret.encode(), headers={"Authorization": f"Bearer {secret}"})
    httpx.post(f"{url}/v2/models/{secret}/infer", json={"inputs": secret})
    logs = [body.decode() for name, body in below(tmp_path) if name.endswith(".log")]
    assert logs
    assert not any(secret in text for text in logs)
