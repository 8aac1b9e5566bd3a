"""Run `recommender.fetch` in a child process and read its one answer."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import cast

from recommender.fetch import REFUSED
from recommender.manifest import ModelError

_PACKAGES = str(Path(__file__).resolve().parent.parent)


class FetchError(Exception):
    """A model could not be fetched this time; trying again may help."""


async def run(*arguments: str, timeout_seconds: float) -> dict[str, object]:
    """The JSON object that `python -m recommender.fetch ARGUMENTS` prints.

    Raises:
        ModelError: the model is refused for good.
        FetchError: everything else, a child that is killed or takes too long included.
    """
    paths = os.pathsep.join(path for path in (_PACKAGES, os.environ.get("PYTHONPATH")) if path)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "recommender.fetch",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Its own group, so that nothing it started survives it.
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": paths, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
    )
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), timeout_seconds)
    except TimeoutError:
        raise FetchError(f"Fetching took longer than {timeout_seconds:g} s and was stopped.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    answer = _last_object(stdout)
    if process.returncode == 0 and "error" not in answer:
        return answer
    message = str(answer.get("error") or _last_line(stderr) or f"the child ended with code {process.returncode}")
    if process.returncode == REFUSED:
        raise ModelError(message)
    raise FetchError(message)


def _last_object(stdout: bytes) -> dict[str, object]:
    # A library may print before our line.
    try:
        answer = json.loads(_last_line(stdout))
    except ValueError:
        return {}
    return cast("dict[str, object]", answer) if isinstance(answer, dict) else {}


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
