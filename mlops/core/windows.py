"""Weekly and daily time windows as AWS writes them, in UTC: `sun:04:30-sun:05:30` and `03:00-04:00`."""

from typing import Annotated, Literal, get_args

from mlops.core.fields import Form

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_DAY = f"(?:{'|'.join(DAYS)})"
Clock = Annotated[str, Form(_CLOCK, "a time of day, `07:00` to `23:59`, with a leading zero", most=5)]
DailyWindow = Annotated[str, Form(f"{_CLOCK}-{_CLOCK}", "a daily window in UTC, `03:00-04:00`", most=11)]
WeeklyWindow = Annotated[
    str, Form(f"{_DAY}:{_CLOCK}-{_DAY}:{_CLOCK}", "a weekly window in UTC, `sun:04:30-sun:05:30`", most=19)
]

_WEEK = 7 * 24 * 60


def of_week(window: str) -> frozenset[int]:
    """The minutes since Monday 00:00 that a weekly window covers; it may run past Sunday."""
    start, end = (_minute(moment) for moment in window.split("-"))
    return frozenset((start + offset) % _WEEK for offset in range((end - start) % _WEEK))


def of_every_day(window: str) -> frozenset[int]:
    """The minutes since Monday 00:00 that a daily window covers in a week; it may run past midnight."""
    start, end = window.split("-")
    runs_over = end <= start
    days = zip(DAYS, DAYS[1:] + DAYS[:1], strict=True)
    return frozenset().union(
        *(of_week(f"{day}:{start}-{following if runs_over else day}:{end}") for day, following in days)
    )


def _minute(moment: str) -> int:
    day, hour, minute = moment.split(":")
    return (DAYS.index(day) * 24 + int(hour)) * 60 + int(minute)
