"""A program that the engine runs in this process: its exception is kept, and its event loop always closed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from mlops.plan.pace import track_outputs_singly

_PATIENCE_SECONDS = 10.0


class InlineProgram:
    """Wraps a program for the Automation API. Call `close` after each operation."""

    def __init__(self, program: Callable[[], object]) -> None:
        self._program = program
        self._loop: asyncio.AbstractEventLoop | None = None
        self.raised: BaseException | None = None
        """What the program raised in the last operation: what crosses the engine comes back as text only."""

    def __call__(self) -> None:
        self.raised = None
        self._loop = asyncio.get_running_loop()
        track_outputs_singly()
        try:
            self._program()
        except BaseException as error:
            self.raised = error
            raise

    def close(self) -> None:
        """End what an operation has left waiting.

        When the engine fails, the SDK's language server stops with tasks still pending and the loop open; their
        destruction at the end of the process would print tracebacks about nothing.
        """
        loop, self._loop = self._loop, None
        if loop is None:
            return
        until = time.monotonic() + _PATIENCE_SECONDS
        while loop.is_running() and time.monotonic() < until:
            time.sleep(0.01)
        if loop.is_closed() or loop.is_running():
            return
        loop.set_exception_handler(lambda _loop, _context: None)
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        with suppress(Exception):
            loop.run_until_complete(asyncio.wait(pending))
        for task in pending:
            # Asking for the outcome tells asyncio that nobody needs to hear of it any more.
            if task.done() and not task.cancelled():
                task.exception()
        loop.close()
