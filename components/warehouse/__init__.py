"""Slot: the warehouse, where tables are joined and reported on."""

from abc import abstractmethod
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class WarehouseOutputs:
    """Where SQL is answered."""

    endpoint: pulumi.Output[str]
    """Host name for clients inside the network; they speak PostgreSQL's protocol over TLS."""
    database: pulumi.Output[str]
    """Name of the database that exists from the start."""
    workgroup: pulumi.Output[str]
    """What a client of the service's own API names."""
    query_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def query(self) -> Grant:
        """Log in with credentials of an hour, and ask."""
        return Grant(resource="warehouse", access="query", statements=self.query_statements, egress=self.egress)


class WarehouseConfig(SlotConfig):
    """The warehouse."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[WarehouseOutputs]:
        """Make the warehouse."""
