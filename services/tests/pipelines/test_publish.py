"""What the loop tells recommenders beside the model, and the commands about what may not be shown."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines import publish
from pipelines.batch import batch_score
from pipelines.erase import erase
from pipelines.loop import take_in
from pipelines.settings import Settings
from recommender import recent
from recommender.catalogue import CATALOGUE, Catalogue
from recommender.recent import RECENT, RecentTable
from tests.pipelines.shop import HEADER, NOW, PRODUCTS, USERS, Shop, made

Start = Callable[[Settings, Path], Settings]
Run = Callable[..., tuple[int, str, str]]


def told(shop: Shop, user: str) -> dict[str, float]:
    """What recommenders are told that a user did lately."""
    table = RecentTable.unpacked(shop.context().lake.need("artifacts", RECENT))
    return table.of_user(shop.person(user))


def when(hours: float) -> str:
    """So long before now."""
    return (NOW - timedelta(hours=hours)).isoformat()


def test_what_people_did_within_a_day_is_told_and_nothing_else(shop: Shop) -> None:
    shop.drop_events(
        f"1,ana,p1,view,{when(2)}",
        f"2,ana,p1,purchase,{when(3)}",
        f"3,ana,p2,cart,{when(23)}",
        f"4,ana,p3,view,{when(25)}",
        f"5,stranger,p1,view,{when(1)}",
        f"6,bo,p2,view,{when(30)}",
    )
    take_in(shop.context())
    assert told(shop, "ana") == {"p1": 3.0, "p2": 2.0}
    assert told(shop, "bo") == told(shop, "stranger") == {}, "one did it too long ago, the other never consented"
    shop.drop(users="user_id,consent\nana,no\n")
    erasable = shop.context()
    erasable.raw.erasures.settled([shop.person("ana")], shop.now, events=0)
    shop.ingest()
    publish.publish(shop.context().raw, shop.now)
    assert told(shop, "ana") == {}


def test_of_many_the_latest_are_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.publish.MOST_USERS", 2)
    monkeypatch.setattr("pipelines.publish.MOST_PRODUCTS", 1)
    users = "user_id,consent\n" + "".join(f"{name},true\n" for name in "abc")
    rows = [f"{hour}{name},{name},p{hour},view,{when(hour + number)}" for hour in (1, 2)
            for number, name in enumerate("abc")]  # fmt: skip
    shop.drop(users=users, products=PRODUCTS, events=HEADER + "\n".join(rows) + "\n")
    take_in(shop.context())
    assert [told(shop, name) for name in "abc"] == [{"p1": 1.0}, {"p1": 1.0}, {}]
    assert recent.MOST_USERS == 20_000


def test_a_look_that_finds_nothing_new_writes_nothing(shop: Shop) -> None:
    shop.drop_events(f"1,ana,p1,view,{when(1)}", f"2,bo,p2,view,{when(23.9)}")
    take_in(shop.context())
    raw = shop.context().raw
    assert not publish.publish(raw, shop.now)
    assert told(shop, "bo") == {"p2": 1.0}
    assert publish.publish(raw, shop.now + timedelta(hours=2)), "what is older than a day by now goes"
    assert (told(shop, "bo"), told(shop, "ana")) == ({}, {"p1": 1.0})
    shop.drop(products="product_id,category,price\np1,garden,5\n")
    take_in(shop.context())
    known = Catalogue.unpacked(raw.lake.need("artifacts", CATALOGUE))
    row = known.products.row("p1")
    assert (known.categories.name(int(known.category[row or 0])), known.price[row or 0]) == ("garden", 5.0)


@pytest.fixture
def rules(shop: Shop, environment: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `rules …` on a shop of two products; gives exit code, standard output and standard error."""
    from pipelines import cli

    shop.drop(users=USERS, products=PRODUCTS)
    shop.ingest()
    return runner(shop, environment, monkeypatch, capsys, cli)


def runner(shop: Shop, environment: Any, monkeypatch: Any, capsys: Any, cli: Any) -> Run:
    import sys

    for name, value in environment(shop.settings).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipelines", "rules", *arguments])
        monkeypatch.setattr(cli._notes, "file", sys.stderr, raising=False)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        found = capsys.readouterr()
        return int(ended.value.code or 0), found.out, found.err

    return command


def test_rules_are_set_listed_and_cleared(rules: Run, tmp_path: Path) -> None:
    assert rules("list")[1] == "0 rules; 0 of 2 products are not shown\n"
    code, out, _ = rules("set", "recall", "--reason", "withdrawn", "--product", "p1", "--product", "gone")
    assert (code, out.splitlines()[-1]) == (0, "1 rules; 1 of 2 products are not shown")
    listed = json.loads(rules("set", "dear", "--category", "garden", "--least-price", "100", "--json")[1])
    assert [rule["name"] for rule in listed["rules"]["rules"]] == ["recall", "dear"]
    assert (listed["products"], listed["not_shown"]) == (2, 1)
    (tmp_path / "sold-out").write_text("p1\n\np9\n")
    assert rules("set", "dear", "--reason", "out_of_stock", "--products", str(tmp_path / "sold-out"))[0] == 0
    assert "dear  out_of_stock  2 products" in rules("list")[1]
    assert rules("clear", "recall")[0] == 0
    assert json.loads(rules("list", "--json")[1])["rules"]["rules"][0]["name"] == "dear"
    assert rules("clear", "--all")[1].startswith("0 rules")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "r"), "a rule names products, categories or a price"),
        (("set", "no name", "--product", "p1"), "name"),
        (("set", "r", "--least-price", "9", "--most-price", "1"), "no price lies between 9 and 1"),
        (("set", "r", "--least-price", "nan"), "least_price"),
        (("set", "r", "--products", "/nowhere"), "/nowhere cannot be read"),
        (("set", "all", "--product", "p1", "--product", "p2"), "none of 2 products would be shown to anybody"),
        (("clear", "r"), "There is no rule r; there are: none."),
        (("clear",), "Give the names of the rules to clear, or --all."),
        (("clear", "r", "--all"), "Give the names of the rules to clear, or --all."),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_changes_nothing(
    rules: Run, shop: Shop, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = rules(*arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert publish.rules(shop.context().lake).rules == ()


def test_a_damaged_document_is_told_and_can_be_begun_anew(rules: Run, shop: Shop) -> None:
    shop.context().lake.put("artifacts", "serving/rules.json", b'{"format": 7}')
    code, _, err = rules("list")
    assert code == 2
    assert "`rules clear --all` begins anew" in " ".join(err.split())
    assert rules("clear", "--all")[0] == 0
    assert rules("list")[0] == 0


def test_two_replicas_agree_on_rules_on_what_was_bought_and_on_who_is_forgotten(
    live: Shop,
    recommender_of: Start,
    tmp_path: Path,
    environment: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pipelines import cli

    live.now = datetime.now(UTC)
    live.fill(made(events=1_500, end=None))
    live.loop()
    first = recommender_of(live.settings, tmp_path)
    second = recommender_of(live.settings, tmp_path)
    live.settings = first
    urls = [str(first.serving_url), str(second.serving_url)]

    def shown(user: str, url: str, **query: Any) -> list[str]:
        answer = httpx.get(f"{url}/recommendations/{user}", params={"k": 5, **query}).json()
        return [item["product_id"] for item in answer["recommendations"]]

    def eventually(agree: Callable[[], bool]) -> None:
        end = datetime.now(UTC) + timedelta(seconds=15)
        while not agree():
            assert datetime.now(UTC) < end

    user = "u0000001"
    eventually(lambda: all(httpx.get(f"{url}/ready").status_code == 200 for url in urls))
    before = shown(user, urls[0])
    command = runner(live, environment, monkeypatch, capsys, cli)
    assert command("set", "recall", "--reason", "withdrawn", "--product", before[0])[0] == 0
    assert before[0] not in shown(user, urls[0]), "at once, for the command tells it"
    eventually(lambda: before[0] not in shown(user, urls[1]))
    batch_score(live.context().lake, live.context().tracking, live.context().store, 5, live.now)
    table = live.context().lake.get_table("artifacts", "scores/1/part-0000.parquet")
    assert before[0] not in table["product_id"].to_pylist()
    category = {row["product_id"]: row["category"] for row in live.context().raw.products().to_pylist()}
    wanted = category[before[1]]
    found = shown(user, urls[1], category=wanted)
    assert found
    assert {category[product] for product in found} == {wanted}

    bought = {"user_id": user, "product_id": before[1], "event_type": "purchase"}
    assert httpx.post(f"{urls[0]}/events", json=bought).status_code == 202
    assert before[1] not in shown(user, urls[0]), "at once, where it was told"

    def taken_in() -> bool:
        live.now = datetime.now(UTC)
        take_in(live.context())
        return before[1] in told(live, user)

    eventually(taken_in)
    eventually(lambda: before[1] not in shown(user, urls[1]))

    context = live.context()
    erase(context.raw, context.store, context.tracking, context.recommender, user, datetime.now(UTC))
    assert context.lake.get("artifacts", RECENT) is None
    for url in urls:
        eventually(lambda: before[1] in shown(user, url, k=100))  # noqa: B023
