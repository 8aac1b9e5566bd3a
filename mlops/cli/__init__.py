"""The `mlops` command."""

import gc
import sys


def main() -> None:
    """Entry of the console script."""
    # A command that looks lives for seconds, in which loading the SDKs makes millions of objects and hardly any
    # garbage: looking for it takes a seventh of a plan's time. What runs longer turns this on again.
    gc.disable()
    from mlops.cli import ui

    ui.prepare()
    from mlops.cli.app import run

    sys.exit(run(sys.argv[1:]))
