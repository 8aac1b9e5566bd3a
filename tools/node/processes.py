"""The node's processes: each in its network, each noted by its id."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from node.places import NAMESPACE, Home

NAMESPACE_FILE = Path("/run/netns") / NAMESPACE


class NodeError(Exception):
    """The node does not come up, or cannot here. One sentence with what was said."""


def enter(*command: str) -> list[str]:
    """A command that runs in the node's network."""
    return ["nsenter", f"--net={NAMESPACE_FILE}", *command]


def start(home: Home, part: str, command: Sequence[str]) -> None:
    """Start a part in the node's network, and note its id; one that runs is left alone."""
    if _alive(home, part):
        return
    with (home.run / "logs" / f"{part}.log").open("ab") as log:
        environment = {**os.environ, "PATH": f"{home.programs}:{os.environ.get('PATH', '')}"}
        process = subprocess.Popen(
            enter(*command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    (home.run / f"{part}.pid").write_text(str(process.pid))


def _alive(home: Home, part: str) -> bool:
    file = home.run / f"{part}.pid"
    try:
        os.kill(int(file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def wait(home: Home, part: str, command: Sequence[str], seconds: float) -> None:
    """Until a question is answered, or the part that it is put to has died."""
    until = time.monotonic() + seconds
    asked = command if command[0].startswith("/") else enter(*command)
    while subprocess.run(asked, capture_output=True).returncode:
        if not _alive(home, part) or time.monotonic() > until:
            lines = (home.run / "logs" / f"{part}.log").read_text(errors="replace").splitlines()
            raise NodeError(f"{part} does not start: {' / '.join(lines[-3:])}")
        time.sleep(0.5)


def end(home: Home, part: str) -> None:
    """End a part, by force if it takes its time."""
    if not _alive(home, part):
        return
    process = int((home.run / f"{part}.pid").read_text())
    os.kill(process, signal.SIGTERM)
    for _ in range(50):
        if not _running(process):
            return
        time.sleep(0.1)
    os.kill(process, signal.SIGKILL)


def _running(process: int) -> bool:
    """Whether it runs, and is not only waiting to be collected by whoever started it."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
