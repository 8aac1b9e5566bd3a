"""Becomes one program of a local stack: `python -m mlops.local.launch ROOT NAME`, started by the supervisor.

The definition is read when the program starts, so that a changed one needs no new supervisor, and a taken port is told
in words instead of in the program's own traceback.
"""

import os
import sys
from pathlib import Path

from mlops.local.layout import Layout
from mlops.local.programs import read


def problem(layout: Layout, name: str) -> str:
    """Why a program cannot be started; empty when it can."""
    program = read(layout).get(name)
    if program is None:
        return f"{name} is not defined yet: `mlops up -s local` defines it."
    if program.port is not None:
        from mlops.local.ports import is_free, owner

        if not is_free(program.port):
            return f"Port {program.port} is taken by {owner(program.port)}."
    return ""


def become(layout: Layout, name: str) -> None:
    """Does not return."""
    program = read(layout)[name]
    os.chdir(layout.services)
    os.execve(program.command[0], program.command, {**os.environ, **program.environment})


if __name__ == "__main__":
    place, chosen = Layout(Path(sys.argv[1])), sys.argv[2]
    if reason := problem(place, chosen):
        sys.exit(reason)
    become(place, chosen)
