"""The words of an estimate: what a rule says (items), what comes of it (lines), and what could not be priced."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, TypeVar

from mlops.core.usage import MONTH_HOURS, UsageConfig
from mlops.cost import demand, writers
from mlops.cost.amounts import Amount, Plain, amount_of, number, shown
from mlops.cost.book import Price
from mlops.plan.graph import Graph, Node

Kind = Literal["fixed", "usage"]
"""fixed: it costs this by being there. usage: it follows from an assumption."""

HOURS = Decimal(MONTH_HOURS)
_T = TypeVar("_T")
Sku = tuple[str, str]
"""Service and SKU in the price book."""

_VPC = "aws:ec2/vpc:Vpc"
_WAYS_OUT = (
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:cloudfront/distribution:Distribution",
    "aws:apigatewayv2/api:Api",
    "aws:apigateway/restApi:RestApi",
)
_SETTINGS_OF, _HOPS = "aws:s3/bucket", 4
"""Types that a bucket's name is handed on by, and how many of them one after another."""


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
    why: tuple[str, ...] = ()
    """What the quantity was reckoned from, one sentence a step."""


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
    why: tuple[str, ...] = ()
    """What the quantity was reckoned from, one sentence a step."""


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
        return writers.log_buckets(self)

    @cached_property
    def log_writers(self) -> Mapping[str, writers.Writer]:
        """What writes into each log group, by URN."""
        return writers.of_log_groups(self)

    @cached_property
    def alarm_topics(self) -> frozenset[str]:
        """URNs of the topics that only alarms and the like write into."""
        return writers.alarm_topics(self)

    @cached_property
    def isolated(self) -> bool:
        """Whether the stack's networks have no way to the internet, in or out."""
        return bool(self.of_type(_VPC)) and not self.of_type(*_WAYS_OUT)

    def behind(self, node: Node, prop: str, *types: str) -> Node | None:
        """The resource of one of these types that an input's value comes from. By dependency, because ids are
        unknown in a preview; by id in graphs without dependencies."""
        asked = [node]
        for _ in range(_HOPS):
            urns = (urn for one in asked for urn in one.property_dependencies.get(prop, ()))
            behind = [self.graph[urn] for urn in urns if urn in self.graph]
            if found := next((one for one in behind if one.type in types), None):
                return found
            # A value may come by way of a setting of the resource: a bucket's name from its versioning.
            asked = [one for one in behind if one.type.startswith(_SETTINGS_OF)]
        given = {text.removesuffix(":*") for text in _strings(node.inputs.get(prop))}
        return next(
            (other for other in self.of_type(*types) if given & {other.id, other.outputs.get("arn")} - {""}), None
        )

    @cached_property
    def lifecycles(self) -> Mapping[str, tuple[Node, ...]]:
        """Lifecycle configurations by the bucket that they hold for, by URN."""
        found: dict[str, tuple[Node, ...]] = {}
        for one in self.of_type(writers.LIFECYCLE):
            if bucket := self.behind(one, "bucket", writers.BUCKET):
                found[bucket.urn] = (*found.get(bucket.urn, ()), one)
        return found

    @cached_property
    def interface_endpoints(self) -> tuple[str, ...]:
        """URNs of the interface endpoints, in order of registration."""
        kinds = ((one.urn, one.at("vpcEndpointType").text()) for one in self.of_type(writers.ENDPOINT))
        return tuple(urn for urn, kind in kinds if kind == "Interface")

    def count(self, *types: str) -> int:
        """How many resources of these types there are."""
        return len(self.of_type(*types))

    def figure(self, key: str) -> Amount:
        """What is assumed of the use, by its path in the settings (`traffic.nat_gb`), said or derived."""
        if key not in self._figures:
            self._figures[key] = demand.figure(self, key)
        return self._figures[key]

    @cached_property
    def _figures(self) -> dict[str, Amount]:
        return {}

    def once(self, name: str, compute: Callable[[], _T]) -> _T:
        """What several rules ask for and takes time, computed once."""
        if name not in self._computed:
            self._computed[name] = compute()
        return self._computed[name]

    @cached_property
    def _computed(self) -> dict[str, Any]:
        return {}

    def share(self, key: str | Amount, *types: str) -> Amount:
        """Each one's part of a figure that all resources of these types have together."""
        whole = self.figure(key) if isinstance(key, str) else key
        return part_of(whole, self.count(*types))


Rule = Callable[[Node, Context], Iterable[Item]]
"""What one resource costs, as items. It looks only at the resource, its graph and the usage."""


def hours(label: str, sku: Sku, count: Decimal | int = 1, running: Amount | Decimal = HOURS) -> Item:
    """Something that is there all month, or `running` hours of it."""
    return Item(label=label, sku=sku, quantity=number(count) * number(running), why=amount_of(running).why)


def used(label: str, sku: Sku, quantity: Amount | Plain) -> Item:
    """Something that follows from use."""
    return Item(label=label, sku=sku, quantity=number(quantity), kind="usage", why=amount_of(quantity).why)


def part_of(whole: Amount, sharing: int) -> Amount:
    """An equal part of an amount that so many share."""
    if sharing < 2:
        return whole
    part = whole / sharing
    return part.because(f"÷ {sharing} that share it = {shown(part)}")


Steps = Iterable[tuple[str, float]]
"""SKUs of one service, each with the amount up to which its price holds."""


def tiered(label: str, service: str, steps: Steps, quantity: Amount | Plain) -> Iterator[Item]:
    """An amount whose price falls as it grows."""
    return tiered_from(label, service, steps, quantity, Decimal(0))


def tiered_share(
    label: str, service: str, steps: Steps, whole: Amount, node: Node, sharing: list[Node]
) -> Iterator[Item]:
    """A resource's equal part of an amount whose tiers hold for all that share it together."""
    part = part_of(whole, len(sharing))
    place = next((index for index, one in enumerate(sharing) if one.urn == node.urn), 0)
    yield from tiered_from(label, service, steps, part, part.value * place)


def tiered_from(label: str, service: str, steps: Steps, quantity: Amount | Plain, before: Decimal) -> Iterator[Item]:
    """The same for an amount that comes on top of what others of the account have used."""
    start, end, why = before, before + number(quantity), amount_of(quantity).why
    below = Decimal(0)
    for sku, limit in steps:
        above = end if limit == float("inf") else number(limit)
        part = min(end, above) - max(start, below)
        if part > 0:
            yield used(label, (service, sku), Amount(part, why))
        below = above


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
