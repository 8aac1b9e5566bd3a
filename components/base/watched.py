"""What a part of the platform publishes about itself, so that whatever monitoring is chosen watches it: nobody keeps a
list of what there is to be watched."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A resource of which CloudWatch has metrics."""

    what: str
    """Which one it is, as a word that names resources: `stream`."""
    namespace: str
    """The metrics' namespace: `AWS/Kinesis`. `components.watch.aws` says what is looked at there."""
    dimensions: Mapping[str, pulumi.Input[str]]
    """The dimensions that tell it from others: StreamName and its value."""
