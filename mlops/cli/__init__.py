"""The `mlops` command."""

import gc
import sys


def main() -> None:
    """Entry of the console script."""
    # A command lives for seconds, in which loading the SDKs makes millions of objects and hardly any garbage:
    # looking for it as often as Python does by default takes a seventh of a plan's time.
    gc.set_threshold(100_000, 50, 100)
    from mlops.cli.app import run

    sys.exit(run(sys.argv[1:]))
