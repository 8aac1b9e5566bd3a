"""Pulumi brings workloads onto the cluster, with all the rest: one program, one preview, one `up`."""

from typing import ClassVar, Literal

import pulumi

from components.base.component import Component
from components.delivery import DeliveryConfig
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card


class DirectConfig(DeliveryConfig):
    """Pulumi applies workloads itself."""

    kind: Literal["direct"] = "direct"
    card: ClassVar[Card] = Card(
        title="Pulumi alone",
        best_for="a team that changes platform and workloads together, and sees both in one preview",
        not_for="teams that may change workloads and not the platform, or that want what drifts put back at once",
        complexity="low",
        trade_offs="nothing to run, and whoever changes a workload needs the rights of a deployment",
        state="Pulumi's own, which lies where `pulumi login` put it: keep a copy of that",
    )

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make nothing: Pulumi is there."""
        return Direct(name, opts)


class Direct(Component[DependentOutputs]):
    """What says so in the state."""

    token = "mlops:index:DirectDelivery"

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.publish(DependentOutputs())
