"""Swaps, canaries, shadows and everything that must not disturb what is served; the registry is a stand-in here."""

import asyncio
from collections.abc import Callable, Collection

import pytest

from recommender.child import FetchError
from recommender.deployment import Deployment, Serving, within
from recommender.manifest import ModelError
from recommender.metrics import Metrics
from recommender.model import Model
from recommender.registry import RegistryError, Version, Wanted, percent, wanted
from recommender.service import Service
from recommender.settings import Settings
from recommender.shadow import Comparison, Shadow

ModelMaker = Callable[..., Model]

ONE, TWO, THREE = (Version(number, f"then-{number}") for number in "123")


class StandIn:
    """A source that says what the test tells it."""

    def __init__(self, make: ModelMaker) -> None:
        self.wish: Wanted | Exception = Wanted(ONE)
        self.models: dict[Version, Model | Exception] = {
            version: make(version=version.number) for version in (ONE, TWO, THREE)
        }
        self.loads: list[str] = []
        self.kept: set[str] = set()
        self.cached: Wanted | None = None

    async def look(self) -> Wanted:
        if isinstance(self.wish, Exception):
            raise self.wish
        return self.wish

    async def load(self, version: Version) -> Model:
        self.loads.append(version.number)
        found = self.models[version]
        if isinstance(found, Exception):
            raise found
        return found

    async def last(self) -> Wanted | None:
        return self.cached

    async def keep(self, versions: Collection[Version], wanted: Wanted) -> None:
        self.kept = {version.number for version in versions}

    async def close(self) -> None:
        pass


@pytest.fixture
def source(make_tiny: ModelMaker) -> StandIn:
    return StandIn(make_tiny)


@pytest.fixture
def deployment(source: StandIn) -> Deployment:
    return Deployment(source, Metrics(), 0.05)


def look(deployment: Deployment, wish: Wanted | Exception | None = None, source: StandIn | None = None) -> str | None:
    if source is not None and wish is not None:
        source.wish = wish
    return asyncio.run(deployment.refresh())


def served(deployment: Deployment) -> dict[str, str]:
    serving = deployment.serving
    return {role: model.version for role, model in serving.roles().items()} if serving is not None else {}


def test_the_champion_is_served_and_a_new_one_takes_its_place(deployment: Deployment, source: StandIn) -> None:
    assert look(deployment) is None
    assert served(deployment) == {"champion": "1"}
    assert look(deployment, Wanted(TWO), source) is None
    assert served(deployment) == {"champion": "2"}


def test_a_look_that_finds_nothing_new_loads_nothing(deployment: Deployment, source: StandIn) -> None:
    for _ in range(5):
        look(deployment)
    assert source.loads == ["1"]


def test_a_refused_model_leaves_the_old_one_and_is_not_fetched_again(deployment: Deployment, source: StandIn) -> None:
    look(deployment)
    source.models[TWO] = ModelError("it is damaged.")
    for _ in range(3):
        assert look(deployment, Wanted(TWO), source) == "Version 2 is refused: it is damaged."
    assert served(deployment) == {"champion": "1"}
    assert source.loads == ["1", "2"]


def test_a_model_that_could_not_be_fetched_is_tried_again(deployment: Deployment, source: StandIn) -> None:
    look(deployment)
    good, source.models[TWO] = source.models[TWO], FetchError("the store is slow")
    assert look(deployment, Wanted(TWO), source) == "Version 2 cannot be fetched: the store is slow"
    source.models[TWO] = good
    assert look(deployment) is None
    assert served(deployment) == {"champion": "2"}


def test_a_registry_that_is_down_changes_nothing_but_is_shown(deployment: Deployment, source: StandIn) -> None:
    look(deployment)
    assert look(deployment, RegistryError("MLflow does not answer."), source) == "MLflow does not answer."
    assert served(deployment) == {"champion": "1"}
    assert deployment.problem == "MLflow does not answer."
    assert look(deployment, Wanted(ONE), source) is None


def test_a_service_that_starts_while_the_registry_is_down_serves_what_it_served(
    deployment: Deployment, source: StandIn
) -> None:
    source.cached = Wanted(TWO, suppressed=frozenset({"u"}))
    look(deployment, RegistryError("MLflow does not answer."), source)
    assert served(deployment) == {"champion": "2"}
    assert "u" in deployment._suppressed, "who was to be forgotten then is forgotten now"
    look(deployment, Wanted(THREE), source)
    assert "u" not in deployment._suppressed
    assert served(deployment) == {"champion": "3"}


def test_even_an_unforeseen_error_does_not_end_the_watch(deployment: Deployment, source: StandIn) -> None:
    look(deployment)
    assert look(deployment, MemoryError("surprise"), source) == "MemoryError: surprise"
    assert look(deployment, Wanted(TWO), source) is None


def test_the_champion_before_stays_in_the_cache_and_older_ones_go(deployment: Deployment, source: StandIn) -> None:
    for version in (ONE, TWO, THREE):
        look(deployment, Wanted(version), source)
    assert source.kept == {"2", "3"}
    look(deployment, Wanted(THREE, ONE, "shadow", 100), source)
    assert source.kept == {"1", "2", "3"}


def test_a_canary_answers_its_share_and_always_the_same_users(deployment: Deployment, source: StandIn) -> None:
    look(deployment, Wanted(ONE, TWO, "canary", 20), source)
    serving = deployment.serving
    assert serving is not None
    users = [f"user-{number}" for number in range(10_000)]
    chosen = {user for user in users if serving.choose(user)[1] == "canary"}
    assert 0.18 < len(chosen) / len(users) < 0.22
    look(deployment, Wanted(ONE, TWO, "canary", 40), source)
    assert deployment.serving is not None
    assert all(deployment.serving.choose(user)[0].version == "2" for user in chosen)


def test_a_canary_that_ends_is_gone(deployment: Deployment, source: StandIn) -> None:
    look(deployment, Wanted(ONE, TWO, "canary", 20), source)
    assert served(deployment) == {"champion": "1", "canary": "2"}
    look(deployment, Wanted(ONE), source)
    assert served(deployment) == {"champion": "1"}


def test_a_broken_challenger_does_not_hold_the_champion_up(deployment: Deployment, source: StandIn) -> None:
    source.models[TWO] = ModelError("it is damaged.")
    assert look(deployment, Wanted(THREE, TWO, "canary", 20), source) == "Version 2 is refused: it is damaged."
    assert served(deployment) == {"champion": "3"}


@pytest.mark.parametrize(("share", "low", "high"), [(0, 0, 0), (100, 1000, 1000), (0.1, 0, 10)])
def test_shares_hold_at_their_ends(share: float, low: int, high: int) -> None:
    assert low <= sum(within(f"user-{number}", share) for number in range(1000)) <= high


def test_a_shadow_is_compared_and_never_answers(make_tiny: ModelMaker) -> None:
    champion, challenger = make_tiny("1"), make_tiny("2", similar=((0,) * 4,) * 4)
    serving = Serving(champion, challenger, "shadow", 100)
    assert serving.choose("ana") == (champion, "champion")
    metrics = Metrics()

    async def compare() -> None:
        shadow = Shadow(metrics)
        task = asyncio.create_task(shadow.run())
        answered = [item.product_id for item in champion.recommend("bo", 2)]
        shadow.offer(Comparison("bo", 2, champion, answered, challenger))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(compare())
    # cup and rug against the two that are popular, of which bo has had one.
    assert metrics.registry.get_sample_value("recommender_shadow_total", {"outcome": "compared"}) == 1
    labels = {"champion": "1", "challenger": "2"}
    assert metrics.registry.get_sample_value("recommender_shadow_overlap_sum", labels) == 1.0


def test_under_pressure_comparisons_are_dropped_and_counted(make_tiny: ModelMaker) -> None:
    metrics = Metrics()
    shadow = Shadow(metrics)
    for _ in range(1_010):
        shadow.offer(Comparison("ana", 1, make_tiny(), [], make_tiny()))
    assert metrics.registry.get_sample_value("recommender_shadow_total", {"outcome": "dropped"}) == 10


def test_a_service_compares_its_shadow_on_every_answer(source: StandIn, saved: object) -> None:
    service = Service(Settings.from_environment({"MLOPS_MODEL_PATH": str(saved)}))
    service.deployment = Deployment(source, service.metrics, 60)
    source.wish = Wanted(ONE, TWO, "shadow", 100)

    async def ask() -> None:
        async with service.running():
            while service.deployment.serving is None:
                await asyncio.sleep(0.01)
            for _ in range(3):
                assert service.recommend("ana", 3)[0].version == "1"
            await asyncio.sleep(0.1)

    asyncio.run(ask())
    labels = {"champion": "1", "challenger": "2"}
    assert service.metrics.registry.get_sample_value("recommender_shadow_overlap_count", labels) == 3


SETTINGS = Settings.from_environment({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})


@pytest.mark.parametrize(
    ("aliases", "tags", "expected"),
    [
        ({"champion": "1"}, {}, Wanted(Version("1", "t1"))),
        ({"champion": "1", "challenger": "1"}, {}, Wanted(Version("1", "t1"))),
        ({"champion": "1", "challenger": "2"}, {}, Wanted(Version("1", "t1"))),
        ({"champion": "1", "challenger": "2"}, {"deploy.mode": "rolling"}, Wanted(Version("1", "t1"))),
        ({"champion": "1", "challenger": "2"}, {"deploy.mode": "sideways"}, Wanted(Version("1", "t1"))),
        (
            {"champion": "1", "challenger": "2"},
            {"deploy.mode": "canary", "deploy.percent": "25"},
            Wanted(Version("1", "t1"), Version("2", "t2"), "canary", 25.0),
        ),
        (
            {"champion": "1", "challenger": "2"},
            {"deploy.mode": "shadow"},
            Wanted(Version("1", "t1"), Version("2", "t2"), "shadow", 100.0),
        ),
    ],
)
def test_aliases_and_tags_say_what_is_served(aliases: dict, tags: dict, expected: Wanted) -> None:
    assert wanted(aliases, {"1": ("t1", {}), "2": ("t2", tags)}, SETTINGS) == expected


def test_without_a_champion_there_is_one_clear_sentence() -> None:
    with pytest.raises(RegistryError, match='no version of "recommender" carries the alias "champion"'):
        wanted({"challenger": "2"}, {"2": ("t2", {})}, SETTINGS)


@pytest.mark.parametrize(
    ("text", "share"), [(None, 10), ("33.5", 33.5), ("-3", 0), ("900", 100), ("x", 10), ("nan", 10)]
)
def test_a_share_is_always_between_nothing_and_everybody(text: str | None, share: float) -> None:
    assert percent(text, "canary") == share
