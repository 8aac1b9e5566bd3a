"""Slot: who brings workloads onto the cluster."""

from typing import ClassVar

from components.kubernetes.handover import Handover
from components.surroundings import DependentConfig


class DeliveryConfig(DependentConfig):
    """Who brings workloads onto the cluster. Without it Pulumi does, as with the kind `direct`."""

    exported: ClassVar[frozenset[str]] = frozenset({"deliveryUrl"})

    def handover(self, prefix: str) -> Handover | None:
        """Where objects of workloads are handed over; None has Pulumi apply them.

        Args:
            prefix: start of physical names.
        """
        return None
