"""The recorder: runs a Pulumi program in Python alone and returns the graph of what it registers.

No CLI, no network, no credentials: Pulumi's mocks answer every registration with invented outputs, the same ones
that the stand-in cloud gives, and a monitor of our own keeps what the mocks throw away (parents, dependencies,
providers, options). What would only fail in a real deployment is refused here with one sentence.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from selectors import DefaultSelector, SelectorKey
from typing import Any, TypeVar

from pulumi.runtime import mocks, settings
from pulumi.runtime.config import set_all_config
from pulumi.runtime.stack import run_in_stack

from mlops.plan.graph import Graph
from mlops.plan.monitor import RecordError, RecordingMonitor
from mlops.plan.pace import Outstanding, without_garbage_collection, without_stack_traces

Program = Callable[[], object]

_T = TypeVar("_T")
_SILENCE_SECONDS = 5.0


def record(
    program: Program,
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    secret_keys: Collection[str] = (),
) -> Graph:
    """Run a program and return what it registers, with every value resolved.

    Args:
        program: registers resources when called, as `__main__.py` does when run.
        config: full keys such as `aws:region` to their values as text (structured ones as JSON).
        secret_keys: the keys of `config` that hold secrets.

    Raises:
        RecordError: the program does what cannot be deployed, or what a plan cannot know.
        BaseException: whatever the program itself raises, unchanged.
    """
    return copy_context().run(_record, program, project, stack, config, secret_keys)


def _record(
    program: Program, project: str, stack: str, config: Mapping[str, str], secret_keys: Collection[str]
) -> Graph:
    monitor = RecordingMonitor(project, stack)
    features = set(monitor.GetDeploymentInfo(None).supportedFeatures)  # type: ignore[no-untyped-call]
    settings.configure(
        mocks.MockSettings(  # type: ignore[no-untyped-call]
            monitor=monitor,
            monitor_features=features,
            engine=mocks.MockEngine(None),
            project=project,
            stack=stack,
            organization="organization",
            root_directory=str(Path.cwd()),
            dry_run=False,
            parallel=1,
            legacy_apply_enabled=False,
            outputs=Outstanding(),
            package_refs={},
            base_providers_by_ref={},
            callbacks=None,
        )
    )
    settings.ROOT.set(None)
    set_all_config(dict(config), list(secret_keys))
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            program()
        except BaseException as error:
            raised.append(error)
            raise

    try:
        with _strict_outputs(), without_garbage_collection(), without_stack_traces(), _loop() as loop:
            loop.run_until_complete(run_in_stack(guarded))
    except BaseException as error:
        first = monitor.refusal or next(iter(raised), error)
        if first is error:
            raise
        raise first from None
    return monitor.graph()


@contextmanager
def _strict_outputs() -> Generator[None]:
    """An Output in an f-string is an error instead of a warning inside the text."""
    before = os.environ.get("PULUMI_ERROR_OUTPUT_STRING")
    os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULUMI_ERROR_OUTPUT_STRING"]
        else:
            os.environ["PULUMI_ERROR_OUTPUT_STRING"] = before


class _InlineExecutor(ThreadPoolExecutor):
    """Runs what it is given at once, so that no thread is left and every run registers in the same order."""

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> "Future[_T]":
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class _Selector(DefaultSelector):
    """Notices when nothing is left that could ever wake the loop: an Output waits for itself."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is not None:
            return super().select(timeout)
        events = super().select(_SILENCE_SECONDS)
        if not events:
            raise RecordError(
                f"The program did not end: for {_SILENCE_SECONDS:.0f} seconds an Output waited for a value that "
                "nothing provides. Look for an Output made from itself, or from a future that nobody sets."
            )
        return events


@contextmanager
def _loop() -> Generator[asyncio.AbstractEventLoop]:
    """An event loop of its own for one run, closed with everything that it started."""
    loop = asyncio.SelectorEventLoop(_Selector())
    loop.set_default_executor(_InlineExecutor(max_workers=1))
    # What failed is raised to the caller; asyncio would print the other outputs of the same failure as well.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        yield loop
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.close()


__all__ = ["RecordError", "record"]
