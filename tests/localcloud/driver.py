"""One operation on the flat stack in a process of its own, for tests that stop it in the middle."""

import json
import sys
from pathlib import Path

from localcloud.engine import LocalCloud
from localcloud.events import Event, StepEvent
from localcloud.recovery import BusyError
from tests.plan.programs import PROJECT, STACK, flat


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(event: Event) -> None:
    if isinstance(event, StepEvent):
        say(f"{event.status} {event.operation} {event.name}")
    else:
        say(f"{event.severity}: {event.text}")


def main(folder: str, binary: str, operation: str, delay: str) -> int:
    """Run `up` or `destroy`; what happens goes to standard output, the result as its last line."""
    try:
        with LocalCloud(Path(folder), pulumi=Path(binary), delay_seconds=float(delay)) as cloud:
            stack = cloud.stack(flat(), project=PROJECT, stack=STACK, config={})
            result = stack.up(show) if operation == "up" else stack.destroy(show)
            left = len(cloud.world)
    except BusyError as error:
        say(f"busy: {error}")
        return 3
    failures = [failure.message for failure in result.failures]
    outcome = {"counts": result.counts, "interrupted": result.interrupted, "failures": failures, "left": left}
    say(json.dumps(outcome))
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
