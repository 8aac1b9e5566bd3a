"""The memory of the emulated AWS: every request that changes something, written down before it is carried out.

Moto's own recorder also keeps reads and keeps them for good. Here reads are left out, what was deleted or
overwritten leaves the file at the next start, and what happens by chance (ids, version ids) happens again.
"""

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import parse_qsl

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]
Reseed = Callable[[int], None]

_READS = re.compile(r"(Get|List|Describe|Batch(Get|Describe)|Query|Scan|Select|Lookup|Head|Search)")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_OWN_PATHS = ("/moto-api", "/favicon.ico")
_SMALLEST_GAIN_BYTES = 1024 * 1024
"""Less than this is not worth writing the file anew."""
_FULL = "The disk of this machine is full: nothing was changed. Free some space, then try again."


@dataclass(frozen=True)
class Entry:
    """One request."""

    environ: dict[str, Any]
    """What of the WSGI environ is text, and moto's note of header names."""
    body: bytes
    seed: int

    def packed(self) -> bytes:
        """A line of JSON, the body, a line's end: large bodies stay what they are."""
        head = json.dumps({"environ": self.environ, "seed": self.seed, "length": len(self.body)})
        return head.encode() + b"\n" + self.body + b"\n"


class Objects(Protocol):
    """The objects in the emulated S3."""

    def newest(self, path: str) -> object | None:
        """The object at `/bucket/key` as it was last written."""

    def holds(self, path: str, written: object) -> bool:
        """Whether what was once the newest is still there, be it as an older version."""


@dataclass(frozen=True)
class _Write:
    """A request whose body became an object or a part of one, or that ended an upload."""

    path: str
    upload: str
    """Id of the upload that it belongs to, or an empty string."""
    ends: bool
    """Whether it completes or ends that upload."""

    @classmethod
    def of(cls, entry: Entry) -> "_Write | None":
        # WSGI hands over bytes as if they were Latin-1.
        path = entry.environ["PATH_INFO"].encode("latin-1").decode()
        method = entry.environ["REQUEST_METHOD"]
        query = dict(parse_qsl(entry.environ.get("QUERY_STRING", "")))
        upload = query.get("uploadId", "")
        if upload:
            return cls(path, upload, ends=method != "PUT")
        whole = method == "PUT" and query.keys() <= {"x-id"} and path.count("/") >= 2
        return cls(path, "", ends=False) if whole else None


class Journal:
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def append(self, entry: Entry) -> None:
        """Write an entry, or nothing of it.

        Raises:
            OSError: it could not be written, for example because the disk is full.
        """
        before = self._file.tell()
        try:
            self._file.write(entry.packed())
            self._file.flush()
        except OSError:
            self._reopen(before)
            raise

    def entries(self) -> Iterator[Entry]:
        """Every whole entry, oldest first; what a kill has torn off at the end is cut away."""
        good = 0
        with self.path.open("rb") as file:
            while line := file.readline():
                entry = _read(line, file)
                if entry is None:
                    break
                good = file.tell()
                yield entry
        if good < self.path.stat().st_size:
            self._reopen(good)

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Put these entries in place of all others; a kill in between leaves the old ones."""
        new = self.path.with_suffix(".new")
        with new.open("wb") as file:
            file.writelines(entry.packed() for entry in entries)
        self._file.close()
        new.replace(self.path)
        self._file = self.path.open("ab")

    def _reopen(self, size: int) -> None:
        # A buffer that could not be written would be written again on closing.
        with contextlib.suppress(OSError):
            self._file.close()
        os.truncate(self.path, size)
        self._file = self.path.open("ab")


class Remembering:
    """WSGI middleware: one request at a time, those that change something into the journal first.

    Moto says of itself that it is not safe for concurrency, and only in one order can it all happen again.
    """

    def __init__(self, app: WsgiApp, journal: Journal, reseed: Reseed) -> None:
        self._app = app
        self._journal = journal
        self._reseed = reseed
        self._lock = Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = _take_body(environ)
        with self._lock:
            if _changes(environ, body):
                entry = Entry(environ=_kept(environ), body=body, seed=int.from_bytes(os.urandom(6), "big"))
                try:
                    self._journal.append(entry)
                except OSError as error:
                    return _refuse(environ, start_response, error)
                self._reseed(entry.seed)
            return self._app(environ, start_response)

    def replay(self, objects: Objects) -> int:
        """Carry out everything in the journal once more, and forget bodies that nothing holds any more.

        Returns:
            How many requests were carried out.
        """
        writes: dict[int, _Write] = {}
        made: dict[int, object] = {}
        uploads: dict[str, object] = {}
        number = 0
        for number, entry in enumerate(self._journal.entries(), 1):
            self._reseed(entry.seed)
            self._again(entry)
            write = _Write.of(entry)
            if write is None:
                continue
            if write.ends:
                uploads[write.upload] = objects.newest(write.path)
                continue
            writes[number] = write
            if not write.upload:
                made[number] = objects.newest(write.path)
        dropped = set()
        for at, write in writes.items():
            unfinished = write.upload and write.upload not in uploads
            thing = uploads.get(write.upload) if write.upload else made[at]
            if not unfinished and (thing is None or not objects.holds(write.path, thing)):
                dropped.add(at)
        self._forget(dropped)
        return number

    def _forget(self, dropped: set[int]) -> None:
        gain = sum(len(entry.body) for at, entry in enumerate(self._journal.entries(), 1) if at in dropped)
        if gain >= _SMALLEST_GAIN_BYTES:
            entries = enumerate(self._journal.entries(), 1)
            self._journal.rewrite(entry for at, entry in entries if at not in dropped)

    def _again(self, entry: Entry) -> None:
        environ = {
            **entry.environ,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(entry.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        try:
            for _ in self._app(environ, lambda *_: None):
                pass
        except Exception as error:
            # It went wrong the first time as well: moto raises where it does not know what to answer.
            what = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            sys.stderr.write(f"not restored: {what}: {type(error).__name__}: {error}\n")


def _read(line: bytes, file: Any) -> Entry | None:
    try:
        head = json.loads(line)
        body = file.read(head["length"])
        if len(body) < head["length"] or file.read(1) != b"\n":
            return None
        return Entry(environ=head["environ"], body=body, seed=head["seed"])
    except (ValueError, KeyError, TypeError):
        return None


def _take_body(environ: Environ) -> bytes:
    """The whole body, put back so that it can be read again."""
    if environ.get("wsgi.input_terminated"):
        body: bytes = environ["wsgi.input"].read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _kept(environ: Environ) -> dict[str, Any]:
    return {
        key: value
        for key, value in environ.items()
        if (isinstance(value, str) or (isinstance(value, dict) and key.startswith("moto"))) and "wsgi" not in key
    }


def _changes(environ: Environ, body: bytes) -> bool:
    """Whether a request may change something. When in doubt it does."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS") or environ["PATH_INFO"].startswith(_OWN_PATHS):
        return False
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if not target and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = _ACTION.search(body)
        target = action[1].decode() if action else ""
    return not (target and _READS.match(target))


def _refuse(environ: Environ, start_response: Any, error: OSError) -> Iterable[bytes]:
    """An error that boto3 shows as it is and does not try again."""
    sys.stderr.write(f"The journal cannot be written: {error}. {_FULL}\n")
    if environ.get("HTTP_X_AMZ_TARGET"):
        kind, text = "application/x-amz-json-1.1", json.dumps({"__type": "InsufficientStorage", "message": _FULL})
    else:
        kind = "application/xml"
        text = f"<Error><Code>InsufficientStorage</Code><Message>{_FULL}</Message></Error>"
    start_response("507 Insufficient Storage", [("Content-Type", kind), ("Content-Length", str(len(text)))])
    return [text.encode()]
