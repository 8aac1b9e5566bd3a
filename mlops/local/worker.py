"""Commands for the loop's worker, over its socket."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops.local.layout import LocalError

_END = b"\0"


class WorkerError(LocalError):
    """The worker cannot take a command. One sentence and what to do."""


def run(
    path: Path, arguments: Sequence[str], environment: Mapping[str, str], on_output: Callable[[str], object]
) -> int:
    """Run a command of the loop and wait for it; its exit code.

    Raises:
        WorkerError: it does not answer, is busy, or ended meanwhile.
    """
    answer = _ask(path, {"arguments": list(arguments), "environment": dict(environment)}, on_output)
    return int(answer["exit"])


def stay(path: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Let the worker keep a command running.

    Raises:
        WorkerError: it does not answer.
    """
    _ask(path, {"arguments": list(arguments), "environment": dict(environment), "stay": True}, lambda _: None)


def _ask(path: Path, request: Mapping[str, Any], on_output: Callable[[str], object]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise WorkerError(
                f"The loop's worker does not answer ({error}). `mlops local status` shows what is wrong with it."
            ) from None
        with connection.makefile("rb") as lines:
            for line in lines:
                if not line.startswith(_END):
                    on_output(line.decode(errors="replace").rstrip("\n"))
                    continue
                answer: dict[str, Any] = json.loads(line[1:])
                if "busy" in answer:
                    raise WorkerError(str(answer["busy"]))
                return answer
    raise WorkerError(
        "The loop's worker ended in the middle of the command and was started anew. What was finished is kept: "
        "`mlops local run-loop` goes on from there."
    )
