"""Losses that somebody acknowledged: with a reason, for a time, and only what really happens."""

from datetime import date
from pathlib import Path

import pytest

from mlops.change.acknowledged import Acknowledgement, AcknowledgementError, accepted, of_stack, read
from mlops.change.classify import classify
from mlops.change.model import ChangeSet
from tests.change.graphs import BUCKET, graph, resource

TODAY = date(2026, 11, 20)
GOOD = "- {resource: storage-raw, change: delete, reason: It moved., expires: 2026-12-31}\n"


def deleted() -> ChangeSet:
    return classify(graph(resource(BUCKET, "storage-raw")), graph())


def entries(folder: Path, text: str) -> tuple[Acknowledgement, ...]:
    file = folder / "acknowledged.yaml"
    file.write_text(text)
    return read(file)


def test_an_entry_acknowledges_the_loss_that_it_names(tmp_path: Path) -> None:
    (urn,) = accepted(entries(tmp_path, GOOD), deleted(), TODAY)
    assert urn == deleted().changes[0].node.urn


def test_no_file_acknowledges_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "acknowledged.yaml") == ()


def test_an_entry_holds_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    found = entries(tmp_path, GOOD)
    assert accepted(found, deleted(), date(2026, 12, 31))
    with pytest.raises(AcknowledgementError, match="storage-raw expired on 2026-12-31"):
        accepted(found, deleted(), date(2027, 1, 1))


def test_an_entry_for_something_else_is_refused_with_what_does_go(tmp_path: Path) -> None:
    found = entries(tmp_path, GOOD.replace("storage-raw", "storage-row"))
    with pytest.raises(AcknowledgementError, match=r'no such thing\. Did you mean "storage-raw"\?') as refusal:
        accepted(found, deleted(), TODAY)
    assert "storage-raw (delete)" in str(refusal.value)


def test_a_deletion_is_not_covered_by_an_entry_for_a_replacement(tmp_path: Path) -> None:
    found = entries(tmp_path, GOOD.replace("delete", "replace"))
    with pytest.raises(AcknowledgementError, match="acknowledged to be replaced"):
        accepted(found, deleted(), TODAY)


def test_an_entry_of_another_stack_is_left_alone(tmp_path: Path) -> None:
    found = entries(tmp_path, GOOD.replace("}", ", stack: staging}"))
    assert of_stack(found, "prod") == ()
    assert of_stack(found, "staging") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("reason: It moved., ", ""), "entry 1 (storage-raw): reason is missing."),
        (GOOD.replace("It moved.", "' '"), "entry 1 (storage-raw): reason is missing."),
        (GOOD.replace(", expires: 2026-12-31", ""), "expires is missing."),
        (GOOD.replace("2026-12-31", "soon"), 'expires is "soon"; it must be a day'),
        (GOOD.replace("delete", "drop"), 'change is "drop". Allowed: replace or delete.'),
        (GOOD.replace("change: delete, ", ""), "change is missing."),
        (GOOD.replace("resource", "resources"), 'there is no key "resources". Did you mean "resource"?'),
        ("storage-raw: gone\n", "must be a list of entries"),
        ("- storage-raw\n", "entry 1 must be a mapping"),
        ("- {", "cannot be read"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AcknowledgementError) as refusal:
        entries(tmp_path, text)
    assert message in str(refusal.value)
