"""The loop's resident process: everything is imported once, every command runs in a fork of its own.

    python -m local_stack.worker --socket .local/run/worker.sock

A client sends one line of JSON, `{"arguments": ["run-loop"], "environment": {...}}`, and gets the command's output
line by line and at last `{"exit": 0}` after a NUL. One command at a time; who hangs up stops the command. With
`"stay": true`, or what `--stay` names from the start, the command is kept running beside the others.
"""

import argparse
import importlib
import json
import os
import pkgutil
import selectors
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pipelines
from local_stack import forks

_FIRST = ("mlflow", "mlflow.pyfunc", "feast", "great_expectations", "sklearn.metrics", "pandas", "boto3")
"""What the steps import when they run; here it is imported before anybody waits for it."""
_LATER = ("evidently", "evidently.metrics")
"""What only a look at drift needs, which the first run of the loop does not take."""
_END = b"\0"
_TURN_SECONDS = 0.2
_PAUSE_SECONDS = 5.0
"""Before a resident command that ended is started again."""


class Worker:
    """Serves one socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._lifeline, self._hold = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._client: socket.socket | None = None
        self._command: forks.Fork | None = None
        self._resident: forks.Fork | None = None
        self._stays: tuple[list[str], dict[str, str]] | None = None
        self._resident_at = 0.0

    def run(self) -> None:
        """Serve for ever."""
        while True:
            for key, _ in self._selector.select(_TURN_SECONDS):
                if key.fileobj is self._listener:
                    self._accept()
                elif self._client and key.fileobj is self._client:
                    self._listen()
                elif self._command and key.fileobj == self._command.output:
                    self._pass_on()
            self._keep_resident()

    def stop(self) -> None:
        """End what was started here."""
        for fork in filter(None, (self._command, self._resident)):
            forks.stop(fork)

    def stay(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        """Keep a command running, in place of the one that was kept before."""
        self._stays = (arguments, dict(environment))
        self._resident_at = 0.0
        if self._resident:
            forks.stop(self._resident)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.settimeout(5)
        try:
            request = json.loads(client.makefile("rb").readline() or b"null")
        except (ValueError, OSError):
            request = None
        if not request:
            # A probe: it connected, and that is what it wanted to know.
            client.close()
        elif request.get("stay"):
            self.stay([str(argument) for argument in request["arguments"]], request.get("environment") or {})
            _end(client, {"exit": 0})
        elif self._command:
            _end(client, {"busy": "Another command of the loop is running; `mlops local logs worker -f` shows it."})
        else:
            self._begin(client, request)

    def _begin(self, client: socket.socket, request: Mapping[str, Any]) -> None:
        arguments = [str(argument) for argument in request["arguments"]]
        _say(f"$ python -m pipelines {shlex.join(arguments)}")
        client.settimeout(None)
        self._client = client
        self._command = self._fork(arguments, request.get("environment") or {}, piped=True)
        self._selector.register(client, selectors.EVENT_READ)
        self._selector.register(self._command.output, selectors.EVENT_READ)

    def _fork(self, arguments: list[str], environment: Mapping[str, str], *, piped: bool) -> forks.Fork:
        return forks.start(arguments, environment, self._lifeline, self._let_go, piped=piped)

    def _let_go(self) -> None:
        """In a fork: close what is the parent's."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(self._hold)
        self._selector.close()
        self._listener.close()
        if self._client:
            self._client.close()

    def _listen(self) -> None:
        """The client has nothing more to say: either it hung up, or it is none of ours."""
        assert self._client
        assert self._command
        try:
            there = bool(self._client.recv(1024))
        except OSError:
            there = False
        if not there:
            self._selector.unregister(self._client)
            self._client.close()
            self._client = None
            forks.stop(self._command)

    def _pass_on(self) -> None:
        """Copy output to the client and to our own log; at its end tell how the command ended."""
        assert self._command
        data = os.read(self._command.output, 65536)
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            self._send(data)
            return
        self._selector.unregister(self._command.output)
        os.close(self._command.output)
        _, status = os.waitpid(self._command.process, 0)
        code = os.waitstatus_to_exitcode(status)
        _say(f"ended with {code}")
        self._command = None
        if self._client:
            self._selector.unregister(self._client)
            _end(self._client, {"exit": code})
            self._client = None

    def _send(self, data: bytes) -> None:
        try:
            if self._client:
                self._client.sendall(data)
        except OSError:
            # The selector tells that it hung up.
            return

    def _keep_resident(self) -> None:
        if self._resident:
            process, status = os.waitpid(self._resident.process, os.WNOHANG)
            if process:
                _say(f"the resident command ended with {os.waitstatus_to_exitcode(status)}")
                self._resident = None
        if self._stays and not self._resident and time.monotonic() >= self._resident_at:
            arguments, environment = self._stays
            if "evidently" not in sys.modules:
                _import_all(_LATER)
            _say(f"$ python -m pipelines {shlex.join(arguments)} (resident)")
            self._resident_at = time.monotonic() + _PAUSE_SECONDS
            self._resident = self._fork(arguments, environment, piped=False)


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(description="Runs the loop's commands without waiting for imports.")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--stay", default="", help="Command to keep running, as one argument.")
    arguments = parser.parse_args()
    path: Path = arguments.socket
    path.unlink(missing_ok=True)
    own = [f"pipelines.{module.name}" for module in pkgutil.iter_modules(pipelines.__path__)]
    _import_all((*_FIRST, *(name for name in own if not name.endswith("__main__"))))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        worker = Worker(listener)
        if arguments.stay:
            worker.stay(shlex.split(arguments.stay), {})

        def stop(_number: int, _frame: FrameType | None) -> None:
            worker.stop()
            sys.exit(0)

        signal.signal(signal.SIGTERM, stop)
        worker.run()
    return 0


def _import_all(names: Iterable[str]) -> None:
    started = time.monotonic()
    for name in names:
        importlib.import_module(name)
    _say(f"imported what the loop needs in {time.monotonic() - started:.1f} s")


def _end(client: socket.socket, answer: Mapping[str, object]) -> None:
    with client:
        try:
            client.sendall(_END + json.dumps(answer).encode() + b"\n")
        except OSError:
            _say("nobody waited for it any more")


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
