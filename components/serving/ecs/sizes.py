"""The sizes that Fargate has, and what of a workload fits into them.

Source: ECS developer guide, "Troubleshoot Amazon ECS task definition invalid CPU or memory errors" (the table of task
sizes) and "Fargate task ephemeral storage".
"""

from collections.abc import Mapping

from components.base.workload import Shape
from mlops.core.fields.kubernetes import cores, mebibytes

SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
    32768: (61440, 122880, 249856),
}
"""CPU units of a task (1,024 a vCPU) -> MiB of memory that it may have with them. 32 vCPU: cfn-lint 1.58.0, E3047."""
FREE_SCRATCH_GB, MOST_SCRATCH_GB = 20, 200
"""GiB of scratch that every task has, and the most that it may ask for."""
MOST_TASKS = 5_000
"""Tasks of a service. Source: ECS service quotas."""


def units(cpu: str) -> int:
    """CPU units of a quantity of CPU."""
    return int(cores(cpu) * 1024)


def mib(memory: str) -> int:
    """MiB of a quantity of memory."""
    return int(mebibytes(memory))


def no_size(what: str, cpu: str, memory: str) -> tuple[str, ...]:
    """Why Fargate has no task of a size, one sentence; nothing where it has."""
    asked = units(cpu)
    if asked not in SIZES or cores(cpu) * 1024 != asked:
        allowed = ", ".join(_cpu(size) for size in SIZES)
        return (f"{what} asks for cpu {cpu}, and Fargate has tasks of {allowed}; choose one of them",)
    if mib(memory) in SIZES[asked] and mebibytes(memory) == mib(memory):
        return ()
    allowed = ", ".join(_memory(size) for size in SIZES[asked])
    sentence = (
        f"{what} asks for memory {memory} with cpu {cpu}, a size that Fargate does not have; with that cpu it has "
        f"{allowed}"
    )
    return (sentence,)


def misfits(what: str, shape: Shape) -> tuple[str, ...]:
    """Why Fargate cannot run a workload, one sentence each."""
    found = [*no_size(what, shape.cpu, shape.memory)]
    if shape.scratch_gb > MOST_SCRATCH_GB:
        found.append(
            f"{what} asks for scratch_gb {shape.scratch_gb}, and a task has at most {MOST_SCRATCH_GB}; use less"
        )
    if shape.most > MOST_TASKS:
        found.append(f"{what} asks for max_replicas {shape.most}, and a service has at most {MOST_TASKS:,} tasks")
    if shape.node_group:
        found.append(f"{what} names node group {shape.node_group}, and Fargate has no nodes; leave node_group out")
    return tuple(found)


def _cpu(cpu_units: int) -> str:
    return f"{cpu_units * 1000 // 1024}m" if cpu_units < 1024 else str(cpu_units // 1024)


def _memory(size: int) -> str:
    return f"{size}Mi" if size % 1024 else f"{size // 1024}Gi"
