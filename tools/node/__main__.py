"""Builds the node's programs, brings the node up, and takes it away."""

import argparse
import os
import sys
from collections.abc import Sequence

from node import helm, machine, programs, provider
from node.places import Home


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m node", description="A Kubernetes of one node on this machine.")
    parser.add_argument(
        "action",
        choices=("build", "provider", "helm", "up", "down", "check"),
        help="provider builds the Pulumi Kubernetes provider, helm builds Helm; check says what is lacking here",
    )
    action = parser.parse_args(arguments).action
    home = Home.found()
    try:
        if action == "build":
            programs.build(home, _say)
        elif action == "provider":
            provider.build(home)
        elif action == "helm":
            helm.build(home)
        elif action == "up":
            machine.up(home, _say)
            _say(f"KUBECONFIG={home.kubeconfig}")
        elif action == "down":
            machine.down(home)
        else:
            why = machine.lacking(home)
            for sentence in why:
                _say(sentence)
            return 1 if why else 0
    except (machine.NodeError, programs.BuildError) as error:
        sys.stderr.write(f"node: {error}\n")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"node: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main(sys.argv[1:]))
