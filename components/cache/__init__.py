"""Slot: a cache in memory, for what is asked many times a second."""

from abc import abstractmethod
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class CacheOutputs:
    """Where the cache answers."""

    name: pulumi.Output[str]
    """What the cache is called, which a client's token names."""
    endpoint: pulumi.Output[str]
    """Host name inside the network; TLS only."""
    user: pulumi.Output[str]
    """User that a client logs in as, with a token of its role."""
    connect_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def connect(self) -> Grant:
        """Read and write entries."""
        return Grant(resource="cache", access="connect", statements=self.connect_statements, egress=self.egress)


class CacheConfig(SlotConfig):
    """A cache in memory."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[CacheOutputs]:
        """Make the cache."""
