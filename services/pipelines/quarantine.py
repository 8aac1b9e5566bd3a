"""What could not be read: counted by reason, the first ones kept for a look."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

_MOST_KEPT = 1_000
"""Bad rows kept of one delivery; the others are only counted."""
_MOST_CHARACTERS = 2_000


@dataclass
class Quarantine:
    """Rows that could not be read, and what was found in the others."""

    reasons: Counter[str] = field(default_factory=Counter)
    """How many, by reason."""
    rows: list[tuple[str, str]] = field(default_factory=list)
    """Reason and text of the first ones."""
    personal: Counter[str] = field(default_factory=Counter)
    """Personal data that was found in what was read, by kind."""

    @property
    def count(self) -> int:
        """How many."""
        return self.reasons.total()

    def add(self, reason: str, text: str) -> None:
        """Put one row aside."""
        self.reasons[reason] += 1
        if len(self.rows) < _MOST_KEPT:
            # What is kept is written as UTF-8, whatever came.
            self.rows.append((reason, text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()))

    def add_rows(self, reason: str, table: pa.Table) -> None:
        """Put a table's rows aside."""
        kept = min(table.num_rows, max(0, _MOST_KEPT - len(self.rows)))
        for place in range(kept):
            self.add(reason, ",".join(_text(column, place) for column in table.columns))
        self.reasons[reason] += table.num_rows - kept

    def take(self, other: "Quarantine") -> None:
        """Add what another one holds."""
        self.reasons += other.reasons
        self.personal += other.personal
        self.rows += other.rows[: max(0, _MOST_KEPT - len(self.rows))]


def _text(column: pa.ChunkedArray, place: int) -> str:
    try:
        value = column[place].as_py()
        return "" if value is None else str(value)
    except (ValueError, OverflowError, pa.ArrowException):
        # A moment past the year 9999, bytes that are no text.
        return "?"


def convert(chunk: pa.Table, conversion: Callable[[pa.Table, Quarantine], pa.Table], bad: Quarantine) -> list[pa.Table]:
    """The boundary between records and the process: whatever a record raises, it costs that record and no other.

    A chunk that cannot be converted is halved until the records are found that are the reason.

    Args:
        conversion: from strings to the lake's types; may put rows aside itself.
    """
    aside = Quarantine()
    try:
        converted = conversion(chunk, aside)
    except MemoryError:
        raise
    except Exception as error:
        if chunk.num_rows <= 1:
            bad.add_rows(f"cannot be converted: {type(error).__name__}", chunk)
            return []
        middle = chunk.num_rows // 2
        return convert(chunk.slice(0, middle), conversion, bad) + convert(chunk.slice(middle), conversion, bad)
    bad.take(aside)
    return [converted]
