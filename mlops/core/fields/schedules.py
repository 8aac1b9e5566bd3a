"""When something runs that runs again and again: the five fields of cron, in the narrowest form of what reads them.

Kubernetes' operators read cron itself, EventBridge Scheduler a dialect of six fields that numbers weekdays from 1 and
wants either the day of the month or the weekday. So weekdays are names, and only one of the two is given.
Sources: crontab(5); EventBridge Scheduler user guide, "Schedule types".
"""

from typing import Annotated

from mlops.core.fields import Form


def _list(one: str, star: str = r"\*") -> str:
    """A star, or a list of single ones and ranges."""
    span = f"{one}(?:-{one})?"
    return f"(?:{star}|{span}(?:,{span})*)"


_STEPS = r"\*(?:/[1-9][0-9]?)?"


def _one_day(cron: str) -> str | None:
    _, _, of_month, _, weekday = cron.split(" ")
    if "*" in (of_month, weekday):
        return None
    return (
        f'"{cron}" names days of the month and weekdays, which cron takes for either and EventBridge refuses; leave '
        "one of them a `*`"
    )


Cron = Annotated[
    str,
    Form(
        " ".join(
            (
                _list("(?:[0-9]|[1-5][0-9])", _STEPS),
                _list("(?:[0-9]|1[0-9]|2[0-3])", _STEPS),
                _list("(?:[1-9]|[12][0-9]|3[01])"),
                _list("(?:[1-9]|1[0-2])"),
                _list("(?:MON|TUE|WED|THU|FRI|SAT|SUN)"),
            )
        ),
        "five fields of cron in UTC with weekdays by name: `0 3 * * *` is every night at three, `30 6 * * MON-FRI` on "
        "working days",
        most=100,
        refuses=_one_day,
    ),
]


def of_eventbridge(cron: str) -> str:
    """The same moments as EventBridge Scheduler writes them: `0 3 * * *` is `cron(0 3 * * ? *)`."""
    minute, hour, of_month, month, weekday = cron.split(" ")
    days = f"{of_month} {month} ?" if weekday == "*" else f"? {month} {weekday}"
    return f"cron({_stepped(minute)} {_stepped(hour)} {days} *)"


def _stepped(field: str) -> str:
    """EventBridge counts steps from a number that is named."""
    return field.replace("*/", "0/")
