"""What is decided about a group of nodes, and what follows from it: AMI, sizes, disks, labels, taints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.cluster.instances import Architecture, InstanceType, describe
from components.kubernetes.placement import GROUP_LABEL, NodePlaces, Taint
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import InstanceTypeName
from mlops.core.fields.kubernetes import GivenLabelValue, LabelKey, LabelValue, TaintKey

Capacity = Literal["on-demand", "spot"]
Os = Literal["al2023", "bottlerocket"]

MOST_GROUP_TAGS = 40
"""AWS holds 50 tags an Auto Scaling group, and EKS and the autoscaler set up to ten."""
GPU_TAINT_KEY = "nvidia.com/gpu"
"""Pods that ask for a GPU get the toleration by themselves (EKS: ExtendedResourceToleration admission)."""

AMI_TYPES: dict[tuple[Os, Architecture, bool], str] = {
    ("al2023", "x86_64", False): "AL2023_x86_64_STANDARD",
    ("al2023", "arm64", False): "AL2023_ARM_64_STANDARD",
    ("al2023", "x86_64", True): "AL2023_x86_64_NVIDIA",
    ("al2023", "arm64", True): "AL2023_ARM_64_NVIDIA",
    ("bottlerocket", "x86_64", False): "BOTTLEROCKET_x86_64",
    ("bottlerocket", "arm64", False): "BOTTLEROCKET_ARM_64",
    ("bottlerocket", "x86_64", True): "BOTTLEROCKET_x86_64_NVIDIA",
    ("bottlerocket", "arm64", True): "BOTTLEROCKET_ARM_64_NVIDIA",
}
"""AMI type by operating system, architecture and GPU. Source: EKS API, `amiType` of CreateNodegroup."""


class TaintConfig(Config):
    """Keeps pods off a group's nodes, unless they tolerate it."""

    key: TaintKey
    """Key, `team` or `example.com/team`."""
    value: LabelValue = ""
    """Value; pods may tolerate any."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"
    """What happens to pods that do not tolerate it."""


class NodeGroupConfig(Config):
    """Nodes of one kind."""

    instance_types: Annotated[tuple[InstanceTypeName, ...], Unique(most=20)] = Field(min_length=1)
    """EC2 instance types, all of one architecture. Spot lasts longer with several of about the same size."""
    capacity: Literal["on-demand", "spot", "mixed"] = "on-demand"
    """on-demand; spot (cheaper, but taken back at two minutes' notice); mixed: `on_demand_size` nodes on-demand,
    the rest spot."""
    min_size: int = Field(default=0, ge=0, le=450)
    """Fewest nodes. 0 costs nothing while no pod asks for the group."""
    desired_size: int | None = Field(default=None, ge=0, le=450)
    """Nodes to begin with; null begins with `min_size`. Afterwards it is the autoscaler's to change."""
    max_size: int = Field(default=5, ge=1, le=450)
    """Most nodes (EKS allows 450 in a group)."""
    on_demand_size: int | None = Field(default=None, ge=1, le=450)
    """With capacity `mixed`: how many nodes are on-demand, always; spot carries the rest. Null means 1."""
    disk_gb: int = Field(default=50, ge=20, le=16384)
    """Size of a node's disk for images and logs, GiB."""
    os: Os = "al2023"
    """Operating system: Amazon Linux 2023, or Bottlerocket (smaller, immutable, without a shell)."""
    labels: dict[LabelKey, GivenLabelValue] = Field(default_factory=dict, max_length=50)
    """Further node labels; every node has `mlops.platform/group`."""
    taints: Annotated[tuple[TaintConfig, ...], Unique(most=50)] = ()
    """Taints; a GPU group has `nvidia.com/gpu` without being told."""
    gpu: bool = False
    """Nodes with NVIDIA GPUs: their AMI, device plugin, taint and labels."""

    @property
    def types(self) -> tuple[InstanceType, ...]:
        """The instance types, read."""
        return tuple(describe(name) for name in self.instance_types)

    @property
    def ami_type(self) -> str:
        """AMI type that fits operating system, architecture and GPU."""
        return AMI_TYPES[self.os, self.types[0].architecture, self.gpu]

    @property
    def scales(self) -> bool:
        """Whether the autoscaler has anything to do."""
        return self.min_size < self.max_size

    @model_validator(mode="after")
    def _one_kind_of_machine(self) -> "NodeGroupConfig":
        types = self.types
        if len({type_.architecture for type_ in types}) > 1:
            listed = ", ".join(f"{type_.name} is {type_.architecture}" for type_ in types)
            raise ValueError(
                f"instance_types mixes architectures ({listed}); images of one do not start on the other. "
                "Make one group for each"
            )
        if self.gpu and (without := [type_.name for type_ in types if not type_.nvidia]):
            raise ValueError(
                f"gpu is true, but {', '.join(without)} has no NVIDIA GPU; "
                "use types of the P, G or Gr series (g6.xlarge, g5g.xlarge, p5.48xlarge), or set gpu to false"
            )
        if not self.gpu and (with_gpu := [type_.name for type_ in types if type_.nvidia]):
            raise ValueError(
                f"{', '.join(with_gpu)} carries GPUs that no pod could use while gpu is false; "
                "set gpu to true, or use a type without GPUs"
            )
        return self

    @model_validator(mode="after")
    def _labels_and_taints_are_told_apart(self) -> "NodeGroupConfig":
        if own := sorted(self.labels.keys() & own_labels(self, "").keys()):
            raise ValueError(f"labels holds {own[0]}, which the platform sets itself; leave it out")
        every = taints(self)
        keys = [(taint.key, taint.effect) for taint in every]
        if twice := [key for index, (key, effect) in enumerate(keys) if (key, effect) in keys[:index]]:
            raise ValueError(f"taints holds {twice[0]} twice with one effect; Kubernetes takes it once for each effect")
        if self.min_size:
            return self
        # An empty group tells the autoscaler of its nodes in tags, which are also resources of this program.
        tags = node_template_tags(self, "")
        if len(tags) > MOST_GROUP_TAGS:
            raise ValueError(
                f"labels and taints become {len(tags)} tags of an Auto Scaling group, which takes {MOST_GROUP_TAGS} "
                "beside EKS's own; use fewer, or set min_size to 1"
            )
        if twice := sorted({tag for tag in tags if [*map(tag_name, tags)].count(tag_name(tag)) > 1}):
            raise ValueError(
                f"{' and '.join(tag.rpartition('node-template/')[2] for tag in twice)} differ by punctuation alone, "
                "and resources are named after them; rename one"
            )
        return self

    @model_validator(mode="after")
    def _sizes(self) -> "NodeGroupConfig":
        desired = self.min_size if self.desired_size is None else self.desired_size
        if not self.min_size <= desired <= self.max_size:
            raise ValueError(
                f"min_size is {self.min_size}, desired_size {desired} and max_size {self.max_size}; "
                "in this order they must not decrease"
            )
        if self.capacity != "mixed" and self.on_demand_size is not None:
            raise ValueError(
                f'on_demand_size is {self.on_demand_size}, and capacity is "{self.capacity}"; '
                'leave it out, or set capacity to "mixed"'
            )
        if self.capacity == "mixed" and self.max_size <= (self.on_demand_size or 1):
            raise ValueError(
                f"of max_size {self.max_size} nodes {self.on_demand_size or 1} are on-demand, which leaves none "
                'for spot; raise max_size, lower on_demand_size, or set capacity to "on-demand"'
            )
        return self

    @property
    def sizes(self) -> "dict[Capacity, Sizes]":
        """The managed node groups that this one becomes, by capacity type."""
        desired = self.min_size if self.desired_size is None else self.desired_size
        if self.capacity != "mixed":
            return {self.capacity: Sizes(min=self.min_size, desired=desired, max=self.max_size)}
        fixed = self.on_demand_size or 1
        return {
            "on-demand": Sizes(min=fixed, desired=fixed, max=fixed),
            "spot": Sizes(
                min=max(self.min_size - fixed, 0), desired=max(desired - fixed, 0), max=self.max_size - fixed
            ),
        }


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of nodes."""

    min: int
    desired: int
    max: int


def tag_name(tag: str) -> str:
    """What a tag of `node_template_tags` is called in names of resources."""
    return re.sub("[^a-zA-Z0-9]+", "-", tag.partition("node-template/")[2])


def disks(config: NodeGroupConfig) -> dict[str, int]:
    """GiB by device. Bottlerocket has its system on a small disk of its own; images and logs go to the second."""
    return (
        {"/dev/xvda": 4, "/dev/xvdb": config.disk_gb} if config.os == "bottlerocket" else {"/dev/xvda": config.disk_gb}
    )


def labels(config: NodeGroupConfig, group: str) -> dict[str, str]:
    """Node labels."""
    return {**own_labels(config, group), **config.labels}


def own_labels(config: NodeGroupConfig, group: str) -> dict[str, str]:
    """Node labels that the platform sets. The accelerator label is how the Cluster Autoscaler knows that a node still
    waits for its GPUs; `nvidia.com/gpu.present` is what the device plugin's chart selects by."""
    gpu = {"k8s.amazonaws.com/accelerator": "nvidia", "nvidia.com/gpu.present": "true"} if config.gpu else {}
    return {GROUP_LABEL: group, "mlops.platform/os": config.os, **gpu}


def taints(config: NodeGroupConfig) -> tuple[TaintConfig, ...]:
    """Taints of the nodes; pods without GPUs stay off GPU nodes."""
    gpu = (TaintConfig(key=GPU_TAINT_KEY, value="present"),) if config.gpu else ()
    return (*gpu, *config.taints)


def node_places(groups: Mapping[str, NodeGroupConfig]) -> NodePlaces:
    """The groups as pods see them."""
    return NodePlaces(
        taints={
            name: tuple(Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in taints(group))
            for name, group in groups.items()
        }
    )


def node_template_tags(config: NodeGroupConfig, group: str) -> dict[str, str]:
    """Tags of an Auto Scaling group from which the Cluster Autoscaler imagines its first node. GPUs, CPU and
    memory it knows from the instance type. Source: autoscaler repository, cloudprovider/aws/README.md."""
    template = "k8s.io/cluster-autoscaler/node-template"
    return {
        **{f"{template}/label/{key}": value for key, value in labels(config, group).items()},
        **{f"{template}/taint/{taint.key}": f"{taint.value}:{taint.effect}" for taint in taints(config)},
        f"{template}/resources/ephemeral-storage": f"{config.disk_gb}Gi",
    }
