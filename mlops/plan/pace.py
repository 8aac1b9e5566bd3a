"""Remedies for what the SDK spends time on that a plan has no use for."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import SETTINGS

_STACK_TRACE = "_get_stack_trace"


class Outstanding(set["asyncio.Task[Any]"]):
    """The Outputs that the SDK waits for when a program has ended, handed to it one at a time.

    `pulumi.runtime.stack.wait_for_rpcs` takes all of them, waits for the first to finish and puts the others back,
    again and again: with a plain set that is the number of Outputs squared, half of the time of a large stack.
    """

    def __iter__(self) -> Iterator["asyncio.Task[Any]"]:
        return iter((self.pop(),) if self else ())

    def clear(self) -> None:
        """Nothing: what was handed out is out already, and the others stay."""


def track_outputs_singly() -> None:
    """Let the running program's Outputs be waited for one at a time. Call it inside the program."""
    settings: Any = SETTINGS  # the SDK makes its properties with a decorator that no type checker follows
    settings.outputs = Outstanding(settings.outputs)


@contextmanager
def without_stack_traces() -> Iterator[None]:
    """No record of the source line of each resource, which engines show and a plan does not keep.

    The SDK walks the whole call stack for it, which is deeper the better a program is divided.
    """
    original: Any = getattr(resource, _STACK_TRACE, None)
    if original is None:  # an SDK that does it otherwise
        yield
        return
    setattr(resource, _STACK_TRACE, source_pb2.StackTrace)
    try:
        yield
    finally:
        setattr(resource, _STACK_TRACE, original)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """No search for cycles while a program runs: all that it makes lives until its end.

    Every search would go through all Outputs and tasks made so far, and takes half of the time of a program.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
