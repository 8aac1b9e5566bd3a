"""S3, Kinesis, Secrets Manager, Systems Manager and DynamoDB on loopback: a moto server that remembers.

    python -m local_stack.aws --port 5555 --journal .local/run/data/aws.journal

It listens when its state is back, not before: nobody is ever told that a bucket does not exist while it is still
being restored. MOTO_ACCOUNT_ID names the account.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local_stack.journal import Journal, Remembering


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]
    """Writes a line for what went wrong only; a line for each request would hide it."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code).startswith("5"):
            super().log_request(code, size)


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(description="AWS's APIs on loopback, with a memory.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    arguments = parser.parse_args()
    _upload_ids_from(mock_random)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    started = time.monotonic()
    app = Remembering(DomainDispatcherApplication(create_backend_app), Journal(arguments.journal), mock_random.seed)
    number = app.replay(MotoObjects())
    print(f"{number} requests restored in {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201
    server = make_server("127.0.0.1", arguments.port, app, threaded=True, request_handler=QuietHandler)
    print(f"listening on http://127.0.0.1:{arguments.port}", flush=True)  # noqa: T201
    server.serve_forever()
    return 0


class MotoObjects:
    """The objects that moto holds."""

    def newest(self, path: str) -> object | None:
        versions = self._versions(path)
        return versions[-1] if versions else None

    def holds(self, path: str, written: object) -> bool:
        return any(version is written for version in self._versions(path))

    def _versions(self, path: str) -> Sequence[object]:
        from moto.s3.models import s3_backends

        bucket, _, key = path.lstrip("/").partition("/")
        for regions in s3_backends.values():
            for backend in regions.values():
                if bucket in backend.buckets:
                    versions: Sequence[object] = backend.buckets[bucket].keys.getlist(key, [])
                    return versions
        return ()


def _upload_ids_from(random: MotoRandom) -> None:
    """Let ids of multipart uploads come from moto's own source of chance: they are its only ones that do not."""
    from moto.s3.models import FakeMultipart

    made = FakeMultipart.__init__

    def make(self: FakeMultipart, *arguments: object, **named: object) -> None:
        made(self, *arguments, **named)
        self.id = random.get_random_hex(64)

    FakeMultipart.__init__ = make


if __name__ == "__main__":
    sys.exit(main())
