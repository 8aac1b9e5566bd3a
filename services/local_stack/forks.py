"""Commands of the loop in forks of a process that has imported everything."""

import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fork:
    """A command under way."""

    process: int
    output: int
    """Descriptor to read its output from, both streams together; -1 where it writes into our own."""


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    lifeline: int,
    after_fork: Callable[[], None],
    *,
    piped: bool,
) -> Fork:
    """Run `python -m pipelines ARGUMENTS` in a fork, in a process group of its own.

    Args:
        lifeline: read end of a pipe that nobody writes to. It ends when this process ends, however it ends, and
            the fork ends then too.
        after_fork: run in the fork first; closes what belongs to this process.
        piped: give its output to read, or let it write where this process writes.
    """
    reader, writer = os.pipe() if piped else (-1, -1)
    process = os.fork()
    if process == 0:
        after_fork()
        if piped:
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.close(writer)
        _be(arguments, environment, lifeline)
    if piped:
        os.close(writer)
    return Fork(process, reader)


def stop(fork: Fork) -> None:
    """Ask a fork and what it has started to end."""
    try:
        os.killpg(fork.process, signal.SIGTERM)
    except ProcessLookupError:
        return


def _be(arguments: Sequence[str], environment: Mapping[str, str], lifeline: int) -> None:
    """Be the command. Does not return."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
        os.environ.update(environment)
        sys.argv = ["pipelines", *arguments]
        runpy.run_module("pipelines", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # No clean-up of what the parent still uses.
        os._exit(code)


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
