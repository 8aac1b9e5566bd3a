"""Great Expectations on the cluster: checkpoints over tables of the lake, as a job by the clock.

What is judged is the share of rows that break no expectation, which is what a score of 95 % is understood to mean; the
library's own figure is the share of expectations that hold.
"""

import json
from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant
from components.base.workload import Application
from components.data_quality import METRICS, DataQualityConfig
from components.jobs import ScheduledJobConfig, job, watched
from components.kubernetes.host import own_room
from components.kubernetes.pods import Schedule
from components.network.endpoints import of_services
from components.storage import Zone
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card, Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import Folder
from mlops.core.fields.kubernetes import ShortName
from mlops.core.module import Need, StackFacts

REPORTS = "quality/checkpoints/"
"""Where results lie in the curated zone (`services/pipelines/checkpoint.py`)."""
SUITES = "expectations/"
"""Folder of the zone of artifacts that suites lie in."""

FileName = Annotated[
    str,
    Form(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*\.(?:parquet|csv)", "a file of Parquet or CSV, `users.parquet`", most=200),
]
SuiteKey = Annotated[
    str,
    Form(
        rf"{SUITES}[A-Za-z0-9._/-]+\.json",
        f"a suite in the zone of artifacts, below {SUITES}: `{SUITES}orders.json`",
        most=300,
    ),
]


class CheckpointConfig(Config):
    """A table of the lake and what is expected of it."""

    name: ShortName
    """What the check is called, in reports and in figures."""
    zone: Zone
    """Zone of the lake that the table lies in."""
    folder: Folder | None = None
    """Folder of the zone that its files lie below, at any depth; null looks at the whole zone."""
    file: FileName | None = None
    """What each of its files is called; null takes every file of Parquet or CSV in the folder."""
    within_hours: int | None = Field(default=None, ge=1, le=8760)
    """Files that were written in that time are the table, hours; null takes the newest file alone."""
    suite: SuiteKey | None = None
    """The suite, as Great Expectations writes one, in the zone of artifacts; null takes what the loop's own features
    are to be, which is known of `users.parquet` and `products.parquet` alone."""
    least_percent: float = Field(default=95.0, ge=0, le=100)
    """Share of rows that break no expectation, percent, below which the check fails."""


class GreatExpectationsConfig(DataQualityConfig):
    """Great Expectations' checkpoints as a job."""

    kind: Literal["great_expectations"] = "great_expectations"
    card: ClassVar[Card] = Card(
        title="Great Expectations",
        best_for="rules on tables that people write down and read again, with a report of each run in the lake",
        not_for="events as they pass: what is checked lies in the lake already",
        complexity="low",
        trade_offs="Each table is read whole into one pod: a gigabyte takes several",
        state="None of its own: suites and reports lie in the lake, whose versions bring them back",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    endpoints: ClassVar[frozenset[str]] = of_services(("cloudwatch", "ecr"))

    checkpoints: Annotated[tuple[CheckpointConfig, ...], Field(min_length=1), Unique(most=50, by="name")] = (
        CheckpointConfig(name="user-features", zone="features", file="users.parquet"),
        CheckpointConfig(name="product-features", zone="features", file="products.parquet"),
    )
    """What is checked. Unless said otherwise the features that the loop computes."""
    every_hours: int = Field(default=1, ge=1, le=23)
    """Between two checks, hours."""
    job: ScheduledJobConfig = ScheduledJobConfig(cpu="500m")
    """The job. A million rows of eight columns take 600 MB."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """An image, a node group."""
        return self.job.misfits("the job of Great Expectations", stack)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the job."""
        return GreatExpectations(name, self, around, opts)


class GreatExpectations(Component[DependentOutputs]):
    """A closed namespace with the job, which reads tables and suites and writes nothing but its reports."""

    token = "mlops:index:GreatExpectations"

    def __init__(
        self,
        name: str,
        config: GreatExpectationsConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        application = Application(name="data-quality", secret="data-quality")
        room = own_room(name, application, foundation, self.child)
        storage = foundation.storage
        zones: dict[Zone, None] = dict.fromkeys(one.zone for one in config.checkpoints)
        read: list[Grant] = [storage.read(zone) for zone in zones]
        checks = [one.model_dump(mode="json") for one in config.checkpoints]
        run = job(
            "great-expectations",
            "checkpoints",
            ("checkpoint",),
            config.job,
            foundation,
            metrics=METRICS,
            variables={"MLOPS_CHECKPOINTS": json.dumps(checks, sort_keys=True)},
            grants=(*read, storage.read("artifacts", SUITES), storage.deliver("curated", REPORTS)),
        )
        every = Schedule(cron=f"20 */{config.every_hours} * * *", deadline_seconds=config.job.deadline_minutes * 60)
        room.schedule(run, every)
        self.publish(
            DependentOutputs(
                watched=tuple(
                    watched(f"checkpoint-{one.name}", METRICS, foundation, Checkpoint=one.name)
                    for one in config.checkpoints
                )
            )
        )
