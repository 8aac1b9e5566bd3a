"""AWS Batch and EMR Serverless. Source of what is charged: their pricing pages. Batch itself is free: what its jobs use
is paid as Fargate or EC2."""

import re
from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context, Item, Rule, used
from mlops.plan.graph import Node

ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
APPLICATION = "aws:emrserverless/application:Application"
_BOTH = (ENVIRONMENT, APPLICATION)
SCHEDULE = "aws:scheduler/schedule:Schedule"
_TRAINING = "arn:aws:scheduler:::aws-sdk:sagemaker:createTrainingJob"
_GB_A_VCPU = 4
_SPOT_SHARE = Decimal("0.3")
"""Of the price on demand: Fargate Spot saves up to 70 % (Fargate pricing page)."""
_SIZES = {"medium": Decimal(1), "large": Decimal(2), "xlarge": Decimal(4)}
"""vCPUs by the end of an instance type's name; `4xlarge` has four times those of `xlarge`."""


def environment(node: Node, context: Context) -> Iterator[Item]:
    """By the hours that jobs run: on Fargate by vCPU and GB, on machines by the share of the first type named."""
    hours = context.share("compute.batch_vcpu_hours", *_BOTH)
    kind = node.at("computeResources.type").text()
    types = [*node.at("computeResources.instanceTypes").texts()]
    if kind.startswith("FARGATE"):
        # Fargate Spot has no list price of its own in the book: what it saves is taken off the hours.
        share = _SPOT_SHARE if kind == "FARGATE_SPOT" else Decimal(1)
        label = "batch jobs on Fargate Spot" if kind == "FARGATE_SPOT" else "batch jobs on Fargate"
        yield used(f"{label}: vCPU", ("fargate", "vcpu_linux_x86"), hours * share)
        yield used(f"{label}: memory", ("fargate", "memory_linux_x86"), hours * _GB_A_VCPU * share)
    elif types:
        machine_hours = hours / vcpus(types[0])
        book = "ec2_spot_linux_typical" if kind == "SPOT" else "ec2_on_demand_linux"
        yield used(f"machines of batch jobs, {types[0]}", (book, types[0]), machine_hours)


def application(node: Node, context: Context) -> Iterator[Item]:
    """By the vCPU and GB hours of the workers of all jobs; an application that is stopped costs nothing."""
    hours = context.share("compute.batch_vcpu_hours", *_BOTH)
    processor = "arm" if node.at("architecture").text() == "ARM64" else "x86"
    yield used("EMR Serverless: vCPU", ("emr_serverless", f"vcpu_{processor}"), hours)
    yield used("EMR Serverless: memory", ("emr_serverless", f"memory_{processor}"), hours * _GB_A_VCPU)


def schedule(node: Node, context: Context) -> Iterator[Item]:
    """A call is free; of those that start training, the machines that it asks for. Spot's share of the price changes by
    the day, so that it is reckoned as on demand."""
    starts = [one for one in context.of_type(SCHEDULE) if one.at("target.arn").text() == _TRAINING]
    if any(one.urn == node.urn for one in starts):
        machine = node.at("target.input").document().at("ResourceConfig.InstanceType").text("unknown")
        hours = context.figure("compute.training_hours") / len(starts)
        yield used(f"training on {machine}", ("sagemaker", machine), hours)


def vcpus(instance_type: str) -> Decimal:
    """vCPUs of an instance type, by its size; those of `large` where the name does not tell."""
    size = instance_type.rpartition(".")[2]
    times = re.fullmatch(r"([0-9]+)xlarge", size)
    return _SIZES["xlarge"] * int(times[1]) if times else _SIZES.get(size, _SIZES["large"])


RULES: dict[str, Rule] = {ENVIRONMENT: environment, APPLICATION: application, SCHEDULE: schedule}
NOTHING_ASKED: dict[str, str] = {SCHEDULE: "the first 14 million invocations of a month are free"}
"""Why a resource costs nothing although its type has a rule."""
