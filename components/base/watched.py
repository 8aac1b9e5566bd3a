"""What a part of the platform publishes about itself, so that whatever monitoring is chosen watches it: nobody keeps a
list of what there is to be watched."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A resource of which CloudWatch has metrics, or a module whose pods have."""

    what: str
    """Which one it is, as a word that names resources: `stream`."""
    namespace: str
    """The metrics' namespace: `AWS/Kinesis`, of which `components.watch.aws` says what is looked at; of what a module's
    pods announce, the module's own name: `Flink`, of which `components.watch.modules` does."""
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """The dimensions that tell it from others: StreamName and its value; pods are told apart by where they run."""
