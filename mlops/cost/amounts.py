"""Quantities that remember what they were reckoned from, so that a line of a bill can say why it is what it is."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Plain = Decimal | int | float


def number(value: Any, default: float = 0) -> Decimal:
    """A quantity from plain JSON; what is absent, unknown or no number counts as `default`."""
    if isinstance(value, Amount):
        return value.value
    try:
        found = Decimal(str(value)) if value is not None and not isinstance(value, bool) else Decimal(str(default))
    except ArithmeticError:
        return Decimal(str(default))
    return found if found.is_finite() else Decimal(str(default))


@dataclass(frozen=True)
class Amount:
    """A number and how it came about. Calculating with it keeps the reasons of both sides."""

    value: Decimal
    why: tuple[str, ...] = ()
    """One sentence a step, from the assumption onwards."""

    def __add__(self, other: "Amount | Plain") -> "Amount":
        return Amount(self.value + number(other), _both(self, other))

    def __mul__(self, other: "Amount | Plain") -> "Amount":
        return Amount(self.value * number(other), _both(self, other))

    def __rmul__(self, other: Plain) -> "Amount":
        return self * other

    def __truediv__(self, other: "Amount | Plain") -> "Amount":
        return Amount(self.value / number(other), _both(self, other))

    def because(self, *steps: str) -> "Amount":
        """The same with further steps."""
        return Amount(self.value, (*self.why, *steps))


def amount_of(value: "Amount | Plain") -> Amount:
    """A plain number as an amount without reasons."""
    return value if isinstance(value, Amount) else Amount(number(value))


def shown(value: "Amount | Plain") -> str:
    """A number as reasons say it: at most three digits after the point, none that mean nothing."""
    plain = number(value)
    text = f"{plain:,.3f}" if abs(plain) < 100 else f"{plain:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _both(one: Amount, other: "Amount | Plain") -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one.why, *(other.why if isinstance(other, Amount) else ()))))
