"""Reading what people hand in: delimited text in any common shape, or Parquet, in chunks of bounded size.

Rows that cannot be read are counted and kept for inspection; whether a readable row makes sense is for the
validation step to say.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import InputError, LoopError
from pipelines.lines import Lines
from pipelines.quarantine import Quarantine
from pipelines.schema import OPTIONAL, REQUIRED, Kind

CHUNK_ROWS = 1_000_000
_LIST_ROWS = 100_000
"""Rows of text held as lists of strings at once."""
_TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUET = ".parquet"
NAMES = f"its name must start with users, products or events and end in {', '.join(_TEXT)} or {_PARQUET}"


def kind_of(name: str) -> Kind | None:
    """Whether a file holds users, products or events, by its name; None for every other file."""
    name = name.lower().rsplit("/", 1)[-1]
    if not name.endswith((*_TEXT, _PARQUET)):
        return None
    kinds: tuple[Kind, ...] = ("users", "products", "events")
    return next((kind for kind in kinds if name.startswith(kind)), None)


def read(path: Path, kind: Kind, bad: Quarantine) -> Iterator[pa.Table]:
    """The file's columns as strings (Parquet keeps its types), in chunks.

    Raises:
        InputError: the file is empty, has no header, lacks a column or has it twice, is damaged, or is no Parquet.
        LoopError: not every line of the file could be accounted for.
    """
    return _parquet_chunks(path, kind) if path.suffix.lower() == _PARQUET else _text_chunks(path, kind, bad)


def _parquet_chunks(path: Path, kind: Kind) -> Iterator[pa.Table]:
    try:
        file = pq.ParquetFile(path)
        columns = _columns(path.name, kind, file.schema_arrow.names)
        nested = [name for name in columns if pa.types.is_nested(file.schema_arrow.field(columns[name]).type)]
        if nested:
            raise InputError(f"Column {', '.join(nested)} of {path.name} holds lists or structures: give one value.")
        own = [file.schema_arrow.names[place] for place in columns.values()]
        read = 0
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=own):
            read += batch.num_rows
            yield pa.Table.from_batches([batch]).select(own).rename_columns(list(columns))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path.name} is not a Parquet file, or is damaged: {error}") from None
    if read != file.metadata.num_rows:
        raise LoopError(f"{path.name} says that it has {file.metadata.num_rows} rows; {read} were read.")


def _text_chunks(path: Path, kind: Kind, bad: Quarantine) -> Iterator[pa.Table]:
    lines = Lines(path, bad)
    columns = _columns(path.name, kind, lines.header)
    # By position: what a name looks like around its letters decides nothing.
    chosen = [(name, itemgetter(place)) for name, place in columns.items()]
    records = lines.records()
    parts: list[pa.Table] = []
    while rows := list(islice(records, _LIST_ROWS)):
        parts.append(pa.table({name: pa.array(map(get, rows), pa.string()) for name, get in chosen}))
        if sum(part.num_rows for part in parts) >= CHUNK_ROWS:
            yield pa.concat_tables(parts)
            parts = []
    if parts:
        yield pa.concat_tables(parts)


def _columns(name: str, kind: Kind, given: list[str]) -> dict[str, int]:
    """Our columns and the places where the file has them."""
    present = [column.strip().lower() for column in given]
    missing = [column for column in REQUIRED[kind] if column not in present]
    if missing:
        raise InputError(
            f"{name} has no column {', '.join(missing)}; it has {', '.join(given[:20])[:500]}. "
            f"{kind} need {', '.join(REQUIRED[kind])}, and may have {', '.join(OPTIONAL[kind])}."
        )
    wanted = [column for column in (*REQUIRED[kind], *OPTIONAL[kind]) if column in present]
    twice = [column for column in wanted if Counter(present)[column] > 1]
    if twice:
        raise InputError(f"{name} has more than one column {', '.join(twice)}: which one counts is not guessed.")
    return {column: present.index(column) for column in wanted}
