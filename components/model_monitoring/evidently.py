"""Evidently on the cluster: the loop's monitor as a job by the clock, with Evidently's reports in the lake.

The loop's worker looks at the same every few minutes to decide whether to train; reports are for people, who ask months
later what the events were like.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import pulumi
from pydantic import Field

from components.base.component import Component
from components.base.workload import Application
from components.jobs import ScheduledJobConfig, job, watched
from components.kubernetes.host import own_room
from components.kubernetes.pods import Schedule
from components.model_monitoring import METRICS, ModelMonitoringConfig
from components.network.endpoints import of_services
from components.storage import ZONES
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card
from mlops.core.module import Need, StackFacts

REPORTS = "monitoring/"
"""Where reports, and what was seen last, lie in the zone of artifacts (`services/pipelines/report.py`)."""


class EvidentlyConfig(ModelMonitoringConfig):
    """Evidently's reports as a job."""

    kind: Literal["evidently"] = "evidently"
    card: ClassVar[Card] = Card(
        title="Evidently",
        best_for="drift of the reference workload's events, in reports that are kept where the data is",
        not_for="models that the platform's loop did not train, and traces of language models",
        complexity="low",
        trade_offs="One look an hour by a job, and no page of its own: reports are files that Evidently reads",
        state="None of its own: reports lie in the lake, whose versions bring them back",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    beside: ClassVar[Mapping[str, tuple[str, ...]]] = {"ml_platform": ()}
    endpoints: ClassVar[frozenset[str]] = of_services(("cloudwatch", "ecr"))

    every_hours: int = Field(default=1, ge=1, le=23)
    """Between two reports, hours."""
    keep_days: int = Field(default=90, ge=1, le=3650)
    """Days for which reports are kept."""
    job: ScheduledJobConfig = ScheduledJobConfig(cpu="500m", memory="2Gi")
    """The job, which holds the events of the training and those since in memory, as the loop does."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """An image, a node group."""
        return self.job.misfits("the job of Evidently", stack)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the job."""
        return Evidently(name, self, around, opts)


class Evidently(Component[DependentOutputs]):
    """A closed namespace with the job, which reads the lake and the registry and writes nothing but its reports."""

    token = "mlops:index:Evidently"

    def __init__(
        self, name: str, config: EvidentlyConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation, platform = around.foundation, around.ml_platform
        if platform is None:
            raise LookupError("Evidently is built beside an ml_platform, which the settings should have said.")
        application = Application(name="model-monitoring", secret="model-monitoring", tracks=True)
        room = own_room(name, application, foundation, self.child)
        storage = foundation.storage
        run = job(
            "evidently",
            "reports",
            ("report", "--keep-days", str(config.keep_days)),
            config.job,
            foundation,
            metrics=METRICS,
            variables={"MLFLOW_TRACKING_URI": platform.tracking_uri},
            grants=(
                *(storage.read(zone) for zone in ZONES),
                storage.erase("artifacts", REPORTS),
                platform.track(),
            ),
        )
        every = Schedule(cron=f"40 */{config.every_hours} * * *", deadline_seconds=config.job.deadline_minutes * 60)
        room.schedule(run, every)
        self.publish(DependentOutputs(watched=(watched("reports", METRICS, foundation),)))
