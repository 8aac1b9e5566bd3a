"""Looks after the parts: `python -m mlops.local.watch ROOT`, itself under the supervisor.

The supervisor starts anew what has ended. Here is seen what runs and does not answer, what was given up, and how often
anything was started: `mlops local status` shows it, `mlops local logs health` tells the story.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops.local.health import look
from mlops.local.layout import Layout, read_json, write_json
from mlops.local.programs import Program, read
from mlops.local.progress import Progress
from mlops.local.supervisor import State, Supervisor

TURN_SECONDS = 2.0
_PATIENCE_SECONDS = 30.0
"""How long a part that has answered may be silent before it is started anew."""
_AGAIN_SECONDS = 15.0
"""Between two attempts to start what the supervisor has given up, for example because its port was taken."""


@dataclass
class Seen:
    """What is remembered of one part."""

    pid: int = 0
    restarts: int = 0
    answered: float = 0.0
    """Monotonic time of its last good answer since it was started; 0 for never."""
    given_up: float = 0.0
    """Monotonic time when the supervisor gave it up or it was tried again; 0 while it is not given up."""
    healthy: bool = False
    detail: str = ""
    start: Progress | None = None
    """How its start gets on, until it has answered."""

    @property
    def starting(self) -> bool:
        return self.start is not None


class Watch:
    """One round after the other."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor = Supervisor(layout)
        # A watch that was itself started anew goes on counting.
        kept = read_json(layout.health)
        self._seen = {name: Seen(pid=row["pid"], restarts=row["restarts"]) for name, row in kept.items()}

    def run(self) -> None:
        """Look until the supervisor is gone."""
        missed = 0
        while missed < 3:
            states = self._supervisor.states()
            missed = 0 if states else missed + 1
            self.turn(states, read(self._layout))
            time.sleep(TURN_SECONDS)
        _say("the process manager is gone; `mlops local restart` brings everything back")

    def turn(self, states: Mapping[str, State], programs: Mapping[str, Program]) -> None:
        """Look at every part once."""
        for name, program in programs.items():
            if name in states:
                self._look(program, states[name], self._seen.setdefault(name, Seen()))
        rows = {
            name: {
                "pid": seen.pid,
                "restarts": seen.restarts,
                "healthy": seen.healthy,
                "detail": seen.detail,
                "starting": seen.starting,
            }
            for name, seen in self._seen.items()
        }
        try:
            write_json(self._layout.health, rows)
        except OSError as error:
            _say(f"what was seen cannot be written: {error}")

    def _look(self, program: Program, state: State, seen: Seen) -> None:
        now = time.monotonic()
        if state.pid and state.pid != seen.pid:
            if seen.pid:
                seen.restarts += 1
                _say(f"{program.name} ended and was started anew: process {state.pid} in place of {seen.pid}")
            seen.pid, seen.answered, seen.start = state.pid, 0.0, Progress(program.start_seconds)
        health = look(program, state.pid)
        if health.ok and not seen.healthy:
            _say(f"{program.name} works")
        elif not health.ok and seen.healthy:
            _say(f"{program.name} {health.detail}")
        seen.healthy, seen.detail = health.ok, health.detail
        if health.ok:
            seen.answered, seen.given_up, seen.start = now, 0.0, None
        elif state.state == "FATAL":
            self._try_again(program, seen, now)
        elif state.state == "RUNNING" and self._hangs(program, seen, now):
            _say(f"{program.name} {health.detail}, and that for too long: it is started anew")
            self._supervisor.stop_program(program.name)
            self._supervisor.start_program(program.name)

    def _try_again(self, program: Program, seen: Seen, now: float) -> None:
        if not seen.given_up:
            seen.given_up = now
            _say(f"{program.name} ended at its start, several times; it is tried again every {_AGAIN_SECONDS:.0f} s")
        elif now - seen.given_up > _AGAIN_SECONDS:
            seen.given_up = now
            self._supervisor.start_program(program.name)

    def _hangs(self, program: Program, seen: Seen, now: float) -> bool:
        """Silent for too long since it last answered; or, when it never has, not even getting on with its start."""
        if seen.answered:
            return now - seen.answered > _PATIENCE_SECONDS
        seen.start = seen.start or Progress(program.start_seconds)
        return not seen.start.goes_on(seen.pid, self._layout.logs / f"{program.name}.log", now)


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Watch(Layout(Path(sys.argv[1]))).run()
