"""The `mlops` command."""

import sys


def main() -> None:
    """Entry of the console script."""
    from mlops.cli.app import run

    sys.exit(run(sys.argv[1:]))
