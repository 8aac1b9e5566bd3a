"""Weekly and daily time windows as AWS writes them, in UTC: `sun:04:30-sun:05:30` and `03:00-04:00`."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_DAY = f"({'|'.join(DAYS)})"
DAILY = rf"^{_CLOCK}-{_CLOCK}$"
"""Pattern of a daily window."""
WEEKLY = rf"^{_DAY}:{_CLOCK}-{_DAY}:{_CLOCK}$"
"""Pattern of a weekly window."""

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
