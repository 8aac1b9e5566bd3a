"""The one reader of delimited text: every line and every byte of a file ends in a row or in quarantine.

A record is a line. Only where a quoted value is open at the end of a line the next ones belong to it too, and only if
none of them has as many delimiters as a record of its own: a stray quote costs its own line and swallows no other.
"""

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pipelines.errors import InputError, LoopError
from pipelines.quarantine import Quarantine

_DELIMITERS = ",;\t|"
_LONGEST = 1 << 20
"""Characters of a line; a longer one is put aside."""
_MOST_JOINED = 100
"""Lines that one quoted value may go on for."""
_MOST_TRIED = 20
_HEAD_BYTES = 1 << 16
_PACKED = {b"PK\x03\x04": "zip or Excel", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class Account:
    """Where the lines of a file went. `read + refused + blank` is what was delivered, the header aside."""

    read: int = 0
    refused: int = 0
    blank: int = 0
    delivered: int = 0
    size: int = 0
    """Bytes, unpacked."""


class Lines:
    """A file of delimited text: its header, and its records.

    Raises:
        InputError: it has no header, or is nothing that can be read as text.
    """

    def __init__(self, path: Path, bad: Quarantine) -> None:
        self._path, self._bad = path, bad
        self.account = Account()
        self._again: deque[str] = deque()
        self._binary, self._encoding = _opened(path)
        self._text = io.TextIOWrapper(
            self._binary,
            encoding=self._encoding,
            errors="strict" if self._encoding == "utf-16" else "surrogateescape",
            newline="",
        )
        try:
            self.header, self._delimiter = self._header()
        except BaseException:
            self._text.close()
            raise

    def records(self) -> Iterator[list[str]]:
        """The records that have as many fields as the header; everything else goes to quarantine."""
        width = len(self.header)
        with self._text:
            while line := self._next():
                fields = self._record(line, width)
                if fields is not None:
                    yield fields
            self._balance()

    def _header(self) -> tuple[list[str], str]:
        # Not held to be text: what other columns are called is nobody's business.
        line = self._line().lstrip("\ufeff")
        while line and not line.strip():
            line = self._line()
        if not line:
            raise InputError(f"{self._path.name} is empty: the first line must name its columns.")
        if "\0" in line:
            raise InputError(f"{self._path.name} is no text, or UTF-16 without a byte order mark: save it as UTF-8.")
        delimiter = max(_DELIMITERS, key=line.count)
        fields = _fields(line, delimiter)
        if fields is None:
            raise InputError(f"The first line of {self._path.name} has a quote that is not closed: it names columns.")
        return [name.strip().encode("utf-8", "replace").decode() for name in fields], delimiter

    def _next(self) -> str:
        """The next line with its end; empty at the end of the file. Lines that are no text or too long are refused."""
        if self._again:
            return self._again.popleft()
        while line := self._line():
            self.account.delivered += 1
            if len(line) >= _LONGEST:
                self._refuse("longer than a line may be", line)
                while line and not line.endswith(("\n", "\r")):
                    line = self._line()
            elif not _is_text(line):
                self._refuse("not UTF-8", line)
            else:
                return line
        return ""

    def _line(self) -> str:
        try:
            line = self._text.readline(_LONGEST)
        except (EOFError, OSError, zlib.error, UnicodeError) as error:
            raise InputError(f"{self._path.name} is damaged, or cut off: {error}") from None
        self.account.size += len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
        return line

    def _record(self, line: str, width: int) -> list[str] | None:
        if not line.strip():
            self.account.blank += 1
            return None
        taken = [line]
        if '"' not in line:
            fields: list[str] | None = line.rstrip("\r\n").split(self._delimiter)
        else:
            fields = _fields(line, self._delimiter)
            if fields is None and _fields(line.rstrip("\r\n") + '"', self._delimiter) is not None:
                fields = self._joined(taken, width)
        if fields is None:
            self._refuse("a quote within a value is not doubled, or not closed", line)
            return None
        if len(fields) != width:
            self._refuse("not as many fields as the header has", line)
            return None
        self.account.read += len(taken)
        return fields

    def _joined(self, taken: list[str], width: int) -> list[str] | None:
        """The record that begins with an open quote, or None, and then nothing but its first line is taken."""
        tried = 0
        while len(taken) < _MOST_JOINED and tried < _MOST_TRIED and (line := self._next()):
            taken.append(line)
            if '"' not in line:
                continue
            tried += 1
            fields = _fields("".join(taken), self._delimiter)
            if fields is not None:
                # A line that would do as a record was swallowed, and is no part of a value.
                swallowed = width > 1 and any(part.count(self._delimiter) >= width - 1 for part in taken)
                if len(fields) == width and not swallowed:
                    return fields
                break
        self._again.extendleft(reversed(taken[1:]))
        del taken[1:]
        return None

    def _refuse(self, reason: str, line: str) -> None:
        self.account.refused += 1
        self._bad.add(reason, line.rstrip("\r\n"))

    def _balance(self) -> None:
        """Hold the account against the file itself."""
        found = self.account
        # Another count than the one by lines: the unpacked file's own size.
        size = self._binary.tell() if self._encoding != "utf-16" else found.size
        if found.read + found.refused + found.blank != found.delivered or found.size != size:
            raise LoopError(
                f"{self._path.name}: of {found.delivered} lines ({size} bytes) {found.read} were read, {found.refused} "
                f"refused and {found.blank} are blank ({found.size} bytes). Nothing of it is taken in: report it."
            )


def _opened(path: Path) -> tuple[IO[bytes], str]:
    """The unpacked bytes, and their encoding."""
    with path.open("rb") as file:
        start = file.read(8)
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), None)
    if packed:
        raise InputError(f"{path.name} is packed ({packed}), which is not read: give it as text, or as gzip.")
    unpacked = cast(IO[bytes], gzip.GzipFile(path) if start.startswith(b"\x1f\x8b") else path.open("rb"))
    try:
        head = unpacked.read(2)
        unpacked.seek(0)
    except (EOFError, OSError, zlib.error) as error:
        unpacked.close()
        raise InputError(f"{path.name} is damaged, or cut off: {error}") from None
    return unpacked, "utf-16" if head in _UTF16 else "utf-8"


def _fields(line: str, delimiter: str) -> list[str] | None:
    """The fields of a record, or None where its quotes do not make one."""
    try:
        found = list(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None


def _is_text(line: str) -> bool:
    if line.isascii():
        return True
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
