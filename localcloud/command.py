"""The `pulumi` CLI as a child process that can be interrupted without losing its state."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""^C, a polite kill, and a closed terminal."""

OnLine = Callable[[str], Any] | None


class CliError(Exception):
    """The CLI is missing or does not answer. One sentence and what to do."""


class Command(PulumiCommand):
    """Runs the CLI in a session of its own, so that a ^C reaches it when we pass it on and not before."""

    def __init__(self, binary: Path) -> None:
        self.command = str(binary)
        try:
            answer = subprocess.run([self.command, "version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CliError(f"The pulumi CLI at {binary} does not run ({error}). Run `make setup`.") from None
        self.version = VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
        self._process: subprocess.Popen[str] | None = None

    def interrupt(self) -> None:
        """Ask the running command to finish what it has begun and stop. A second time stops it at once."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnLine = None,
        on_error: OnLine = None,
    ) -> CommandResult:
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            self._process = process
            output, errors = (
                _collect(pipe, hook) for pipe, hook in ((process.stdout, on_output), (process.stderr, on_error))
            )
            code = process.wait()
            result = CommandResult(stdout="\n".join(output()), stderr="\n".join(errors()), code=code)
        if code != 0:
            raise create_command_error(result)
        return result


def _collect(pipe: IO[str] | None, hook: OnLine) -> Callable[[], list[str]]:
    """Read a pipe in the background; the answer waits for its end and returns its lines."""
    lines: list[str] = []

    def read() -> None:
        for line in pipe or ():
            lines.append(line.rstrip())
            if hook:
                hook(lines[-1])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def wait() -> list[str]:
        thread.join()
        return lines

    return wait


@contextmanager
def interruptible(command: Command, on_interrupt: Callable[[], object] | None) -> Generator[Callable[[], bool]]:
    """While inside, ^C (or an end from outside) lets the engine finish what it has begun and stop.

    An exception in this process would abandon the CLI: its lock and its pending operations would stay. Yields a
    function that tells whether there was a ^C. Does nothing outside the main thread, where no handler can be set.
    """
    interrupted = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        interrupted.set()
        command.interrupt()
        if on_interrupt:
            on_interrupt()

    if threading.current_thread() is not threading.main_thread():
        yield interrupted.is_set
        return
    before = {number: signal.signal(number, handle) for number in _ENDS}
    try:
        yield interrupted.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
