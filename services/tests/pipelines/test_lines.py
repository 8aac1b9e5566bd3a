"""The reader of delimited text: every line of every file is a row, put aside, or blank."""

import csv
import gzip
import io
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import InputError
from pipelines.lines import Lines
from pipelines.quarantine import Quarantine
from pipelines.schema import Kind
from pipelines.tables import read

HEADER = "event_id,user_id,product_id,event_type,timestamp\n"
ROW = "{},ana,p1,view,2026-11-20T10:00:00Z\n"


def taken(path: Path, content: bytes | str) -> tuple[list[list[str]], Lines, Quarantine]:
    """The records of a file, its account, and what was put aside."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    bad = Quarantine()
    lines = Lines(path, bad)
    return list(lines.records()), lines, bad


@given(content=st.binary(max_size=400))
@settings(max_examples=400, deadline=None)
def test_every_line_of_any_bytes_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        rows, lines, bad = taken(path, content)
    except InputError:
        return
    account = lines.account
    assert account.read + account.refused + account.blank == account.delivered
    assert account.refused == bad.count
    assert len(rows) <= account.read
    assert all(len(row) == len(lines.header) for row in rows)
    if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b")):
        assert account.size == len(content)


@given(
    rows=st.lists(st.tuples(st.just("r"), *[st.text(st.sampled_from('ab"é \t|,;'), max_size=6)] * 2), min_size=1),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
@settings(max_examples=150, deadline=None)
def test_what_a_csv_writer_wrote_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], delimiter: str, quoting: Literal[0, 1]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows([["one", "two", "three"], *rows])
    found, _, bad = taken(tmp_path_factory.getbasetemp() / "written.csv", text.getvalue())
    assert bad.count == 0
    # Blanks around a value are trimmed where types are given.
    assert [[field.strip() for field in row] for row in found] == [[field.strip() for field in row] for row in rows]


def test_a_stray_quote_costs_its_own_line_wherever_it_stands(tmp_path: Path) -> None:
    good = [ROW.format(number) for number in range(2_000)]
    for stray in ('x,"ana,p1,view,2026-11-20T10:00:00Z\n', 'x,ana,p1,view,"2026-11-20T10:00:00Z\n', '"x,a"b,p,v,t\n'):
        for place in (0, 1_000, 2_000):
            rows, lines, bad = taken(tmp_path / "a.csv", HEADER + "".join([*good[:place], stray, *good[place:]]))
            assert (len(rows), bad.count, lines.account.delivered) == (2_000, 1, 2_001), (stray, place)


def test_two_stray_quotes_do_not_make_one_record_of_what_lies_between(tmp_path: Path) -> None:
    text = HEADER + 'x,"ana,p1,view,t\n' + ROW.format(1) * 3 + 'y,bo",p1,view,t\n' + ROW.format(2)
    rows, _, bad = taken(tmp_path / "a.csv", text)
    assert (len(rows), bad.count) == (5, 1)
    assert rows[3][1] == 'bo"'


def test_a_value_that_goes_on_over_several_lines_is_one_value(tmp_path: Path) -> None:
    text = 'product_id,name,category,price\np1,"Cup,\nfor ""tea""\n\nand more",kitchen,3\np2,Hat,garden,9\n'
    rows, lines, bad = taken(tmp_path / "a.csv", text)
    assert rows == [["p1", 'Cup,\nfor "tea"\n\nand more', "kitchen", "3"], ["p2", "Hat", "garden", "9"]]
    assert (bad.count, lines.account.read, lines.account.delivered) == (0, 5, 5)
    assert rows == pd.read_csv(tmp_path / "a.csv", dtype=str).to_numpy().tolist()


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}{ROW}".encode(),
        (HEADER + ROW).encode("utf-16"),
        gzip.compress((HEADER + ROW).encode()),
        (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).replace("\n", "\r").encode(),
        (HEADER + ROW).replace(",", ", ").encode(),
        (HEADER + ROW).replace(",", " , ").encode(),
        (HEADER + ROW).replace(",", ";").encode(),
        (HEADER + ROW).replace(",", "\t").encode(),
        (' "' + (HEADER + ROW).strip().replace(",", '", "').replace("\n", '"\n "') + '"\n').encode(),
        HEADER.upper().encode() + ROW.encode(),
        b"\n" + HEADER.encode() + b"\n" + ROW.encode() + b"\n\n",
        f"prénom,{HEADER}".encode("latin-1") + f"x,{ROW}".encode(),
    ],
    ids=["byte order mark", "UTF-16", "gzip", "Windows", "old Mac", "space after", "spaces around", "semicolons",
         "tabs", "quoted after a space", "capitals", "blank lines", "another column in Latin-1"],
)  # fmt: skip
def test_odd_but_common_forms_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    bad = Quarantine()
    rows = [row for table in read(path, "events", bad) for row in table.to_pylist()]
    assert bad.count == 0
    assert [(row["user_id"].strip(), row["event_type"].strip()) for row in rows] == [("ana", "view")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"BZh9rest", "bzip2"),
        (b"\x28\xb5\x2f\xfdrest", "Zstandard"),
        (gzip.compress(b"x" * 10_000)[:-20], "damaged, or cut off"),
        (gzip.compress((HEADER + ROW * 50).encode())[:-9], "damaged, or cut off"),
        ((HEADER + ROW).encode("utf-16-le"), "without a byte order mark"),
        ((HEADER + ROW).encode("utf-16")[:-1], "damaged, or cut off"),
        (HEADER.replace("event_id", "user_id").encode(), "more than one column user_id"),
        (b'user_id,"product_id\nana,p1\n', "quote that is not closed"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\x00\x01\x02", "no text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as refusal:
        list(read(path, "events", Quarantine()))
    assert "\n" not in str(refusal.value)


def test_a_line_without_end_is_put_aside_and_costs_no_memory(tmp_path: Path) -> None:
    rows, lines, bad = taken(tmp_path / "a.csv", HEADER + "x" * 3_000_000 + "\n" + ROW.format(1))
    assert (len(rows), bad.count, lines.account.delivered) == (1, 1, 2)
    assert max(len(text) for _, text in bad.rows) <= 2_000


@pytest.mark.parametrize("kind", ["users", "products", "events"])
def test_any_text_of_any_kind_becomes_rows_or_is_put_aside(tmp_path: Path, kind: Kind) -> None:
    odd = ['a,b,"c', "\x00", "a" * 50_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), '""', ",,,,,,,"]
    path = tmp_path / f"{kind}.csv"
    header = {"users": "user_id,consent", "products": "product_id,name", "events": HEADER.strip()}[kind]
    path.write_text("\n".join([header, *odd]) + "\n", encoding="utf-8")
    bad = Quarantine()
    assert sum(table.num_rows for table in read(path, kind, bad)) + bad.count == len(odd)
