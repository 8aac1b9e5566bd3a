"""On which nodes models may run: what the settings say, held against the groups that the cluster has."""

from collections.abc import Mapping, Sequence

from components.serving import ModelConfig
from mlops.core.module import StackFacts


def conflicts(models: Sequence[ModelConfig], groups: Mapping[str, str | None], stack: StackFacts) -> tuple[str, ...]:
    """Why models would find no node, one sentence each.

    Args:
        groups: node group by model; None leaves it to the scheduler.
    """
    wrong: list[str] = []
    with_gpus = [model.name for model in models if model.gpus]
    if with_gpus and not stack.gpus:
        wrong.append(
            f"{', '.join(with_gpus)} asks for GPUs, and no node group of the cluster has any; "
            "add a group with `gpu: true` to cluster.node_groups, or set the model's gpus to 0"
        )
    for model in models:
        wrong += stack.misplaced(f"model {model.name}", groups[model.name], gpus=model.gpus > 0)
    return tuple(wrong)
