"""What is known of a stack before it exists: its resources, and what its tier and its file chose."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from mlops.plan.graph import Graph


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One setting that differs from its default."""

    part: str
    """The platform's top-level key."""
    setting: str
    """Path below it, dotted; empty for the key itself."""
    value: Any
    """Plain JSON."""
    source: Literal["tier", "stack file"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One stack."""

    tier: str
    choices: tuple[Choice, ...]
    graph: Graph

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data that `from_json` turns back into an equal plan."""
        choices = [asdict(choice) for choice in self.choices]
        return {"tier": self.tier, "choices": choices, "graph": self.graph.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        choices = tuple(Choice(**row) for row in data["choices"])
        return cls(tier=data["tier"], choices=choices, graph=Graph.from_json(data["graph"]))
