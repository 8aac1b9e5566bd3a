"""What AWS Batch would refuse, or leave waiting for ever, said when the settings are read."""

from collections.abc import Sequence

from components.cluster.instances import describe
from components.compute.aws_batch.jobs import BatchSizeConfig
from components.serving.ecs.sizes import no_size
from mlops.core import offerings
from mlops.core.fields.kubernetes import cores
from mlops.core.module import StackFacts

Sizes = Sequence[tuple[str, BatchSizeConfig]]
"""What runs, in the words that name it in a sentence, and what it asks for."""


def fargate(capacity: str, cpu_architecture: str, sizes: Sizes) -> tuple[str, ...]:
    """Sources: Batch user guide, "Job definition parameters" (runtimePlatform); ECS's sizes of tasks."""
    found: list[str] = []
    if capacity == "fargate-spot" and cpu_architecture == "arm64":
        found.append(
            "capacity is fargate-spot and cpu_architecture arm64, which Batch has on demand only; set capacity to "
            "fargate, or cpu_architecture to x86_64"
        )
    for what, size in sizes:
        if size.gpus:
            found.append(f"{what} asks for {size.gpus} GPUs, and Fargate has none; set capacity to ec2 or spot")
        found += no_size(what, size.cpu, size.memory)
    return tuple(found)


def machines(capacity: str, types: Sequence[str], sizes: Sizes, stack: StackFacts) -> tuple[str, ...]:
    """Machines that there are, of one processor, that reach ECS and have what jobs ask for."""
    found = [
        f"instance_types: {problem}"
        for name in types
        if (problem := offerings.problem("instance_types", stack.region, name))
    ]
    if not types:
        found.append(f"capacity is {capacity} and instance_types is empty; name some, `m7i.xlarge`")
    if len({describe(name).architecture for name in types}) > 1:
        found.append("instance_types mixes x86_64 and arm64, and an image runs on one of them; keep to one")
    if not stack.way_out:
        found.append(
            f"capacity is {capacity}, whose machines register with ECS, and network.mode is isolated, which has no way "
            "there; set capacity to fargate"
        )
    without = [name for name in types if not describe(name).nvidia]
    for what, size in sizes:
        if cores(size.cpu) % 1:
            found.append(f"{what} asks for cpu {size.cpu}, and on EC2 a job has whole vCPUs; ask for 1 or more")
        if size.gpus and without:
            found.append(
                f"{what} asks for {size.gpus} GPUs, and {', '.join(without)} of instance_types have none; name types "
                "with GPUs only, `g6.xlarge`"
            )
    return tuple(found)
