"""The definition: the loop's steps, what each needs, and what it takes to run one."""

from dataclasses import dataclass
from typing import Any

COMMAND = ("python", "-m", "pipelines")
"""The image's entry point; a step's name is its first argument."""
STATE = {"MLOPS_STATE": "/tmp/state"}
"""Where a step keeps scratch files: all that a later one needs is in the buckets."""
INPUT, STOPPED = 2, 3
"""Exit codes that another attempt would not change: what was given cannot be used; a gate stopped the loop."""
FIRST_PAUSE_SECONDS, PAUSE_FACTOR = 30, 2
"""Before the second attempt, and how much longer before each further one. A lease that a killed step left is over after
90 s (`pipelines/lease.py`): three attempts outlast it."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step, as an orchestrator knows it."""

    name: str
    needs: tuple[str, ...]
    cpu: str
    """Kubernetes quantity."""
    memory: str
    """Kubernetes quantity: what the step takes at a million users and 5 million events."""
    timeout_seconds: int = 3600
    """After which an attempt is given up: features would be stale by then."""
    attempts: int = 3
    """How often it is tried; a step is safe to repeat."""

    def arguments(self, run: Any, options: Any) -> list[Any]:
        """Arguments for the image's entry point.

        Args:
            run: name of the run, or the orchestrator's own reference to it; the same for all steps.
            options: JSON of the loop's options, or a reference to it.
        """
        return [self.name, "--run", run, "--options", options]


STEPS = (
    Step(name="ingest", needs=(), cpu="1", memory="2Gi"),
    Step(name="validate", needs=("ingest",), cpu="1", memory="4Gi"),
    Step(name="features", needs=("validate",), cpu="1", memory="5Gi"),
    Step(name="train", needs=("validate", "features"), cpu="1", memory="3Gi"),
    Step(name="evaluate", needs=("features", "train"), cpu="1", memory="3Gi"),
    Step(name="explain", needs=("validate", "train", "evaluate"), cpu="1", memory="3Gi"),
    Step(name="register", needs=("train", "evaluate", "explain"), cpu="1", memory="2Gi"),
    Step(name="deploy", needs=("train", "register"), cpu="500m", memory="1Gi"),
    Step(name="monitor", needs=("deploy",), cpu="1", memory="3Gi"),
    Step(name="decide", needs=("monitor",), cpu="500m", memory="1Gi"),
)
"""In an order in which one after another could run."""
