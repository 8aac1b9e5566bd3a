"""The words of an estimate: what a rule says (items), what comes of it (lines), and what could not be priced."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from mlops.core.usage import MONTH_HOURS, UsageConfig
from mlops.cost.book import Price
from mlops.plan.graph import Graph, Node

Kind = Literal["fixed", "usage"]
"""fixed: it costs this by being there. usage: it follows from an assumption."""

HOURS = Decimal(MONTH_HOURS)
Sku = tuple[str, str]
"""Service and SKU in the price book."""


def number(value: Any, default: float = 0) -> Decimal:
    """A quantity from plain JSON; what is absent, unknown or no number counts as `default`."""
    try:
        return Decimal(str(value)) if value is not None and not isinstance(value, bool) else Decimal(str(default))
    except ArithmeticError:
        return Decimal(str(default))


@dataclass(frozen=True, kw_only=True)
class Item:
    """So much of something that has a price."""

    label: str
    """What it is, for people."""
    sku: Sku
    quantity: Decimal
    """A month, in the unit of the price."""
    kind: Kind = "fixed"
    instead: tuple[Sku, ...] = ()
    """Of the same worth: the first that has a price counts, if `sku` has none."""
    high: tuple[Sku, ...] = ()
    """What it may cost at worst, where the price itself varies (spot): the dearest of these."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a bill."""

    module: str
    """Component directly under the platform; empty for the stack's own."""
    resource: str
    """Logical name."""
    type: str
    """Type token."""
    label: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    """US dollars."""
    kind: Kind
    monthly: Decimal
    """US dollars a month: quantity × unit price, exactly."""
    low: Decimal
    high: Decimal
    price: Price


@dataclass(frozen=True, kw_only=True)
class MissingPrice:
    """Something that costs money, and whose price the book does not hold. It is in no total."""

    module: str
    resource: str
    type: str
    label: str
    quantity: Decimal
    sku: Sku
    region: str


@dataclass(frozen=True, kw_only=True)
class Unpriced:
    """A type of resource that no rule knows. Whatever it costs is in no total."""

    type: str
    resources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Free:
    """A type of resource that costs nothing by itself."""

    type: str
    count: int
    reason: str


@dataclass(frozen=True)
class Context:
    """What a rule may look at besides its own resource."""

    graph: Graph
    usage: UsageConfig
    nodes_needed: Callable[[Node], int]
    """Nodes that a node group must have for the pods that run on it, or more if it begins with more."""

    @cached_property
    def _by_type(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.graph:
            found.setdefault(node.type, []).append(node)
        return found

    def of_type(self, *types: str) -> list[Node]:
        """The resources of these types."""
        return [node for type_ in types for node in self._by_type.get(type_, ())]

    @cached_property
    def log_buckets(self) -> frozenset[str]:
        """URNs of the buckets that others log into."""
        targets = (
            self.behind(node, "targetBucket", "aws:s3/bucket:Bucket")
            for node in self.of_type("aws:s3/bucketLogging:BucketLogging")
        )
        return frozenset(bucket.urn for bucket in targets if bucket)

    def behind(self, node: Node, prop: str, *types: str) -> Node | None:
        """The resource of one of these types that an input's value comes from. By dependency, because ids are
        unknown in a preview; by id in graphs without dependencies."""
        for urn in node.property_dependencies.get(prop, ()):
            if urn in self.graph and self.graph[urn].type in types:
                return self.graph[urn]
        given = set(_strings(node.inputs.get(prop)))
        return next((other for other in self.of_type(*types) if other.id and other.id in given), None)

    def count(self, *types: str) -> int:
        """How many resources of these types there are."""
        return len(self.of_type(*types))

    def share(self, amount: float, *types: str) -> Decimal:
        """Each one's part of an amount that all resources of these types have together."""
        return number(amount) / max(self.count(*types), 1)


Rule = Callable[[Node, Context], Iterable[Item]]
"""What one resource costs, as items. It looks only at the resource, its graph and the usage."""


def hours(label: str, sku: Sku, count: Decimal | int = 1, running: Decimal = HOURS) -> Item:
    """Something that is there all month, or `running` hours of it."""
    return Item(label=label, sku=sku, quantity=number(count) * running)


def used(label: str, sku: Sku, quantity: Decimal | float) -> Item:
    """Something that follows from use."""
    return Item(label=label, sku=sku, quantity=number(quantity), kind="usage")


def tiered(label: str, service: str, steps: Iterable[tuple[str, float]], quantity: Decimal | float) -> Iterator[Item]:
    """An amount whose price falls as it grows. Each step is a SKU and the amount up to which it holds."""
    left, below = number(quantity), Decimal(0)
    for sku, limit in steps:
        part = min(left, number(limit) - below)
        if part <= 0 and below > 0:
            return
        yield used(label, (service, sku), part)
        left, below = left - part, number(limit)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
