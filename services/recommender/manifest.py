"""What a saved model says about itself, and the refusal of one that cannot be served here.

The manifest is read before any array: a model of another format, or of a numpy whose files may mean something
else, must be refused with a sentence while the old model goes on answering.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

FORMAT_NAME = "mlops-recommender"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"

Kind = Literal["collaborative", "popularity"]


class ModelError(Exception):
    """A model cannot be built, saved, loaded or trusted; the message says which one and why, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """Size in bytes and SHA-256 of one array file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where a model comes from. Times are ISO 8601 in UTC."""

    kind: Kind
    model_version: str = ""
    """Version in the registry; empty as long as the model is not registered."""
    data_version: str = ""
    """Version of the data that it was trained on."""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    pseudonyms: str = ""
    """Fingerprint of the key that users' ids are hidden with; empty where they are as they were given."""
    half_life: float | None = None
    """After how many later products of the same user one weighs half among the interactions; None where time does not
    count."""
    python: str = field(default_factory=platform.python_version)
    numpy: str = np.__version__
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    """The arrays by file name; empty until the model is saved."""

    @classmethod
    def now(
        cls,
        kind: Kind,
        data_version: str,
        model_version: str,
        created: str | None,
        pseudonyms: str = "",
        half_life: float | None = None,
    ) -> "Manifest":
        """The manifest of a model that is made by this Python and this numpy."""
        manifest = cls(
            kind=kind,
            data_version=data_version,
            model_version=model_version,
            pseudonyms=pseudonyms,
            half_life=half_life,
        )
        return replace(manifest, created=created) if created else manifest

    def write(self, folder: Path) -> None:
        """Write manifest.json, last of all files: a folder without it is not a model."""
        text = json.dumps({"format": FORMAT_NAME, "format_version": FORMAT_VERSION, **asdict(self)}, indent=2)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read and check manifest.json.

        Raises:
            ModelError: no manifest, not one of ours, another format version, or written by another major version
                of Python or numpy.
        """
        path = folder / MANIFEST
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(f"{folder} holds no model: {MANIFEST} is missing.") from None
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {error}.") from None
        if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT_NAME:
            raise ModelError(f"{path} does not describe a recommender model.")
        version = raw.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{folder} has model format {version}; this program reads {FORMAT_VERSION}. "
                "Train the model again, or run the program that wrote it."
            )
        manifest = cls._parse(path, raw)
        manifest._refuse_other_major(folder)
        return manifest

    def verify_files(self, folder: Path) -> None:
        """Raise ModelError unless every file has the checksum that was written with it."""
        for name, expected in self.files.items():
            if stored(folder / name).sha256 != expected.sha256:
                raise ModelError(f"{folder / name} does not have the checksum in {MANIFEST}: it is damaged.")

    @classmethod
    def _parse(cls, path: Path, raw: dict[str, object]) -> "Manifest":
        texts = {name: raw.get(name) for name in ("model_version", "data_version", "created", "python", "numpy")}
        wrong = sorted(name for name, value in texts.items() if not isinstance(value, str))
        if wrong:
            raise ModelError(f"{path} has no text for {', '.join(wrong)}.")
        if raw.get("kind") not in get_args(Kind):
            raise ModelError(f"{path} names kind {raw.get('kind')!r}; known are {' and '.join(get_args(Kind))}.")
        try:
            entries = cast("dict[str, dict[str, object]]", raw["files"])
            files = {
                name: StoredFile(bytes=int(str(entry["bytes"])), sha256=str(entry["sha256"]))
                for name, entry in entries.items()
            }
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ModelError(f"{path} does not list the model's files.") from None
        half_life = raw.get("half_life")
        if half_life is not None and (type(half_life) not in {int, float} or not cast(float, half_life) > 0):
            raise ModelError(f"{path} has half_life {half_life!r}; it must be above 0, or left out.")
        return cls(
            kind=cast(Kind, raw["kind"]),
            files=files,
            pseudonyms=str(raw.get("pseudonyms") or ""),
            half_life=cast("float | None", half_life),
            **cast("dict[str, str]", texts),
        )

    def _refuse_other_major(self, folder: Path) -> None:
        for library, written, running in (
            ("Python", self.python, platform.python_version()),
            ("numpy", self.numpy, np.__version__),
        ):
            if written.split(".")[0] != running.split(".")[0]:
                raise ModelError(
                    f"{folder} was written with {library} {written}, and {library} {running} runs here: "
                    "another major version may read the arrays differently. Train and serve with one lock."
                )


def stored(path: Path) -> StoredFile:
    """Size and checksum of a file on disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return StoredFile(bytes=path.stat().st_size, sha256=digest)


def write_array(folder: Path, name: str, array: npt.NDArray[Any]) -> StoredFile:
    """Save one array as `name` in the folder."""
    np.save(folder / name, array, allow_pickle=False)
    return stored(folder / name)


def read_array(folder: Path, manifest: Manifest, name: str, dtype: type[np.generic], *, mmap: bool) -> npt.NDArray[Any]:
    """One array of one dimension, mapped where asked.

    Raises:
        ModelError: it is missing, cut short, not an array, or of another type.
    """
    path = folder / name
    expected = manifest.files.get(name)
    if expected is None or not path.is_file():
        raise ModelError(f"{folder} is not complete: {name} is missing.")
    size = path.stat().st_size
    if size != expected.bytes:
        raise ModelError(f"{path} has {size} bytes where {MANIFEST} says {expected.bytes}: it is damaged.")
    try:
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ModelError(f"{path} is not an array: {error}.") from None
    if array.ndim != 1 or array.dtype != dtype:
        raise ModelError(f"{path} holds {array.dtype} in {array.ndim} dimensions; expected {np.dtype(dtype)} in one.")
    # Out of the memmap class: every slice of that costs microseconds.
    return np.asarray(array)
