"""Stack files are read as Pulumi reads them, or not at all: held against the real CLI's `pulumi config --json`."""

import json
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mlops.core.yaml_reader import Place, YamlError, read
from tests.pulumi_config import PulumiConfig

SCALARS = (
    *r"""
    ~ null Null NULL nULL true True TRUE tRUE false False FALSE yes Yes no No NO on off y n Y N 0 -0 +0 1 -1 +1
    007 08 0o17 0O17 0b101 0B1 0x1F 0X1f 0xG -0x1F +0b11 -0o7 1_000 1__0 1_ _1 -_1 0_1 1.30 1.3 1. .5 -.5 +.5 . ..
    1.2.3 1e3 1E3 1e+3 1e-3 1e 1.e2 .5e3 .5_0 1_000.5 0.0 -0.0 00.5 1e20 1e21 1e22 9007199254740993
    9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775808
    -9223372036854775809 123456789012345678901234567890 1e308 1e309 -1e999 1e-400 .inf -.inf +.inf .Inf .INF .nan
    .NaN .NAN inf nan Infinity NaN 20:00 1:30:00 190:20:30 20:00:00 2026-12-31 2026-1-1 2026-13-45
    2026-12-31T10:00:00Z 26-12-31 123456789012 012345678901 1.34 1.36 10.0.0.0/16 v1.2.3 500m 1Gi 2Gi 0.5
    03:00-04:00 sun:04:30-sun:05:30 a:b a::b :a a: =x = < << <<x >= <= %a a%b a#b a,b a=b http://x.y/z?q=1&r=2
    s3://bucket/key -a --- -1-2 "" "1.30" "no" "a\tb" "a\nb" "\u00e9" "a\\b" "\x41" "\/" "\q" '' '1.30' 'it''s'
    'a\nb' é ü 日本 emoji🙂 *x @a `a |
    """.split(),  # noqa: SIM905 - a table of words
    *[
        "[]",
        "{}",
        "[1,2]",
        "[1,no,~]",
        "{a: 1}",
        "{a: {b: [1]}}",
        "[a,]",
        "{a,b}",
        "{a: }",
        "[,]",
        "{1: 2}",
        "{true: 2}",
        "{~: 1}",
        "{1.30: 1}",
    ],
    "tab\tin",
    "a\xa0b",
    "\u2028x",
    "a b",
    "a  b",
    " a",
    "a # comment",
    "a #comment",
    "[1, 1.30, no, 20:00, 017]",
    "{a: 1.30, b: 0x1F, c: yes, d: , e: ~}",
    "{a: 1, a: 2}",
    "[{a: 1}, {b: [2, {c: 3}]}]",
    "!!str 1",
    "!foo a",
    "! 12",
    "&x 1",
    "? a",
    "- a",
    '"a" b',
)
STRUCTURES = (
    "v:\n      a: 1\n      b:\n        - 1.30\n        - no\n        - {c: 20:00}",
    "v:\n    - 1\n    - 2",
    "v: |\n      line 1\n      line 2",
    "v: |-\n      line 1\n\n      line 2\n",
    "v: |+\n      line 1\n\n",
    "v: |2\n        indented",
    "v: >\n      folded\n      text\n\n      more",
    "v: >-\n      folded\n        kept\n      text",
    "v: first\n      second",
    'v: "first\n      second"',
    'v: "first\\\n      second"',
    "v: 'first\n\n      second'",
    "v: 1\n      2",
    "v: [1,\n      2,\n      # comment\n      3]",
    "v: &A {a: 1}\n    w: *A",
    "v: &B {a: 1, b: 2}\n    w: {<<: *B, b: 3}",
    "v: {<<: [{a: 1}, {a: 2, b: 3}], b: 4}",
    "v: {<<: {a: 1}, '<<': 2}",
    "v: {<<: 3}",
    "v: &C [*C]",
    "v: {<<: {a: {c: 1}}, a: {d: 2}}",
    "v: 1\n    v: 2",
    "v: 1\n    'v': 2",
    "1: a\n    '1': b",
    "? v\n    : 1",
    "? [a]\n    : 1",
    "v:\n    w: 1",
    "v:\n\n    w:   # nothing\n    x: ''",
    "{v: 1, w: {x: [a, b]}}",
    "[1, {a: b}]",
    "v: {a: 1,\n      b: 2}",
    "'quoted key': 1\n    \"dq\\tkey\": 2\n    key with spaces: 3\n    key.with/slash: 4",
    "no: 1\n    on: 2\n    y: 3",
    "v:\t1",
    "v: 1\t",
    "v: a\tb",
    "v: \t[1,\t2]",
    "v: 1 # c\n    # comment\n    w: 2",
    "v: -1\n    w: - 1",
    "v: [-1, - 1, -]",
    "v: {a: -, b: '-'}",
    "v: {a: b: c}",
    "v: a: b",
    "v: {a:b, c:d}",
    "v: {a:1}",
    'v: {"a":1}',
    "v: [a:b, http://x]",
    "v: {x: http://a.b:80/c}",
    "v: {secure: 1}",
    "v: {secure: [1]}",
)


def generated(number: int) -> list[str]:
    """Scalars that nobody thought of, made of the characters that decide what a plain word is."""
    chance = random.Random(20261127)
    digits, all_of_them = "0123456789+-._eExXobB:", "0123456789+-._eExob:~nyNYtTfFaA#'\"{}[],&*!|>%@`<= "
    texts: set[str] = set()
    while len(texts) < number:
        alphabet = digits if chance.random() < 0.7 else all_of_them
        texts.add("".join(chance.choice(alphabet) for _ in range(chance.randint(1, 7))).strip())
    return sorted(texts - {""})


def entry(number: int, body: str) -> str:
    return f"  mlops:k{number}:\n    {body}\n"


def theirs(config: str, folder: Path) -> Any:
    """What `pulumi config --json` says of a stack file; the values alone."""
    cli = PulumiConfig(folder)
    cli.file.write_text(cli.file.read_text() + config)
    rows = json.loads(cli.run("config", "--json")).items()
    return {key: row.get("objectValue", row.get("value")) for key, row in rows}


def read_alike(bodies: Sequence[str], folder: Path) -> int:
    """Hold our reading against the CLI's, in one call of it; how many we read, the rest being refused."""
    ours: dict[str, Any] = {}
    text = ""
    for number, body in enumerate(bodies):
        one = entry(number, body)
        try:
            ours |= read("config:\n" + one).value["config"]
        except YamlError:
            continue
        text += one
    cli = theirs("config:\n" + text, folder)
    pairs = {bodies[int(key.removeprefix("mlops:k"))]: (ours[key], cli.get(key)) for key in ours}
    different = {body: pair for body, pair in pairs.items() if not _same(*pair)}
    assert different == {}
    return len(ours)


def _same(ours: Any, cli: Any) -> bool:
    return ours == cli and type(ours) is type(cli)


@pytest.mark.engine
def test_what_we_read_is_what_pulumi_reads(tmp_path: Path) -> None:
    scalars = [f"v: {text}" for text in (*SCALARS, *generated(600))]
    in_flow = [f"v: [{text}]" for text in (*SCALARS, *generated(300))]
    assert read_alike([*scalars, *in_flow, *STRUCTURES], tmp_path) > 900


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", 'line 3, column 1: the key "a" is here a second time; the first is at line 1, column 1'),
        ("a: 1\n'a': 3", 'the key "a" is here a second time'),
        ("a: 012345678901", 'at line 1, column 4: 012345678901 would be the number 12345678901; as a text, write "'),
        ("a: 2026-12-31", 'Pulumi makes a time of 2026-12-31; as a text, write "2026-12-31"'),
        ("a: .inf", ".inf is no number"),
        ("a: 1e999", "the number 1e999 is too large"),
        ("a: " + "9" * 5000, "(5000 characters) is too large"),
        ("a: !!str 1", "the tag"),
        ("1.30: a", "the key 1.30 must be a text; put it into quotes"),
        ("a: &x [*x]", "an alias stands within what it is an alias of"),
        ("<<: &x {<<: *x}", "an alias stands within what it is an alias of"),
        ("[" * 5000, "nested more than 64 levels deep"),
        ("- " * 5000, "nested more than 64 levels deep"),
        ("a: [1, 2", "is not YAML at line 1, column 9"),
        ("a: \x01", "is not YAML"),
        ("a: 1\n---\nb: 2", "is not YAML at line 2"),
        ("a" * 2_000_000, "2,000,000 characters"),
    ],
)
def test_what_might_be_read_otherwise_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(YamlError) as refused:
        read(text)
    assert says in str(refused.value)


def test_a_few_lines_that_stand_for_billions_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(YamlError, match="aliases stand for more than"):
        read("\n".join(lines))
    merges = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12))]
    with pytest.raises(YamlError, match="aliases stand for more than"):
        read("\n".join(merges))


def test_every_value_has_its_place_and_a_number_its_text_where_that_says_more() -> None:
    document = read("a: 1\nb:\n  - x\n  - {c: 1.30, d: 1.3}\n")
    assert document.places["b", 1, "c"] == Place(4, 6)
    assert document.places["b", 1] == Place(4, 5)
    assert document.written == {("b", 1, "c"): "1.30"}


def test_a_date_is_one_where_dates_are_meant() -> None:
    assert read("expires: 2026-12-31", dates=True).value == {"expires": date(2026, 12, 31)}
    with pytest.raises(YamlError, match="no day of the calendar"):
        read("expires: 2026-02-31", dates=True)
