"""Promotion through a live recommender: at once, for a share of the users, or silently compared."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.deploy import Deployed, DeployRules, deploy
from pipelines.errors import GateError, ServiceError
from pipelines.explain import Explained
from pipelines.loop import Context
from pipelines.register import Registered, register
from pipelines.serving import quantile
from tests.conftest import make_settings, recommender
from tests.pipelines.shop import Shop, made

USERS = [f"u{number:07}" for number in range(60)]


@pytest.fixture(scope="module")
def shop(moto_url: str, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shop whose champion, version 1, is served."""
    folder = tmp_path_factory.mktemp("deploy")
    with recommender(make_settings(moto_url, mlflow_url, folder), folder) as settings:
        served = Shop(settings, folder)
        served.fill(made())
        served.results = served.loop()  # type: ignore[attr-defined]
        yield served


@pytest.fixture
def candidate(shop: Any) -> Callable[[str], Registered]:
    """Registers one more version, of the kind that is asked for."""

    def add(kind: str = "popularity") -> Registered:
        found: Context = shop.context(run=f"run-{len(shop.context().tracking.versions())}")
        done = shop.results
        explained: Explained = done["explain"]
        other = replace(done["train"], hyperparameters=replace(done["train"].hyperparameters, shrinkage=11.0))
        evaluated = replace(done["evaluate"], passed=kind)
        return register(found.lake, found.tracking, other, evaluated, explained, None, found.run)

    return add


def promote(shop: Shop, registered: Registered, **rules: Any) -> Deployed:
    found = shop.context()
    return deploy(found.tracking, found.recommender, registered, USERS, DeployRules(requests=60, **rules))


def champion(shop: Shop) -> str:
    version = shop.context().tracking.aliased("champion")
    assert version is not None
    answer = httpx.get(f"{shop.settings.serving_url}/ready").json()
    assert answer["models"].keys() == {"champion"}
    assert answer["models"]["champion"]["version"] == version.number
    return version.number


def test_a_canary_answers_a_share_of_the_users_and_is_promoted(shop: Shop, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    done = promote(shop, registered, strategy="canary", percent=40.0)
    assert (done.strategy, done.previous, done.verified) == ("canary", before, True)
    assert set(done.answers) == {before, registered.version}
    assert champion(shop) == registered.version


def test_a_shadow_is_compared_and_promoted(shop: Shop, candidate: Any) -> None:
    champion(shop)
    registered = candidate("collaborative")
    done = promote(shop, registered, strategy="shadow")
    assert done.overlap is not None
    assert done.overlap.compared == 60
    assert 0.1 < done.overlap.mean < 1.0
    assert champion(shop) == registered.version


def test_a_shadow_that_differs_too_much_is_not_promoted(shop: Shop, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    with pytest.raises(GateError, match=f"shadow of version {registered.version} failed.*Version {before} goes on"):
        promote(shop, registered, strategy="shadow", least_overlap=1.01)
    shop.context().recommender.wait_for({"champion": before, "shadow": None}, 30.0)  # type: ignore[union-attr]
    assert champion(shop) == before
    assert shop.context().tracking.aliased("challenger") is None


def test_a_version_that_answers_too_slowly_is_taken_back(shop: Shop, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    with pytest.raises(GateError, match=f"p95 .* Version {before} is champion again"):
        promote(shop, registered, most_p95_ms=0.0)
    shop.context().recommender.wait_for({"champion": before}, 30.0)  # type: ignore[union-attr]
    assert champion(shop) == before


def test_a_version_that_the_service_cannot_load_is_taken_back(shop: Shop, tmp_path: Path) -> None:
    before = champion(shop)
    found = shop.context()
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    run = shop.results["train"].run  # type: ignore[attr-defined]
    model = found.tracking.put_model(run, tmp_path, {})
    broken = found.tracking.add_version(run, model, {"kind": "collaborative"}, "")
    registered = Registered(version=broken, kind="collaborative", already_champion=False)
    with pytest.raises(GateError, match=f"did not come to serve.*Version {before} is champion again"):
        promote(shop, registered, timeout_seconds=2.0)
    found.recommender.wait_for({"champion": before}, 30.0)  # type: ignore[union-attr]
    assert champion(shop) == before


def test_the_champion_stays_champion_while_its_service_is_away(shop: Shop) -> None:
    before = champion(shop)
    found = Shop(replace(shop.settings, serving_url="http://127.0.0.1:9"), shop.folder).context()
    registered = Registered(version=before, kind="popularity", already_champion=True)
    with pytest.raises(ServiceError, match="did not come to serve"):
        deploy(found.tracking, found.recommender, registered, USERS, DeployRules(timeout_seconds=0.5))
    assert champion(shop) == before


def test_without_a_service_the_alias_alone_is_set(shop: Shop, candidate: Any) -> None:
    registered = candidate()
    found = shop.context()
    done = deploy(found.tracking, None, registered, USERS, DeployRules(strategy="canary"))
    assert (done.verified, done.strategy, done.answers) == (False, "rolling", {})
    assert found.tracking.aliased("champion").number == registered.version  # type: ignore[union-attr]


def test_a_recommender_that_does_not_answer_is_one_sentence(shop: Shop) -> None:
    away = Shop(replace(shop.settings, serving_url="http://127.0.0.1:9"), shop.folder).context().recommender
    assert away is not None
    assert away.serves() == {}
    with pytest.raises(ServiceError, match="does not answer"):
        away.latency()
    assert away.ask(["ana"])["failed"].failure_share == 1.0


def test_a_quantile_is_what_prometheus_would_say() -> None:
    buckets = [(0.1, 50.0), (0.2, 90.0), (0.4, 100.0), (float("inf"), 100.0)]
    assert quantile(buckets, 0.5) == pytest.approx(0.1)
    assert quantile(buckets, 0.95) == pytest.approx(0.3)
    assert quantile([(0.1, 1.0), (float("inf"), 10.0)], 0.95) == 0.1
