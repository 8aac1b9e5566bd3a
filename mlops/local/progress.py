"""Whether something that starts gets on: it writes to its log, or it computes. On a busy machine both take long."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LONGEST = 10
"""Times the usual, after which a part that still does not answer counts as hanging, however busy it is."""
_BUSY = 0.02
"""Share of a processor from which on a process is taken to compute: one that only waits needs less."""


@dataclass
class Progress:
    """What was last seen of one start. The first look is its beginning."""

    patience: float
    """Seconds without any progress that are too many."""
    _began: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)
    _looked: float = field(default_factory=time.monotonic)
    _seen: tuple[float, int] | None = None

    def goes_on(self, pid: int, log: Path, now: float) -> bool:
        """Look once; whether it may still be waited for. `now` is monotonic."""
        cpu, size = _cpu_seconds(pid), _size(log)
        if self._seen is None or size != self._seen[1] or cpu - self._seen[0] > _BUSY * (now - self._looked):
            self._last = now
        self._seen, self._looked = (cpu, size), now
        return now - self._last < self.patience and now - self._began < LONGEST * self.patience


def _cpu_seconds(pid: int) -> float:
    """What a process and those that it has started have computed."""
    total = 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return total
    for member in family:
        try:
            times = member.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
