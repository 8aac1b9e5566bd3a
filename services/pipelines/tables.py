"""Reading what people hand in: CSV in any common shape, or Parquet, in chunks of bounded size.

Rows that cannot be read are counted and kept for inspection; whether a readable row makes sense is for the
validation step to say.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.errors import InputError
from pipelines.schema import OPTIONAL, REQUIRED, Kind

CHUNK_ROWS = 1_000_000
_BLOCK_BYTES = 64 << 20
_MOST_KEPT = 1_000
"""Bad rows kept of one file; the others are only counted."""


@dataclass
class Quarantine:
    """Rows that could not be read."""

    count: int = 0
    rows: list[tuple[str, str]] = field(default_factory=list)
    """Reason and text of the first ones."""

    def add(self, reason: str, text: str) -> None:
        """Put one row aside."""
        self.count += 1
        if len(self.rows) < _MOST_KEPT:
            self.rows.append((reason, text[:2_000]))

    def add_rows(self, reason: str, table: pa.Table) -> None:
        """Put a table's rows aside."""
        for row in table.slice(0, max(0, _MOST_KEPT - len(self.rows))).to_pylist():
            self.rows.append((reason, ",".join("" if value is None else str(value) for value in row.values())[:2_000]))
        self.count += table.num_rows


def kind_of(name: str) -> Kind | None:
    """Whether a file holds users, products or events, by its name; None for every other file."""
    path = Path(name.lower())
    if path.suffix not in {".csv", ".parquet"}:
        return None
    kinds: tuple[Kind, ...] = ("users", "products", "events")
    return next((kind for kind in kinds if path.name.startswith(kind)), None)


def read(path: Path, kind: Kind, bad: Quarantine) -> Iterator[pa.Table]:
    """The file's columns as strings (Parquet keeps its types), in chunks.

    Raises:
        InputError: the file is empty, has no header, lacks a column, or is no Parquet.
    """
    return _parquet_chunks(path, kind) if path.suffix.lower() == ".parquet" else _csv_chunks(path, kind, bad)


def _parquet_chunks(path: Path, kind: Kind) -> Iterator[pa.Table]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path.name} is not a Parquet file: {error}") from None
    columns = _columns(path.name, kind, file.schema_arrow.names)
    for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=columns):
        yield pa.Table.from_batches([batch])


def _csv_chunks(path: Path, kind: Kind, bad: Quarantine) -> Iterator[pa.Table]:
    header, delimiter = _header(path)
    columns = _columns(path.name, kind, header)

    def put_aside(row: pyarrow.csv.InvalidRow) -> str:
        bad.add(f"{row.actual_columns} fields where the header has {row.expected_columns}", row.text or "")
        return "skip"

    source: Path | io.BytesIO = path if _is_utf8(path) else _readable_lines(path, bad)
    reader = pyarrow.csv.open_csv(
        source,
        # Without threads the handler of bad rows is called in order, and counts are exact.
        read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=put_aside),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in header}, include_columns=columns, strings_can_be_null=False
        ),
    )
    with reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _header(path: Path) -> tuple[list[str], str]:
    with path.open("rb") as file:
        line = file.readline(1 << 16).decode("utf-8-sig", "replace").strip("\r\n")
    if not line.strip():
        raise InputError(f"{path.name} is empty: the first line must name its columns.")
    delimiter = max(",;\t|", key=line.count)
    return [name.strip().strip('"') for name in line.split(delimiter)], delimiter


def _columns(name: str, kind: Kind, present: list[str]) -> list[str]:
    missing = [column for column in REQUIRED[kind] if column not in present]
    if missing:
        raise InputError(
            f"{name} has no column {', '.join(missing)}; it has {', '.join(present[:20])}. "
            f"{kind} need {', '.join(REQUIRED[kind])}, and may have {', '.join(OPTIONAL[kind])}."
        )
    return [column for column in (*REQUIRED[kind], *OPTIONAL[kind]) if column in present]


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _readable_lines(path: Path, bad: Quarantine) -> io.BytesIO:
    kept = io.BytesIO()
    with path.open("rb") as file:
        for line in file:
            try:
                line.decode()
            except UnicodeDecodeError:
                bad.add("not UTF-8", line.decode("utf-8", "replace"))
            else:
                kept.write(line)
    kept.seek(0)
    return kept
