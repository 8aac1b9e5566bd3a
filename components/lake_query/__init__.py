"""Slot: SQL over the lake, where its data lies."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Grant, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class LakeQueryOutputs:
    """Where queries are asked, and what they find."""

    workgroup: pulumi.Output[str]
    """What a client names: the workgroup, which says how results are kept and what a query may read."""
    databases: Mapping[str, pulumi.Output[str]]
    """Database of the catalogue by the lake's zone."""
    query_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def query(self) -> Grant:
        """Ask, and read what is asked for."""
        return Grant(resource="lake_query", access="query", statements=self.query_statements)


class LakeQueryConfig(SlotConfig):
    """SQL over the lake."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[LakeQueryOutputs]:
        """Make the catalogue and what answers queries."""
