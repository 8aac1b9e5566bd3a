"""Maintenance and backup windows as AWS writes them."""

from mlops.core import windows


def test_a_weekly_window_covers_its_minutes() -> None:
    assert windows.of_week("mon:00:00-mon:00:30") == frozenset(range(30))


def test_a_weekly_window_may_run_past_sunday_night() -> None:
    covered = windows.of_week("sun:23:45-mon:00:15")
    assert len(covered) == 30
    assert {0, 14, 7 * 24 * 60 - 1} <= covered


def test_a_daily_window_covers_every_day_of_the_week() -> None:
    assert len(windows.of_every_day("03:00-04:00")) == 7 * 60


def test_a_daily_window_may_run_past_midnight() -> None:
    covered = windows.of_every_day("23:30-00:30")
    assert len(covered) == 7 * 60
    assert covered == windows.of_every_day("23:30-00:00") | windows.of_every_day("00:00-00:30")
