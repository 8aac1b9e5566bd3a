"""Opening the stand-in cloud for a stack, running one operation on it, and saying how that ended."""

import gc
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.engine import LocalCloud, LocalStack, Result
from localcloud.kubernetes_provider import ApiServer
from mlops import settings, stacks, toolchain
from mlops.choice.trials import program
from mlops.cli import ui
from mlops.cli.errors import INTERRUPTED, FailedError
from mlops.cli.options import Target
from mlops.cli.views.board import Board
from mlops.plan.graph import Graph

_NAMES = re.compile(r"arn:aws[a-z-]*:\S+|[a-z]+-(?:[0-9a-f]{8}|[0-9a-f]{17})")
STOPPING = "Stopping: what has begun is being finished, so that nothing is lost. ^C again stops at once."


def cloud_for(
    target: Target, folder: Path, *, api_server: ApiServer | None = None, throwaway: bool = False
) -> LocalCloud:
    """The stand-in cloud kept in `folder`, in which whatever the settings name by id or ARN is there.

    Args:
        throwaway: the folder goes afterwards, whatever happens: a rehearsal, never a stack that is kept.

    Raises:
        ToolchainError: there is no pulumi CLI.
    """
    platform = settings.resolve(stacks.read(target.stack, target.root)).platform
    pulumi = toolchain.find(target.root)
    existing = named(platform.model_dump(mode="json"))
    return LocalCloud(folder, pulumi=pulumi.path, existing=existing, api_server=api_server, throwaway=throwaway)


def named(settings: object) -> Iterator[str]:
    """Ids and ARNs in settings: of what somebody else made, for what the stack makes has none before it is made."""
    if isinstance(settings, str):
        yield from (settings,) if _NAMES.fullmatch(settings) else ()
    elif isinstance(settings, Mapping):
        yield from (found for value in settings.values() for found in named(value))
    elif isinstance(settings, list):
        yield from (found for value in settings for found in named(value))


def stack_in(cloud: LocalCloud, target: Target, config: Mapping[str, str] | None = None) -> LocalStack:
    """The stack in that cloud, with its file's configuration or with another one."""
    file = stacks.read(target.stack, target.root)
    return cloud.stack(
        program(target.root),
        project=file.project,
        stack=file.name,
        config=file.config if config is None else config,
        secret_keys=file.secret_keys if config is None else (),
    )


def operate(title: str, graph: Graph, call: Callable[..., Result]) -> tuple[Result, Board]:
    """Run one operation with its progress shown. Interrupted or failed, it still returns."""
    gc.enable()
    with Board(title, graph) as board:
        return call(on_event=board, on_interrupt=lambda: board.say(STOPPING)), board


def demand(result: Result, title: str, again: str) -> None:
    """Go on only after a success.

    Raises:
        SystemExit: it was interrupted; exit code 130.
        FailedError: something failed; the text names each resource and its reason.
    """
    if result.interrupted:
        ui.problem(f"{title} was interrupted. {again}")
        raise SystemExit(INTERRUPTED)
    if result.failures:
        lines = [f"  {failure.name or 'the program'}: {failure.message}" for failure in result.failures]
        raise FailedError("\n".join([f"{title} failed:", *lines, again]))


def as_data(result: Result, board: Board) -> dict[str, Any]:
    """A result for a machine."""
    return {
        "operation": result.operation,
        "ok": result.ok,
        "changed": result.changed,
        "seconds": round(result.seconds, 2),
        "counts": dict(board.counts),
        "failures": [
            {"urn": failure.urn, "name": failure.name, "message": failure.message} for failure in result.failures
        ],
        "interrupted": result.interrupted,
    }
