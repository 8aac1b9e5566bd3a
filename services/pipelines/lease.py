"""One at a time: whoever changes the lake or trains holds a lock on this machine and a lease in the lake.

The lock is the kernel's and ends with the process, however that dies. The lease is an object that S3 lets only one
create, or take over once its holder has not renewed it for a while; how old it is, S3's own clock says.
"""

import fcntl
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pipelines.errors import BusyError, LoopError
from pipelines.lake import Lake
from pipelines.settings import Settings

PLACE = "loop/lease.json"
LEASE_SECONDS = 90.0
"""Without a renewal for so long a lease is anybody's: its holder died, or lost the network."""
_RENEW_SECONDS = 30.0
_TURN_SECONDS = 0.1
_LEASE_TURN_SECONDS = 1.0


class Lease:
    """What is held while a lease is."""

    def __init__(self, lake: Lake, holder: str, etag: str) -> None:
        self._lake = lake
        self._etag = etag
        self._holder = holder
        self._lost = threading.Event()
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()

    def check(self) -> None:
        """Raise BusyError where somebody else took over."""
        if self._lost.is_set():
            raise BusyError("Somebody else took the lease over while it could not be renewed: this run ends here.")

    def _renew(self) -> None:
        while not self._over.wait(_RENEW_SECONDS):
            try:
                etag = self._lake.put_if("artifacts", PLACE, _content(self._holder), self._etag)
            except LoopError:
                continue  # Until it is too old there is time to try again.
            if etag is None:
                self._lost.set()
                return
            self._etag = etag

    def end(self) -> None:
        """Give it back, unless it is somebody else's by now."""
        self._over.set()
        self._renewing.join()
        if self._lost.is_set():
            return
        # What cannot be given back is over by itself: no reason to call what was done a failure.
        with suppress(LoopError):
            found = self._lake.stamped("artifacts", PLACE)
            if found is not None and found.etag == self._etag:
                self._lake.delete("artifacts", PLACE)


@contextmanager
def alone(settings: Settings, patience_seconds: float = 0.0) -> Iterator[Lease]:
    """Keep everybody else from changing the lake meanwhile, on this machine and on others.

    Raises:
        BusyError: somebody is at it, and still was when the patience ended.
        ServiceError: S3 does not answer.
    """
    folder = settings.state / "loop"
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience_seconds
    with (folder / "lock").open("w") as lock:
        while not _locked(lock):
            if time.monotonic() >= until:
                raise BusyError(f"The loop already runs with the state in {settings.state}: wait for it.")
            time.sleep(_TURN_SECONDS)
        lake = Lake(settings)
        lease = _leased(lake, _holder(folder), until)
        try:
            yield lease
        finally:
            lease.end()


def _leased(lake: Lake, holder: str, until: float) -> Lease:
    while True:
        found = lake.stamped("artifacts", PLACE)
        named = _holder_of(found.body) if found is not None else ""
        # Whoever has the lock of a state folder is the only one of that name: a lease of it was left by a death.
        if found is None or named == holder or found.age_seconds > LEASE_SECONDS:
            etag = lake.put_if("artifacts", PLACE, _content(holder), found.etag if found is not None else None)
            if etag is not None:
                return Lease(lake, holder, etag)
        elif time.monotonic() >= until:
            raise BusyError(
                f"The loop already runs elsewhere ({named}), and said so {found.age_seconds:.0f} s ago: wait for it. "
                f"A lease that nobody renews is over after {LEASE_SECONDS:.0f} s."
            )
        else:
            time.sleep(min(_LEASE_TURN_SECONDS, max(0.0, until - time.monotonic())))


def _holder(folder: Path) -> str:
    """The name of a state folder, the same whichever process uses it."""
    place = folder / "holder"
    if not place.exists():
        place.write_text(f"{socket.gethostname()}-{secrets.token_hex(4)}")
    return place.read_text()


def _content(holder: str) -> bytes:
    # Never the same twice, so that every renewal has an ETag of its own.
    return json.dumps({"holder": holder, "renewal": secrets.token_hex(8)}).encode()


def _holder_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["holder"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
