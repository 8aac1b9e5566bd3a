"""What a measurement says beside its promise, for people and for machines."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    measured: float
    unit: str
    promised: float | None = None
    """The most that is promised; None where nothing is, and the line is there to be compared with."""
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the promise is kept; NaN, for nothing was measured, is none."""
        return self.promised is None or self.measured <= self.promised

    def text(self) -> str:
        """For people."""
        promise = "" if self.promised is None else f"promised {self.promised:g} {self.unit}"
        verdict = "" if self.promised is None else "kept" if self.kept else "BROKEN"
        measured = f"{self.measured:.1f}" if self.unit else f"{self.measured:.3f}"
        return f"{self.what:<66} {measured:>9} {self.unit:<8} {promise:<20} {verdict:<7} {self.note}".rstrip()
