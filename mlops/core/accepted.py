"""Files in which a project says what it accepts for now: entries, each with a reason and a last day.

`exemptions.yaml` and `acknowledged.yaml` are read here, so that both refuse the same faults in the same words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlops.core.problems import closest


class EntryError(Exception):
    """A file or an entry of it cannot be used. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry as it stands in its file."""

    where: str
    """`exemptions.yaml, entry 2`, for sentences about it."""
    row: Mapping[str, Any]
    error: type[EntryError]

    def named(self, name: str) -> "Entry":
        """The same entry, whose sentences also say what it is about."""
        return Entry(where=f"{self.where} ({name})", row=self.row, error=self.error)

    def text(self, key: str, otherwise: str) -> str:
        """What a key says, in one line.

        Raises:
            EntryError: nothing; `otherwise` ends the sentence.
        """
        found = " ".join(str(self.row.get(key) or "").split())
        return found or self.refuse(otherwise)

    def day(self, example: date) -> date:
        """The last day on which the entry holds.

        Raises:
            EntryError: it has none, or it is no day.
        """
        value = self.row.get("expires")
        if value is None:
            return self.refuse(f": expires is missing. Give the last day on which it holds: {example}.")
        if isinstance(value, datetime):
            return value.date()
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            return self.refuse(f': expires is "{value}"; it must be a day: {example}.')

    def refuse(self, what: str) -> Any:
        """Raise the file's own error about this entry."""
        raise self.error(f"{self.where}{what}")


def entries(file: Path, keys: Sequence[str], error: type[EntryError], *, under: str = "") -> tuple[Entry, ...]:
    """The entries of a file; none where there is no file.

    Args:
        file: a YAML file.
        keys: what an entry may state.
        error: what to raise.
        under: the one key that holds the list; empty where the file is the list.

    Raises:
        EntryError: the file is no list of such entries.
    """
    content = _content(file, error)
    if under and content is not None:
        if not isinstance(content, Mapping) or content.keys() != {under}:
            raise error(f"{file.name} must hold one key, `{under}`, with a list of entries, each with {listed(keys)}.")
        content = content[under]
    if content is not None and not isinstance(content, list):
        raise error(f"{file.name} must be a list of entries, each with {listed(keys)}.")
    found = (
        Entry(where=f"{file.name}, entry {number}", row=row, error=error)
        for number, row in enumerate(content or (), start=1)
    )
    return tuple(_checked(entry, keys) for entry in found)


def _content(file: Path, error: type[EntryError]) -> Any:
    # Loaded only where there is a file: a command without one starts sooner.
    if not file.is_file():
        return None
    from mlops.core.yaml_reader import YamlError, read

    try:
        return read(file.read_text(encoding="utf-8"), dates=True).value
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"{file.name} cannot be read: {problem}. Mend it and run this again.") from None
    except YamlError as problem:
        raise error(f"{file.name} cannot be read: it {problem}. Mend it and run this again.") from None


def _checked(entry: Entry, keys: Sequence[str]) -> Entry:
    if not isinstance(entry.row, Mapping):
        return entry.refuse(f" must be a mapping with {listed(keys)}.")
    for key in entry.row:
        if key not in keys:
            entry.refuse(f': there is no key "{key}".{closest(str(key), keys)} Allowed: {", ".join(keys)}.')
    return entry


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return ", ".join(words[:-1]) + f" and {words[-1]}"
