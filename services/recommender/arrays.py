"""Two read-only structures in plain arrays that can be mapped from disk: a table of ids and a sparse matrix.

A Python dict of a million ids costs about 150 MB and seconds at every swap; an array that is mapped costs neither.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recommender.manifest import ModelError

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Array = Ints | Longs | Floats | Bytes | Weights


class CompressedRows(Protocol):
    """What is asked of a sparse matrix: scipy.sparse.csr_matrix and csr_array both fit."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    @property
    def indptr(self) -> npt.NDArray[np.generic]:
        """Where each row starts, and the end."""

    @property
    def indices(self) -> npt.NDArray[np.generic]:
        """The column of each value."""

    @property
    def data(self) -> npt.NDArray[np.generic]:
        """The values."""


@dataclass(frozen=True, eq=False)
class IdTable:
    """Unique ids, sorted, as one UTF-8 blob with offsets; an id's place in the order is its row."""

    offsets: Longs
    """Shape (n + 1): where each id starts in `blob`."""
    blob: Bytes

    @classmethod
    def build(cls, ids: Iterable[str], what: str) -> "tuple[IdTable, Longs]":
        """The table, and the order that sorts the given ids into it (row r was given at place order[r]).

        Raises:
            ModelError: an id is empty or given twice.
        """
        encoded = [_encode(identifier) for identifier in ids]
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        ordered = [encoded[place] for place in order]
        if ordered and not ordered[0]:
            raise ModelError(f"A {what} has an empty id.")
        for first, second in pairwise(ordered):
            if first == second:
                raise ModelError(f"{what.capitalize()} {_decode(first)!r} is given twice.")
        offsets = _starts(np.fromiter(map(len, ordered), np.int64, len(ordered)))
        blob = np.frombuffer(b"".join(ordered), np.uint8)
        return cls(offsets, blob), np.asarray(order, np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, identifier: str) -> int | None:
        """The row of an id, or None: a binary search, about 10 µs among a million."""
        wanted = _encode(identifier)
        row = bisect_left(range(len(self)), wanted, key=self._at)
        return row if row < len(self) and self._at(row) == wanted else None

    def name(self, row: int) -> str:
        """The id of a row."""
        return _decode(self._at(row))

    def names(self, rows: Sequence[int]) -> list[str]:
        """The ids of rows."""
        return [_decode(self._at(row)) for row in rows]

    def _at(self, row: int) -> bytes:
        offsets, blob = self._views
        return bytes(blob[offsets[row] : offsets[row + 1]])

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        # One item of a memoryview costs a tenth of one of an array, and a search reads forty.
        return self.offsets.data, self.blob.data

    def kept(self, rows: Mask) -> "IdTable":
        """The ids of some rows."""
        lengths = np.diff(self.offsets)[rows]
        places = ranges(self.offsets[:-1][rows], lengths)
        return IdTable(_starts(lengths), self.blob[places])

    def check(self, what: str) -> None:
        """Raise ModelError unless the offsets cover the blob; the order itself is the checksum's business."""
        if len(self.offsets) == 0 or self.offsets[0] != 0 or self.offsets[-1] != len(self.blob):
            raise ModelError(f"The ids of {what} do not cover their text: the model is damaged.")


@dataclass(frozen=True, eq=False)
class Rows:
    """A sparse matrix by rows (CSR)."""

    indptr: Longs
    """Shape (rows + 1)."""
    indices: Ints
    """Columns, shape (values)."""
    data: Weights
    """Values, shape (values)."""

    @classmethod
    def build(cls, matrix: CompressedRows, rows: Longs, columns: Longs, what: str) -> "Rows":
        """The matrix with rows and columns put in a new order (new row r was row rows[r]).

        Raises:
            ModelError: the shape does not fit the orders, or a value is not finite.
        """
        if tuple(matrix.shape) != (len(rows), len(columns)):
            raise ModelError(f"{what} has shape {tuple(matrix.shape)}; expected {(len(rows), len(columns))}.")
        indptr = matrix.indptr.astype(np.int64)
        indices = matrix.indices.astype(np.int32)
        data = matrix.data.astype(np.float32)
        if not np.isfinite(data).all():
            raise ModelError(f"{what} holds a value that is not finite.")
        if not _is_identity(rows):
            lengths = np.diff(indptr)[rows]
            places = ranges(indptr[rows], lengths)
            indptr, indices, data = _starts(lengths), indices[places], data[places]
        if not _is_identity(columns):
            new_column = np.empty(len(columns), np.int32)
            new_column[columns] = np.arange(len(columns), dtype=np.int32)
            indices = new_column[indices]
            ordered = np.lexsort((indices, np.repeat(np.arange(len(rows)), np.diff(indptr))))
            indices, data = indices[ordered], data[ordered]
        return cls(indptr, indices, data)

    @classmethod
    def empty(cls, rows: int) -> "Rows":
        """A matrix without values."""
        return cls(np.zeros(rows + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def row(self, row: int) -> tuple[Ints, Weights]:
        """Columns and values of one row."""
        place = slice(self.indptr[row], self.indptr[row + 1])
        return self.indices[place], self.data[place]

    @cached_property
    def _full(self) -> Weights | None:
        """The square matrix, where every value of it is stored: reading it whole is ten times as fast."""
        size = len(self)
        if not size or len(self.data) != size * size or not (self.indices.reshape(size, size) == range(size)).all():
            return None
        return self.data.reshape(size, size)

    def kept(self, rows: Mask) -> "Rows":
        """Some rows."""
        lengths = np.diff(self.indptr)[rows]
        places = ranges(self.indptr[:-1][rows], lengths)
        return Rows(_starts(lengths), self.indices[places], self.data[places])

    def prepare(self) -> None:
        """Find out now what the first answer would have to find out."""
        _ = self._full

    def summed(self, rows: Ints, weights: Weights, columns: int) -> Floats:
        """By column, the sum of the rows' values times the rows' weights."""
        if self._full is not None:
            scores: Floats = (weights @ self._full[rows]).astype(np.float64)
            return scores
        source, column, value = self.gather(rows)
        share = weights[source].astype(np.float64) * value
        found: Floats = np.bincount(column, weights=share, minlength=columns).astype(np.float64, copy=False)
        return found

    def between(self, rows: Ints, columns: Longs, width: int) -> Floats:
        """The values of some rows in some columns, dense."""
        if self._full is not None:
            part: Floats = self._full[np.ix_(rows, columns)].astype(np.float64)
            return part
        place = np.full(width, -1)
        place[columns] = np.arange(len(columns))
        source, column, value = self.gather(rows)
        kept = place[column] >= 0
        found = np.zeros((len(rows), len(columns)))
        found[source[kept], place[column[kept]]] = value[kept]
        return found

    def gather(self, rows: Ints) -> tuple[Longs, Ints, Weights]:
        """Several rows at once: for each value the place of its row in `rows`, its column, and the value."""
        starts = self.indptr[rows]
        lengths = self.indptr[rows + 1] - starts
        places = ranges(starts, lengths)
        return np.repeat(np.arange(len(rows)), lengths), self.indices[places], self.data[places]

    def check(self, what: str, rows: int, columns: int, *, every_value: bool) -> None:
        """Raise ModelError unless the shape fits, and, where asked, every value is in its place and finite."""
        fits = len(self.indptr) == rows + 1 and self.indptr[0] == 0 and self.indptr[-1] == len(self.indices)
        if not fits or len(self.indices) != len(self.data):
            raise ModelError(f"{what} does not fit {rows} rows: the model is damaged.")
        if every_value and len(self.indices) > 0:
            inside = self.indices.min() >= 0 and self.indices.max() < columns
            if not inside or bool((np.diff(self.indptr) < 0).any()) or not np.isfinite(self.data).all():
                raise ModelError(f"{what} points outside of {columns} columns or is not finite: the model is damaged.")


def ranges(starts: Longs, lengths: Longs) -> Longs:
    """The numbers of several ranges, one after another: (5, 9), (2, 3) give 5 6 9 10 11."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    places: Longs = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths)
    return places


def _starts(lengths: Longs) -> Longs:
    """Where each of several ranges starts that lie one after another, and the end."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _is_identity(order: Longs) -> bool:
    return bool((order == np.arange(len(order))).all())


def _encode(identifier: str) -> bytes:
    # surrogatepass: a lone surrogate from a JSON body is a strange id, not a crash; byte order is code point order.
    return identifier.encode("utf-8", "surrogatepass")


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")
