"""From a graph to an estimate: every resource by its rule, every item by its price, and nothing dropped silently."""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from mlops.core.usage import UsageConfig
from mlops.cost.book import Book, Price
from mlops.cost.model import Context, Free, Item, Line, MissingPrice, Unpriced, number
from mlops.cost.rules import FREE, RULES, STACK_RULE, free_reason, idle_reason, rule_of, unknown_part
from mlops.cost.rules.unread import unread
from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Hidden, noted

AWS_PROVIDER = "pulumi:providers:aws"
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A stack's bill for a month, in US dollars."""

    project: str
    stack: str
    region: str
    lines: tuple[Line, ...]
    """In order of registration; the lines of the stack as a whole come last."""
    missing: tuple[MissingPrice, ...]
    unpriced: tuple[Unpriced, ...]
    free: tuple[Free, ...]
    hidden: tuple[Hidden, ...]
    """What a price depends on and the graph does not tell: a default was reckoned with."""
    context: Context = field(repr=False, compare=False)
    """What the rules looked at, for questions about the estimate."""

    @cached_property
    def total(self) -> Decimal:
        """The sum of all lines."""
        return _sum(line.monthly for line in self.lines)

    @cached_property
    def fixed(self) -> Decimal:
        """What is paid for being there."""
        return _sum(line.monthly for line in self.lines if line.kind == "fixed")

    @property
    def usage(self) -> Decimal:
        """What follows from use."""
        return self.total - self.fixed

    @cached_property
    def low(self) -> Decimal:
        return _sum(line.low for line in self.lines)

    @cached_property
    def high(self) -> Decimal:
        return _sum(line.high for line in self.lines)

    @property
    def complete(self) -> bool:
        """Whether everything that costs money has a price and a size. Where something lacks one, the total is the least
        that is known of the stack's cost, and nobody knows the most."""
        return not self.missing and not self.unpriced and not self.hidden

    @property
    def band(self) -> tuple[Decimal, Decimal] | None:
        """Between what use and prices that vary put the total; None for an estimate that is not complete."""
        return (self.low, self.high) if self.complete else None

    def by_module(self) -> dict[str, tuple[Line, ...]]:
        """Lines by module, in order of registration."""
        modules: dict[str, list[Line]] = {}
        for line in self.lines:
            modules.setdefault(line.module, []).append(line)
        return {name: tuple(lines) for name, lines in modules.items()}

    def prices(self) -> tuple[Price, ...]:
        """The prices that were used, each once."""
        return tuple(dict.fromkeys(line.price for line in self.lines))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def region_of(graph: Graph) -> str:
    """Region of the stack's AWS provider; us-east-1 where the graph does not say."""
    regions = (node.at("region").text() for node in graph.of_type(AWS_PROVIDER))
    return next((region for region in regions if region), DEFAULT_REGION)


def estimate(graph: Graph, usage: UsageConfig, book: Book, *, region: str = "") -> Estimate:
    """Price a graph.

    Args:
        usage: what everything that depends on use is reckoned with.
        region: instead of the one of the graph's provider.

    Raises:
        BookError: the book knows nothing of the region.
    """
    region = region or region_of(graph)
    book.check(region)
    # Imported here: only a cluster needs it.
    from mlops.capacity.fit import nodes_needed

    context = Context(graph, usage, nodes_needed(graph))
    lines: list[Line] = []
    missing: list[MissingPrice] = []
    charged: set[str] = set()
    with noted() as hidden:
        for node, item in _items(graph, context):
            if node:
                charged.add(node.urn)
            priced = price_item(node, item, context, book, region)
            if isinstance(priced, Line):
                lines.append(priced)
            else:
                missing.append(priced)
    return Estimate(
        project=graph.project,
        stack=graph.stack,
        region=region,
        lines=tuple(lines),
        missing=tuple(missing),
        unpriced=tuple(unpriced(graph)),
        free=tuple(_free(graph, charged)),
        hidden=tuple(sorted(hidden)),
        context=context,
    )


def unpriced(graph: Graph) -> Iterator[Unpriced]:
    """The types of a graph that have neither a rule nor a reason to be free."""
    unknown: dict[str, list[str]] = {}
    for node in graph:
        if node.custom and (unknown_to_us := unknown_part(node)):
            unknown.setdefault(unknown_to_us, []).append(node.name)
    for type_, names in unknown.items():
        yield Unpriced(type=type_, resources=tuple(names))


def _free(graph: Graph, priced: Set[str]) -> Iterator[Free]:
    """What is in no line, by type; `priced` are the URNs of what is."""
    counts = Counter(node.type for node in graph if node.custom and node.urn not in priced and not unknown_part(node))
    for type_, count in counts.items():
        if reason := idle_reason(type_) if rule_of(type_) else free_reason(type_):
            yield Free(type=type_, count=count, reason=reason)


def _items(graph: Graph, context: Context) -> Iterator[tuple[Node | None, Item]]:
    for node in graph:
        yield from ((node, item) for item in unread(node))
        if rule := rule_of(node.type):
            yield from ((node, item) for item in rule(node, context) if item.quantity > 0)
    yield from ((node, item) for node, item in STACK_RULE(context) if item.quantity > 0)


def price_item(node: Node | None, item: Item, context: Context, book: Book, region: str) -> Line | MissingPrice:
    """An item as a line of the bill; as missing where the book has no price. The stack's own items have no node."""
    graph = context.graph
    module = graph.module(node) if node else ""
    name, type_ = (node.name, node.type) if node else (graph.stack, "")
    found = (book.find(region, *sku) for sku in (item.sku, *item.instead))
    price = next((one for one in found if one), None)
    if price is None:
        return MissingPrice(
            module=module,
            resource=name,
            type=type_,
            label=item.label,
            quantity=item.quantity,
            sku=item.sku,
            region=region,
        )
    monthly = item.quantity * price.usd
    margin = number(context.usage.margin_percent) / 100 if item.kind == "usage" else Decimal(0)
    dearest = max((high.usd for sku in item.high if (high := book.find(region, *sku))), default=price.usd)
    return Line(
        module=module,
        resource=name,
        type=type_,
        label=item.label,
        quantity=item.quantity,
        unit=price.unit,
        unit_price=price.usd,
        kind=item.kind,
        monthly=monthly,
        low=monthly * (1 - margin),
        high=max(monthly * (1 + margin), item.quantity * dearest),
        price=price,
        why=item.why,
    )


__all__ = ["FREE", "RULES", "Estimate", "estimate", "price_item", "region_of", "unpriced"]
