"""A resident worker of the loop: everything is imported once, every command runs in a fork of its own.

    python -m local_stack.worker --socket .local/run/worker.sock

A client sends one line of JSON, `{"arguments": ["run-loop"], "environment": {...}}`, and gets the command's output
line by line and at last `{"exit": 0}` after a NUL. One command at a time; who hangs up stops the command.
"""

import argparse
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

import pipelines

_HEAVY = ("mlflow", "mlflow.pyfunc", "feast", "great_expectations", "evidently", "sklearn.metrics", "pandas", "boto3")
"""What the steps import when they run; here it is imported before anybody waits for it."""
_END = b"\0"
_TURN_SECONDS = 0.05


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(description="Runs the loop's commands without waiting for imports.")
    parser.add_argument("--socket", type=Path, required=True)
    path: Path = parser.parse_args().socket
    signal.signal(signal.SIGTERM, _stop)
    _import_everything()
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        while True:
            client, _ = listener.accept()
            with client:
                _serve(client, listener)


def _stop(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _import_everything() -> None:
    started = time.monotonic()
    modules = [f"pipelines.{module.name}" for module in pkgutil.iter_modules(pipelines.__path__)]
    for name in (*_HEAVY, *(module for module in modules if not module.endswith("__main__"))):
        importlib.import_module(name)
    _say(f"everything imported in {time.monotonic() - started:.1f} s")


def _serve(client: socket.socket, listener: socket.socket) -> None:
    """Take one command, pass its output on, tell how it ended."""
    client.settimeout(5)
    try:
        request = json.loads(client.makefile("rb").readline() or b"null")
    except (ValueError, OSError):
        return
    if not request:
        # A probe: it connected, and that is what it wanted to know.
        return
    arguments = [str(argument) for argument in request["arguments"]]
    _say(f"$ python -m pipelines {' '.join(arguments)}")
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        listener.close()
        client.close()
        _run(arguments, request.get("environment") or {}, writer)
    os.close(writer)
    client.settimeout(None)
    code = _accompany(process, reader, client, listener)
    _say(f"ended with {code}")
    try:
        client.sendall(_END + json.dumps({"exit": code}).encode() + b"\n")
    except OSError:
        _say("nobody waited for it any more")


def _run(arguments: list[str], environment: dict[str, str], output: int) -> None:
    """Be the command. Does not return."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.update(environment)
    sys.argv = ["pipelines", *arguments]
    code = 1
    try:
        runpy.run_module("pipelines", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # No clean-up of what the parent still uses.
        os._exit(code)


def _accompany(process: int, reader: int, client: socket.socket, listener: socket.socket) -> int:
    """Pass output on until the command ends; its exit code, negative for a signal."""
    with selectors.DefaultSelector() as selector:
        for one in (reader, client, listener):
            selector.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(_TURN_SECONDS):
                if key.fileobj is listener:
                    _refuse(listener)
                elif key.fileobj is client and not _still_there(client):
                    selector.unregister(client)
                    os.killpg(process, signal.SIGTERM)
                elif key.fileobj == reader and not _pass_on(reader, client):
                    selector.unregister(reader)
                    os.close(reader)
                    _, status = os.waitpid(process, 0)
                    return os.waitstatus_to_exitcode(status)


def _pass_on(reader: int, client: socket.socket) -> bool:
    """Copy what there is to the client and to our own log; False at the end."""
    data = os.read(reader, 65536)
    if not data:
        return False
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    try:
        client.sendall(data)
    except OSError:
        # It hung up; the selector tells so as well.
        return True
    return True


def _still_there(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1024))
    except OSError:
        return False


def _refuse(listener: socket.socket) -> None:
    """Answer another client while a command runs."""
    other, _ = listener.accept()
    with other:
        other.settimeout(0.5)
        try:
            if other.recv(65536):
                other.sendall(_END + json.dumps({"busy": "Another command of the loop is running."}).encode() + b"\n")
        except OSError:
            return


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
