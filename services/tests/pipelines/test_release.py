"""Trials on real servers: MLflow, S3, and two recommenders that answer real requests."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from pipelines import impressions, lineage, replicas, trials
from pipelines.cli import app
from pipelines.deploy import Deployed, DeployRules, deploy
from pipelines.errors import GateError, InputError, ServiceError
from pipelines.explain import CARD, Explained
from pipelines.loop import Context
from pipelines.register import Registered, register
from pipelines.release import act, end, look
from pipelines.settings import Settings
from pipelines.trials import Tried
from pipelines.worker import Worker
from recommender.deployment import assigned
from recommender.release import Guards, Release, Step
from tests.conftest import as_environment, make_settings, recommender
from tests.pipelines.shop import Shop, made

pytestmark = pytest.mark.timeout(600)

QUICK = Release(
    strategy="canary",
    steps=(Step(percent=30, bake_minutes=0), Step(percent=60, bake_minutes=0)),
    guards=Guards(least_requests=10),
    least_users=10,
    attribution_hours=0.5 / 3600,
)
USERS = [f"u{number:07}" for number in range(60)]


@pytest.fixture(scope="module")
def shop(moto_url: str, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A shop whose champion is served by two recommenders."""
    folder = tmp_path_factory.mktemp("release")
    settings = make_settings(moto_url, mlflow_url, folder)
    (folder / "second").mkdir()
    with recommender(settings, folder) as first, recommender(settings, folder / "second") as second:
        served = Shop(first, folder, datetime.now(UTC))
        served.fill(made(users=60, products=30, events=2_000, end=None))
        served.results = served.loop()  # type: ignore[attr-defined]
        with (
            httpx.Client(base_url=first.serving_url or "") as one,
            httpx.Client(base_url=second.serving_url or "") as two,
        ):
            served.both = (one, two)  # type: ignore[attr-defined]
            yield served


@pytest.fixture(autouse=True)
def _now(shop: Shop) -> None:
    shop.now = datetime.now(UTC)


@pytest.fixture
def candidate(shop: Any) -> Callable[[], Registered]:
    """Registers one more version, which recommends by popularity."""

    def add() -> Registered:
        number = len(shop.context().tracking.versions())
        found: Context = shop.context(run=f"run-{number}")
        done = shop.results
        explained: Explained = done["explain"]
        # What is the same as the champion needs no trial.
        other = replace(done["train"], hyperparameters=replace(done["train"].hyperparameters, shrinkage=100.0 + number))
        evaluated = replace(done["evaluate"], passed="popularity")
        return register(found.lake, found.tracking, other, evaluated, explained, None, found.run)

    return add


def begin(shop: Any, registered: Registered, section: Release = QUICK) -> Deployed:
    found = shop.context()
    rules = DeployRules(requests=60)
    asked = [shop.person(user) for user in USERS]
    return deploy(found.tracking, found.recommender, registered, asked, rules, section, found.lake)


def everywhere(shop: Any, **roles: str | None) -> None:
    """Wait until both serve these versions."""
    replicas.wait_for(shop.context().lake, shop.settings.model_name, roles, 60.0)


def ask_both(shop: Any, users: list[str] = USERS) -> dict[str, str]:
    """Every user asks both recommenders; the role that answered each."""
    found = {}
    for user in users:
        roles = {client.get(f"/recommendations/{user}").headers["x-model-role"] for client in shop.both}
        assert len(roles) == 1, "the same version wherever one asks"
        found[user] = roles.pop()
    return found


def judged(shop: Any, answers: int) -> Tried:
    """What is said and done once so many answers of this step are in the lake, and their time is over."""
    found = shop.context()
    step = trials.running(found.lake, found.tracking).trial
    until = time.monotonic() + 120.0
    while landed(shop, step.version, step.percent) < answers:
        assert time.monotonic() < until, "the answers do not come"
        time.sleep(0.2)
        shop.now = datetime.now(UTC)
        shop.ingest()
    time.sleep(2 * QUICK.attribution_hours * 3600)
    while True:
        done = act(found.raw, found.tracking, found.recommender, DeployRules(requests=60), datetime.now(UTC))
        assert done is not None
        assert done.verdict is not None
        if done.verdict.decision != "go on" or time.monotonic() > until:
            return done
        time.sleep(0.2)


def landed(shop: Any, version: str, percent: float) -> int:
    """Answers of a step that were taken in."""
    return sum(
        (row["trial"], row["percent"]) == (version, percent)
        for table in impressions.since(shop.context().lake, datetime(2026, 1, 1, tzinfo=UTC), ["trial", "percent"])
        for row in table.to_pylist()
    )


def champion(shop: Any) -> str:
    return str(shop.champion().number)


def test_a_canary_grows_step_by_step_on_every_replica_and_takes_over(shop: Any, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    begun = begin(shop, registered)
    assert (begun.version, begun.trial, begun.strategy) == (before, registered.version, "canary")
    assert champion(shop) == before
    everywhere(shop, champion=before, canary=registered.version)

    roles = ask_both(shop)
    expected = {user for user in USERS if assigned(registered.version, shop.person(user), 30)}
    assert {user for user, role in roles.items() if role == "canary"} == expected
    first = judged(shop, 2 * len(USERS))
    assert first.verdict is not None
    assert (first.verdict.decision, first.trial.step) == ("next step", 1), first.verdict.reasons
    assert len(first.verdict.replicas) == 2
    assert first.verdict.requests >= 2 * len(expected), "what both replicas counted"
    users = first.verdict.arms
    assert (users["challenger"].users, users["champion"].users) == (len(expected), len(USERS) - len(expected))

    grown = ask_both_once_grown(shop, registered.version)
    assert expected <= {user for user, role in grown.items() if role == "canary"}, "who had it keeps it"
    second = judged(shop, 2 * len(USERS))
    assert second.verdict is not None
    assert second.verdict.decision == "promote", second.verdict.reasons
    assert champion(shop) == registered.version
    everywhere(shop, champion=registered.version, canary=None)
    kept(shop, registered.version, "promote")


def ask_both_once_grown(shop: Any, version: str) -> dict[str, str]:
    end_at = time.monotonic() + 30
    while time.monotonic() < end_at:
        if all(client.get("/ready").json()["percent"] == 60 for client in shop.both):
            return ask_both(shop)
        time.sleep(0.2)
    raise AssertionError(f"the share of version {version} does not grow")


def kept(shop: Any, version: str, decision: str) -> None:
    """The verdict is with the version: in its card, its run, its tags and its lineage."""
    found = shop.context()
    of = found.tracking.version(version)
    card = found.tracking.text(of.run, CARD, shop.folder / f"card-{version}")
    assert "## Release" in card
    assert f"verdict    {decision}" in card
    assert of.tags["release.verdict"] == decision
    told = lineage.lines(lineage.of_version(found.lake, found.tracking, version))
    assert any(line.startswith(f"release    {decision}") for line in told)


def test_a_limit_that_breaks_on_one_replica_takes_the_version_back_on_all(shop: Any, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    begin(shop, registered, QUICK.model_copy(update={"guards": Guards(least_requests=10, most_p95_ms=0.001)}))
    everywhere(shop, champion=before, canary=registered.version)
    for user in USERS:
        shop.both[1].get(f"/recommendations/{user}")
    done = judged(shop, len(USERS))
    assert done.verdict is not None
    assert done.verdict.decision == "roll back"
    assert any("p95" in reason for reason in done.verdict.reasons)
    assert champion(shop) == before
    everywhere(shop, champion=before, canary=None)
    kept(shop, registered.version, "roll back")


def test_while_one_is_on_trial_nothing_else_is_registered_or_trained(
    shop: Any, candidate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    registered = candidate()
    begin(shop, registered, QUICK.model_copy(update={"least_users": 1_000}))
    with pytest.raises(GateError, match=f"Version {registered.version} is on trial .* one is tried at a time"):
        candidate()
    worker = Worker(shop.settings, shop.context().options, 60.0, "127.0.0.1", 0, print)
    assert worker.look() == "trying"
    assert f'mlops_trial_info{{champion="{champion(shop)}"' in worker._metrics().decode()
    found = shop.context()
    ended = end(found.raw, found.tracking, found.recommender, DeployRules(), "roll-back", datetime.now(UTC))
    assert ended.trial.ended.startswith("roll back: by hand, while it said: go on")
    assert trials.running(found.lake, found.tracking) is None
    with pytest.raises(InputError, match="No trial runs"):
        end(found.raw, found.tracking, None, DeployRules(), "promote", datetime.now(UTC))


def test_a_trial_that_fails_is_only_reported_where_rollback_is_manual(shop: Any, candidate: Any) -> None:
    before, registered = champion(shop), candidate()
    limits = Guards(least_requests=10, most_p95_ms=0.001)
    begin(shop, registered, QUICK.model_copy(update={"guards": limits, "rollback": "manual"}))
    everywhere(shop, champion=before, canary=registered.version)
    ask_both(shop)
    done = judged(shop, 2 * len(USERS))
    assert done.verdict is not None
    assert (done.verdict.decision, done.trial.ended) == ("roll back", "")
    everywhere(shop, champion=before, canary=registered.version)

    # Somebody takes the alias away: it is over, whoever did it.
    found = shop.context()
    found.tracking.drop_alias("challenger")
    seen = look(found.raw, found.tracking, datetime.now(UTC))
    assert seen is not None
    assert seen.trial.ended.startswith("from outside")


def test_the_command_shows_a_trial_for_people_and_machines_and_ends_it(
    shop: Any, candidate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = candidate()
    begin(shop, registered, QUICK.model_copy(update={"strategy": "ab", "least_users": 1_000}))
    for name, value in as_environment(shop.settings).items():
        monkeypatch.setenv(name, value)
    shown = CliRunner().invoke(app, ["release", "--json"])
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert told["trial"]["version"] == registered.version
    assert told["verdict"]["decision"] == "go on"
    assert "ab of version" in CliRunner().invoke(app, ["release"]).stdout
    ended = CliRunner().invoke(app, ["release", "--end", "promote"])
    assert ended.exit_code == 0, ended.output
    assert champion(shop) == registered.version
    assert "ended, promote: by hand" in CliRunner().invoke(app, ["release"]).stdout


def test_a_replica_that_does_not_come_to_serve_is_named(shop: Any) -> None:
    with pytest.raises(ServiceError, match=r"Not every replica .* within 1 s: .* serves \{'champion'"):
        replicas.wait_for(shop.context().lake, shop.settings.model_name, {"champion": "99"}, 1.0)


def test_the_section_comes_from_one_variable_or_is_refused_in_one_sentence(settings: Settings) -> None:
    environment = {**as_environment(settings), "MLOPS_RELEASE": QUICK.model_dump_json()}
    assert Settings.from_environment(environment).release == QUICK
    assert Settings.from_environment(as_environment(settings)).release is None
    for text, says in (("{", "Invalid JSON"), ('{"strategy": "blue"}', "strategy: .*'canary'"), ('{"x": 1}', "x: ")):
        with pytest.raises(InputError, match=f"MLOPS_RELEASE is not the section release(.|\n)*{says}"):
            Settings.from_environment({**environment, "MLOPS_RELEASE": text})


def test_what_is_asked_for_on_the_command_line_takes_the_sections_place() -> None:
    asked = DeployRules(strategy="canary", percent=10.0)
    assert asked.release(None).stages[0].percent == 10.0
    assert asked.release(QUICK).guards == QUICK.guards
    assert DeployRules().release(QUICK) == QUICK
    assert DeployRules().release(None).strategy == "rolling"
    with pytest.raises(InputError, match="A canary of 0 % cannot be"):
        DeployRules(strategy="canary", percent=0.0).release(None)


def test_a_trial_is_read_as_it_was_written(shop: Any, tmp_path: Path) -> None:
    lake = shop.context().lake
    for key in lake.keys("artifacts", trials.PREFIX):
        tried = trials.of(lake, key.removeprefix(trials.PREFIX).removesuffix(".json"))
        assert tried is not None
        trials.keep(lake, tried)
        assert trials.of(lake, tried.trial.version) == tried
