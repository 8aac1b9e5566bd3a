"""The way from Pulsar to the lake: a worker of the platform's own writes what passes, as Firehose does for others.

It runs the image of the loop (`services/`), in a room of its own, as the clients' role; the broker keeps its place.
"""

from decimal import Decimal
from typing import Literal

import pulumi
from pydantic import Field, model_validator

from components.base.workload import Application, Probes, Shape, Workload
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.kubernetes.host import ClusterHost
from components.storage import DELIVERED
from mlops.core.config import Config
from mlops.core.fields.kubernetes import Cpu, ImageTag, Memory

_PORT = 9109
_OWN_MIB, _TIMES = 256, 8
"""What the program takes by itself, and how many times as much as the events are long while they are collected and
written. Measured with 64 MB of events of the shop, 150 bytes each: 222 MiB, and 7 times."""


class PulsarDeliveryConfig(Config):
    """How raw events reach the lake."""

    buffer_seconds: int = Field(default=300, ge=1, le=900)
    """Longest wait until an object is written; short waits make many small objects."""
    buffer_mb: int = Field(default=64, ge=1, le=128)
    """Size at which an object is written, MB before compression."""
    compression: Literal["GZIP", "UNCOMPRESSED"] = "GZIP"
    """Compression of the objects: what the loop reads."""
    image_tag: ImageTag = "0.1.0"
    """Tag of the image `pipelines` in the platform's registry, built with Pulsar's client. The pod waits until it is
    pushed."""
    cpu: Cpu = "100m"
    """CPU of the worker (Kubernetes quantity)."""
    memory: Memory = "1Gi"
    """Memory of the worker (Kubernetes quantity): eight times `buffer_mb`, and 256Mi for the program."""

    @model_validator(mode="after")
    def _holds_what_it_collects(self) -> "PulsarDeliveryConfig":
        mebibytes = Decimal(self.memory[:-2]) * (1024 if self.memory.endswith("Gi") else 1)
        if mebibytes < (least := _OWN_MIB + _TIMES * self.buffer_mb):
            raise ValueError(
                f"memory is {self.memory} and buffer_mb {self.buffer_mb}, which takes {least}Mi: the worker would be "
                f"killed before it writes; set memory to {least}Mi or more, or buffer_mb lower"
            )
        return self


def deliver(
    name: str,
    config: PulsarDeliveryConfig,
    foundation: Foundation,
    stream: DataPipelineOutputs,
    node_group: str | None,
    opts: pulumi.ResourceOptions,
) -> None:
    """Deliver every event of the topic."""
    application = Application(name="stream-delivery", secret="stream-delivery", stored=True)
    room = ClusterHost(foundation).room(f"{name}-delivery", application, opts)
    storage = foundation.storage
    shape = Shape(
        name="delivery", cpu=config.cpu, memory=config.memory, scratch_gb=1, worker=True, node_group=node_group
    )
    plain = ("--plain",) if config.compression == "UNCOMPRESSED" else ()
    size = ("--seconds", str(config.buffer_seconds), "--megabytes", str(config.buffer_mb))
    room.work(
        Workload(
            shape=shape,
            role="worker",
            image=pulumi.Output.concat(foundation.registry.urls["pipelines"], ":", config.image_tag),
            repository="pipelines",
            port=_PORT,
            command=("deliver", *size, *plain, "--port", str(_PORT)),
            variables={
                "AWS_REGION": foundation.region,
                "MLOPS_BUCKET_RAW": storage.buckets["raw"],
                **stream.client_variables(),
            },
            own_variables={"HOST": "0.0.0.0"},
            secrets=stream.secrets,
            grants=(stream.consume(), storage.deliver("raw", DELIVERED)),
            probes=Probes(ready="/health", start_seconds=180),
            metrics="/metrics",
        )
    )
