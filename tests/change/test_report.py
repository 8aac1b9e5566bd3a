"""A change as a machine and a reviewer read it."""

from datetime import date

from mlops.change.acknowledged import Acknowledgement
from mlops.change.classify import classify
from mlops.change.model import ChangeSet, Kind
from mlops.change.report import Report, headline, shown, to_json, to_markdown, verdict
from tests.change.graphs import BUCKET, DATABASE, ROLE, graph, resource


def report(changes: ChangeSet, *acknowledged: str) -> Report:
    entry = Acknowledgement(resource="raw", kind=Kind.DELETE, reason="It moved.", expires=date(2026, 12, 31))
    urns = {change.node.urn: entry for change in changes.changes if change.node.name in acknowledged}
    return Report(stack="prod", base="main", head="the working tree", changes=changes, acknowledged=urns)


def lost() -> ChangeSet:
    return classify(graph(resource(BUCKET, "raw"), resource(ROLE, "who")), graph())


def test_nothing_is_said_in_so_many_words() -> None:
    made = report(ChangeSet())
    assert headline(made) == "nothing changes"
    assert verdict(made) == "No resource that holds data is replaced or deleted."
    assert to_json(made)["blocking"] == []


def test_a_loss_blocks_until_it_is_acknowledged() -> None:
    assert [change.node.name for change in report(lost()).blocking] == ["raw"]
    assert "nobody has acknowledged" in verdict(report(lost()))
    allowed = report(lost(), "raw")
    assert allowed.blocking == ()
    assert verdict(allowed) == "1 resource with data will be replaced or deleted, as acknowledged."
    row = to_json(allowed)["changes"][0]
    assert row["acknowledged"] == {"reason": "It moved.", "expires": "2026-12-31"}


def test_the_comment_shows_danger_in_full_and_hides_the_rest() -> None:
    text = to_markdown(report(lost()))
    assert text.startswith("### ⛔ `prod`: 2 delete\n")
    assert "#### Data would be lost (1)" in text
    assert text.index("`raw`") < text.index("<details>") < text.index("`who`")
    assert to_markdown(report(lost(), "raw")).startswith("### ✅ ")


def test_a_bar_in_a_value_does_not_break_the_table() -> None:
    before, after = (resource(DATABASE, inputs={"timezone": zone}) for zone in ("a|b", "c"))
    rows = [line for line in to_markdown(report(classify(graph(before), graph(after)))).splitlines() if "a\\|b" in line]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 6


def test_values_are_shown_in_one_line() -> None:
    assert shown(None) == "unset"
    assert shown({"a": [1, True]}) == '{"a": [1, true]}'
    assert shown("a\n  b") == "a b"
    assert len(shown("x" * 200)) == 48
