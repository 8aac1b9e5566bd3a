"""What the end of standard support does to the month that is priced: the 730 hours from today."""

from datetime import date
from decimal import Decimal

from mlops.core import clock
from mlops.core.usage import MONTH_HOURS

_DAY_HOURS = 24


def month_split(standard_until: date) -> tuple[Decimal, Decimal]:
    """Hours of the month that fall into standard support, which lasts to the end of that day, and those after it."""
    days = (standard_until - clock.today()).days + 1
    standard = min(max(days * _DAY_HOURS, 0), MONTH_HOURS)
    return Decimal(standard), Decimal(MONTH_HOURS - standard)


def since(standard_until: date) -> str:
    """`, from 2026-12-03` for the label of a line that begins inside the month; nothing if all of it is charged."""
    standard, extended = month_split(standard_until)
    return f", from the day after {standard_until.isoformat()}" if standard and extended else ""
