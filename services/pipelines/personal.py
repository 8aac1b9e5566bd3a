"""Personal data in texts: found by its form and, wherever its kind has one, by its checksum.

Names of people have no form; a language model finds some of them. Presidio with spaCy takes 300 MB before a model,
which it then downloads. So names are kept out another way: users' ids are pseudonyms before anything is written, and
of rows that cannot be read only the shape is kept. A person's name within the name of a product is not found, and
neither is a bare number of 9 to 13 digits: it is an article's far more often than a person's.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module

import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import Leniency, NumberParseException, PhoneNumberMatcher, is_possible_number, parse
from stdnum import iban, luhn

from pipelines.schema import EVENT_TYPES, OPTIONAL, REQUIRED

EMAIL = re.compile(r"[^\s@,;:\"'<>()\[\]]+(?:@|%40)[^\s@,;:\"'<>()\[\]]+\.[^\s@,;:\"'<>()\[\]]+", re.IGNORECASE)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:(?:\+|00 ?)\d|\(?\d)(?:[ ()./-]{0,3}\d){7,14}(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w-]|\.\d)"
)
_DATE = re.compile(r"\d{4}[-./]\d\d?[-./]\d\d?(?!\d)|\d\d?[-./]\d\d?[-./]\d{4}(?!\d)")
_PHONE_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "BR")
"""Where a number without a country's prefix may belong; with one it is known everywhere."""
_CARD = re.compile(r"(?<![\d.])(?:4\d|5[0-8]|2[1-7]|3\d|6\d|81|18)(?:[ -]?\d){12,17}(?![\d.])")
"""By issuers' first digits: Visa, Mastercard, American Express, Diners, JCB, Discover, Maestro, UnionPay, RuPay."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_SEPARATOR = re.compile(r"[ -]|$")
_IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d+){0,3})(?![\w.:])"
)
_COORDINATES = re.compile(r"(?<![\d.])-?\d{1,2}\.\d{3,}°?\s*[NSns]?\s*[,;/|_ ]\s*-?\d{1,3}\.\d{3,}(?![\d.])")
_TOKEN = re.compile(
    r"(?<!\w)(?:eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[opsru]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{15,}"
    r"|xox[abposr]-[\w-]{10,}|[sr]k[-_](?:live|test|proj|ant)[-_][\w-]{10,}|sk-\w{20,}|AIza[\w-]{30,}|npm_\w{30,}"
    r"|pypi-[\w-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
"""JSON Web Tokens (RFC 7519), and what issuers begin theirs with."""
_NATIONAL: tuple[tuple[str, str], ...] = (
    (r"\d{3}-\d{2}-\d{4}", "us.ssn"),
    (r"\d{8}[ -]?[A-Za-z]", "es.dni"),
    (r"[XYZxyz]-?\d{7}[ -]?[A-Za-z]", "es.nie"),
    (r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]", "it.codicefiscale"),
    (r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}", "fr.nir"),
    (r"\d{6}[-+]\d{4}", "se.personnummer"),
    (r"\d{6}-\d{4}", "dk.cpr"),
    (r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Ya-y]", "fi.hetu"),
    (r"\d{6} ?\d{5}", "no.fodselsnummer"),
    (r"\d{2}\.?\d{2}\.?\d{2}[- ]?\d{3}\.?\d{2}", "be.nn"),
    (r"\d{11}", "pl.pesel"),
    (r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "de.idnr"),
    (r"\d{11}", "tr.tckimlik"),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}", "br.cpf"),
    (r"\d{13}", "za.idnr"),
    (r"\d{13}", "ro.cnp"),
    (r"\d{17}[0-9Xx]", "iso7064.mod_11_2"),  # of China: its counties change
    (r"[A-Za-z]{4}\d{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z]\d", "mx.curp"),
    (r"\d{3}[ -]\d{3}[ -]\d{3}", "ca.sin"),
    (r"756\.?\d{4}\.?\d{4}\.?\d{2}", "ch.ssn"),
    (r"\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]", "cl.rut"),
    (r"\d{6}-\d{7}", "kr.rrn"),
    (r"\d{6}/\d{3,4}", "cz.rc"),
    (r"\d{4} \d{4} \d{4}", "in_.aadhaar"),
    (r"\d{4}\.\d{2}\.\d{3}", "nl.bsn"),
    (r"\d{7}[A-Wa-w][A-IWa-iw]?", "ie.pps"),
    (r"\d{3} \d{3} \d{4}", "gb.nhs"),
)
"""Forms, and the module of python-stdnum that knows the checksum."""
_NINO = re.compile(
    r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D](?!\w)", re.IGNORECASE
)
"""British national insurance numbers have no checksum, and two letters that rule many out."""
_LIKELY = "|".join(
    (
        "@|%40",
        r"(?:\d[ ()./+_-]{0,3}){8}",
        r"\d{7}[ -]?[A-Za-z]",
        r"\d\.\d+\.\d+\.\d",
        r"\d\.\d{3}",
        r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:",
        r"[A-Za-z]{2} ?\d\d ?\w",
        r"[A-Za-z]{4}\d{6}|\d{6}[A-Za-z]\d{3}",
        r"eyJ|AKIA|ASIA|gh[opsru]_|github_pat|glpat|xox|[sr]k[-_]|AIza|npm_|pypi-|PRIVATE KEY",
    )
)
"""For RE2: what has none of it holds none of the kinds, and is not looked at any closer."""
_KEPT = {word for columns in (*REQUIRED.values(), *OPTIONAL.values(), EVENT_TYPES) for word in columns}
_KEPT |= {"true", "false", "yes", "no", "null", "none", "nan", "t", "z", "utc", "gmt"}
_WORD = re.compile(r"\[[a-z -]+\]|[^\W_]+")

Span = tuple[int, int, str]
"""Where it begins and ends, and its kind."""


def found(text: str) -> Counter[str]:
    """What a text holds, by kind."""
    return Counter(kind for _, _, kind in _spans(text))


def masked(text: str, counts: Counter[str] | None = None) -> str:
    """The text with everything personal replaced by the name of its kind in brackets."""
    parts, at = list[str](), 0
    for start, end, kind in _spans(text):
        parts += [text[at:start], f"[{kind}]"]
        at = end
        if counts is not None:
            counts[kind] += 1
    return "".join([*parts, text[at:]]) if parts else text


def shape(text: str) -> str:
    """What a row looked like, without what it said: letters are x, digits 0; kinds and words of ours stay."""
    return _WORD.sub(
        lambda word: word[0] if word[0][0] == "[" or word[0].lower() in _KEPT else _form(word[0]), masked(text)
    )


def personal(values: pa.ChunkedArray, counts: Counter[str]) -> pa.ChunkedArray:
    """Per value, whether it holds personal data; each row counts. Null where there is none."""
    hits = _looked_up(values, found)
    for row, kinds in hits.items():
        rows = pc.sum(pc.equal(values, row)).as_py()
        for kind in kinds:
            counts[kind] += rows
    return pc.is_in(values, value_set=pa.array(list(hits), pa.string()))


def column(values: pa.ChunkedArray, counts: Counter[str]) -> pa.ChunkedArray:
    """The values masked."""
    hits = _looked_up(values, found)
    if not hits:
        return values
    for kinds in hits.values():
        counts.update(kinds)
    new = pa.array([masked(value) for value in hits], pa.string())
    place = pc.index_in(values, value_set=pa.array(list(hits), pa.string()))
    return pc.coalesce(new.take(place.combine_chunks()), values)


def _looked_up(values: pa.ChunkedArray, look: Callable[[str], Counter[str]]) -> Mapping[str, Counter[str]]:
    """The distinct values that hold something, and what."""
    distinct = pc.unique(values).drop_null()
    likely = distinct.filter(pc.match_substring_regex(distinct, _LIKELY))
    return {value: kinds for value in likely.to_pylist() if (kinds := look(value))}


def _form(word: str) -> str:
    if word.lower() in _KEPT:
        return word
    return "".join("0" if letter.isdigit() else "x" for letter in word)


def _spans(text: str) -> list[Span]:
    """Everything that is found, in order; where two overlap, the first kind of the list below stands."""
    taken: list[Span] = []
    for start, end, kind in _all(text):
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in taken):
            taken.append((start, end, kind))
    return sorted(taken)


def _all(text: str) -> Iterator[Span]:
    yield from _matches(EMAIL, text, "e-mail", lambda _: True)
    yield from _matches(_TOKEN, text, "token", lambda _: True)
    yield from _ibans(text)
    yield from _matches(_COORDINATES, text, "coordinates", lambda _: True)
    yield from _matches(_IP, text, "ip address", _is_address)
    yield from _matches(_CARD, text, "card", lambda number: luhn.is_valid(re.sub(r"\D", "", number)))
    yield from _matches(_NINO, text, "national id", lambda _: True)
    # A bare number is an article's as often as a person's.
    if not text.strip().isdigit():
        for pattern, is_valid in _national():
            yield from _matches(pattern, text, "national id", is_valid)
    yield from _phones(text)


def _matches(pattern: re.Pattern[str], text: str, kind: str, check: Callable[[str], object]) -> Iterator[Span]:
    for match in pattern.finditer(text):
        if check(match[0]):
            yield match.start(), match.end(), kind


def _ibans(text: str) -> Iterator[Span]:
    """The longest part up to a separator that is one: the words that follow have letters too."""
    for match in _IBAN.finditer(text):
        ends = (match.start() + at.start() for at in _SEPARATOR.finditer(match[0]))
        for end in sorted(ends, reverse=True):
            if iban.is_valid(text[match.start() : end]):
                yield match.start(), end, "iban"
                break


def _phones(text: str) -> Iterator[Span]:
    for match in _PHONE.finditer(text):
        if not _DATE.match(match[0]) and (_is_possible(match[0]) or _is_written(match[0])):
            yield match.start(), match.end(), "phone"


def _is_possible(number: str) -> bool:
    """Whether it has a country's prefix and as many digits as numbers there have."""
    if not number.startswith(("+", "00")):
        return False
    try:
        return is_possible_number(parse("+" + number.lstrip("+0 ")))
    except NumberParseException:
        return False


def _is_written(number: str) -> bool:
    """Whether it is written as one writes a number that can be dialled."""
    return not number.isdigit() and any(
        True for region in _PHONE_REGIONS for _ in PhoneNumberMatcher(number, region, leniency=Leniency.STRICT_GROUPING)
    )


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    return False


@cache
def _national() -> tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]:
    return tuple(
        (re.compile(rf"(?<![\w.-])(?:{form})(?![\w-])"), import_module(f"stdnum.{name}").is_valid)
        for form, name in _NATIONAL
    )
