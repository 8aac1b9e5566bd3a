"""The `mlops` command."""

import atexit
import gc
import os
import sys


def main() -> None:
    """Entry of the console script."""
    # A command that looks lives for seconds, in which loading the SDKs makes millions of objects and hardly any
    # garbage: looking for it takes a seventh of a plan's time. What runs longer turns this on again.
    gc.disable()
    from mlops.cli import ui

    ui.prepare()
    from mlops.cli.app import run

    code = run(sys.argv[1:])
    # What was registered for the end runs; the rest of it would free those objects one by one, which takes a third of
    # a plan's time and frees nothing that the system does not free at once.
    atexit._run_exitfuncs()
    sys.stderr.flush()
    os._exit(code)
