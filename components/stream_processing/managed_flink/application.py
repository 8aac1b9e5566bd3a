"""An application as Managed Service for Apache Flink runs it: the settings of one, and what is made of them."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import pulumi_aws as aws
from pydantic import Field

from components.storage import Zone
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import VariableValue
from mlops.core.fields.kubernetes import ShortName

Runtime = Literal["FLINK-1_20", "FLINK-1_19", "FLINK-1_18"]
CodeKey = Annotated[
    str, Form(r"(?!/)[A-Za-z0-9._/-]+\.(?:jar|zip)", "a path below the folder of jobs, `enrich/job.jar`", most=500)
]


PropertyName = Annotated[
    str, Form(r"[A-Za-z0-9._-]+", "the name of a property: letters, digits, `.`, `_` and `-`", most=255)
]


class ApplicationConfig(Config):
    """One job."""

    name: ShortName
    """What the job is called on the platform."""
    code: CodeKey
    """Where its jar (or the zip of a Python job) lies in the lake: the zone of artifacts, below `flink/`. It has to be
    there before the job is declared: AWS looks for it."""
    runtime: Runtime = "FLINK-1_20"
    """Version of Flink that runs it."""
    parallelism: int = Field(default=1, ge=1, le=512)
    """Copies of each operator of the job."""
    parallelism_per_kpu: int = Field(default=1, ge=1, le=8)
    """Copies that share a KPU, a vCPU with 4 GB: `parallelism` over this, rounded up, is what is paid for, and one."""
    autoscaling: bool = True
    """Let AWS add KPUs where the job's CPU is busy, up to eight times the parallelism."""
    checkpoint_seconds: int = Field(default=60, ge=1, le=86_400)
    """Between two checkpoints: what is computed again after a failure."""
    properties: Annotated[Mapping[PropertyName, VariableValue], Field(max_length=50)] = {}
    """What the job is told besides the stream, in the property group `job`. No secrets: state holds them."""
    zones: Annotated[tuple[Zone, ...], Unique(most=4)] = ()
    """Zones of the lake that the job writes to."""
    start: bool = True
    """Run it; false keeps it stopped, with its last snapshot."""

    @property
    def kpus(self) -> int:
        """KPUs that it begins with, without the one for orchestration."""
        return math.ceil(self.parallelism / self.parallelism_per_kpu)


def flink_configuration(
    job: ApplicationConfig,
) -> "aws.kinesisanalyticsv2.ApplicationApplicationConfigurationFlinkApplicationConfigurationArgs":
    """Checkpoints, copies and what is logged."""
    flink = aws.kinesisanalyticsv2
    return flink.ApplicationApplicationConfigurationFlinkApplicationConfigurationArgs(
        checkpoint_configuration=flink.ApplicationApplicationConfigurationFlinkApplicationConfigurationCheckpointConfigurationArgs(
            configuration_type="CUSTOM",
            checkpointing_enabled=True,
            checkpoint_interval=job.checkpoint_seconds * 1000,
            min_pause_between_checkpoints=min(5000, job.checkpoint_seconds * 1000),
        ),
        monitoring_configuration=flink.ApplicationApplicationConfigurationFlinkApplicationConfigurationMonitoringConfigurationArgs(
            configuration_type="CUSTOM", log_level="INFO", metrics_level="TASK"
        ),
        parallelism_configuration=flink.ApplicationApplicationConfigurationFlinkApplicationConfigurationParallelismConfigurationArgs(
            configuration_type="CUSTOM",
            auto_scaling_enabled=job.autoscaling,
            parallelism=job.parallelism,
            parallelism_per_kpu=job.parallelism_per_kpu,
        ),
    )
