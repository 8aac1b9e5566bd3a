"""How a SageMaker endpoint runs: on instances that wait, without any, or behind a queue; and what each cannot do.

Source of what serverless endpoints lack: SageMaker developer guide, "Deploy models with Amazon SageMaker Serverless
Inference", feature exclusions. Of asynchronous ones and of shadow variants: "Asynchronous inference" and "Shadow
variants". The sizes and bounds are those of the API's model (botocore 1.44.5), which the tests hold this against.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.serving import ModelConfig
from mlops.core import offerings
from mlops.core.config import Config
from mlops.core.fields import Form

EndpointInstance = Annotated[
    str,
    Form(
        r"ml\.[a-z][a-z0-9-]*\.[0-9]*x?(?:large|medium)",
        "an instance type of SageMaker, `ml.m5.large` or `ml.g5.xlarge`",
        most=32,
    ),
]
_GPU = re.compile(r"ml\.(?:g|p)\d")
_OWN_DISKS = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g4dn|g5|g6e?|p4de?|p5e?n?|trn1n?|inf2|i\d)\.")
"""Families whose disks are their own, and which take no key. Source: EC2 user guide, "Instance store volumes"."""


class RealTime(Config):
    """Instances that wait for requests. Answers within 60 seconds, requests of up to 25 MB."""

    kind: Literal["real-time"] = "real-time"
    instance_type: EndpointInstance = "ml.m5.large"
    """Instance of each replica; charged by the hour."""
    requests_per_minute: int = Field(default=1000, ge=1, le=1_000_000)
    """Requests a minute of each instance above which one is added."""
    capture_percent: int = Field(default=0, ge=0, le=100)
    """Share of requests and answers that is kept in the raw zone, in percent. What users send may be personal data; the
    loop neither masks nor erases it there."""


class Serverless(Config):
    """No instances: charged by the second while it works, with a cold start when nobody has asked for a while."""

    kind: Literal["serverless"] = "serverless"
    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    """Memory, MB; CPU follows it."""
    max_concurrency: int = Field(default=20, ge=1, le=200)
    """Requests that it works on at the same time; further ones are refused."""
    provisioned_concurrency: int = Field(default=0, ge=0, le=200)
    """Of these, those that are kept warm; charged by the hour."""


class Asynchronous(Config):
    """Requests wait in a queue and answers lie in the lake: for inputs of up to 1 GB, and up to an hour of work. Scales
    to zero."""

    kind: Literal["asynchronous"] = "asynchronous"
    instance_type: EndpointInstance = "ml.m5.large"
    """Instance of each replica; charged by the hour while it is there."""
    concurrent_requests: int = Field(default=4, ge=1, le=1000)
    """Requests that an instance works on at the same time."""
    backlog_per_instance: int = Field(default=5, ge=1, le=100_000)
    """Requests that wait for each instance above which one is added."""


Mode = Annotated[RealTime | Serverless | Asynchronous, Field(discriminator="kind")]


def problems(model: ModelConfig, mode: RealTime | Serverless | Asynchronous) -> Iterator[str]:
    """Why a model cannot run that way, one sentence each."""
    name = f"model {model.name}"
    if isinstance(mode, Serverless):
        if model.gpus:
            yield f"{name} asks for {model.gpus} GPUs, and a serverless endpoint has none; {_INSTEAD}"
        if mode.provisioned_concurrency > mode.max_concurrency:
            yield (
                f"{name} has provisioned_concurrency {mode.provisioned_concurrency} and max_concurrency "
                f"{mode.max_concurrency}; set max_concurrency to {mode.provisioned_concurrency} or more"
            )
    else:
        if model.gpus and not _GPU.match(mode.instance_type):
            yield (
                f"{name} asks for {model.gpus} GPUs, and {mode.instance_type} has none; set its instance_type to one "
                "of the series ml.g or ml.p, or its gpus to 0"
            )
    if isinstance(mode, RealTime) and model.min_replicas == 0:
        yield (
            f"{name} has min_replicas 0, and a real-time endpoint has an instance at all times. Set min_replicas to 1 "
            "or more, or its mode to serverless or asynchronous"
        )
    if model.trial and not isinstance(mode, RealTime):
        yield f"{name} has a {model.trial}, and an endpoint that is {mode.kind} has one variant alone; {_INSTEAD}"


_INSTEAD = "set its mode to real-time"


def unavailable(model: str, mode: RealTime | Serverless | Asynchronous, region: str) -> str | None:
    """Why its instance is not to be had in the region."""
    if isinstance(mode, Serverless):
        return None
    problem = offerings.problem("sagemaker_endpoints", region, mode.instance_type)
    return f"model {model} runs on instance_type {mode.instance_type}: {problem}" if problem else None


def takes_a_key(instance_type: str) -> bool:
    """Whether the disks of an instance are volumes that a key encrypts."""
    return not _OWN_DISKS.match(instance_type)
