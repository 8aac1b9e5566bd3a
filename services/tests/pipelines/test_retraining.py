"""When to train again, as the stack file says it."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.decide import Triggers
from pipelines.errors import InputError
from pipelines.options import options_from
from pipelines.retraining import VARIABLE, Retraining
from pipelines.trainings import Trainings

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_what_the_stack_file_says_is_what_the_loop_goes_by_unless_its_options_say_otherwise() -> None:
    section = Retraining(drift_percent=20, performance_percent=None, most_a_day=4)
    told = options_from("", {VARIABLE: section.model_dump_json()}).triggers
    assert (told.drift_share, told.performance_share, told.most_a_day, told.erasure) == (0.2, None, 4, True)
    asked = options_from('{"triggers": {"drift_share": 0.5}}', {VARIABLE: section.model_dump_json()}).triggers
    assert (asked.drift_share, asked.most_a_day) == (0.5, 4)


def test_without_a_section_the_loops_own_defaults_hold_and_they_are_the_sections() -> None:
    assert options_from("", {}).triggers == Triggers()
    assert options_from("", {VARIABLE: "{}"}).triggers == Triggers()


def test_every_trigger_of_the_loop_is_one_of_the_section_but_the_duty_to_erase() -> None:
    assert {one.name for one in fields(Triggers)} - set(Retraining().triggers) == {"erasure"}


@pytest.mark.parametrize(("text", "says"), [('{"drift": 1}', "drift"), ("[", "JSON"), ('{"most_a_day": 0}', "most_a")])
def test_a_section_that_is_none_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(InputError, match=f"{VARIABLE} is not the section retraining(.|\n)*{says}"):
        options_from("", {VARIABLE: text})


def test_a_budget_is_kept_over_24_hours_however_short_the_cool_down() -> None:
    rules, known = Triggers(least_interval_minutes=0, most_a_day=3), Trainings()
    for hour in range(3):
        due = known.next(rules)
        assert due is None or due <= NOON + timedelta(hours=hour)
        known = known.after(NOON + timedelta(hours=hour), 60, promoted=True, events=0)
    assert known.next(rules) == NOON + timedelta(hours=24)
    later = known.after(NOON + timedelta(hours=30), 60, promoted=True, events=0)
    assert later.next(rules) == NOON + timedelta(hours=30)
    assert len(later.recent) == 1
