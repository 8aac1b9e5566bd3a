"""A remedy for the SDK's end of a program, which is quadratic in the size of the stack."""

import asyncio
from collections.abc import Iterator
from typing import Any

from pulumi.runtime.settings import SETTINGS


class Outstanding(set["asyncio.Task[Any]"]):
    """The Outputs that the SDK waits for when a program has ended, handed to it one at a time.

    `pulumi.runtime.stack.wait_for_rpcs` takes all of them, waits for the first to finish and puts the others back,
    again and again. With a plain set that is the number of Outputs squared: half of the time of a large stack.
    """

    def __iter__(self) -> Iterator["asyncio.Task[Any]"]:
        return iter((self.pop(),) if self else ())

    def clear(self) -> None:
        """Nothing: what was handed out is out already, and the others stay."""


def track_outputs_singly() -> None:
    """Let the running program's Outputs be waited for one at a time. Call it inside the program."""
    outstanding = Outstanding()
    outstanding.update(set(SETTINGS.outputs))
    SETTINGS.outputs = outstanding
