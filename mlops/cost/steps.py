"""What comes next on a bill: what the stack's first growth adds, and what a date adds by itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from mlops.core import clock, versions
from mlops.cost.book import Book
from mlops.cost.estimate import Estimate, price_item
from mlops.cost.model import HOURS, Context, Item, Line
from mlops.cost.rules.compute import CLUSTER, NODE_GROUP, node_group
from mlops.cost.rules.network import LOAD_BALANCER, load_balancer_items
from mlops.cost.rules.threats import cores, watched
from mlops.cost.writers import has_agents
from mlops.plan.graph import Node

AHEAD = timedelta(days=365)
"""How far ahead dates are looked for."""
_PUBLIC_ZONES = 2
_GROUP_LABEL = "mlops.platform/group"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that may come on top."""

    what: str
    usd: Decimal
    """A month."""
    complete: bool
    """Whether all of it has a price; else it is the least."""


def next_steps(made: Estimate, book: Book) -> tuple[Step, ...]:
    """The next node of each group, a load balancer where there is a network, and versions that leave support."""
    context = made.context
    steps = (*_nodes(made, context, book), *_balancer(made, context, book), *_dates(made, context, book))
    # Copies of one group say the same.
    return tuple(dict.fromkeys(steps))


def idle_groups(made: Estimate) -> tuple[str, ...]:
    """Node groups that have no node yet: what they are for is not part of the bill."""
    context = made.context
    return tuple(_name(group) for group in context.of_type(NODE_GROUP) if not context.nodes_needed(group))


def _nodes(made: Estimate, context: Context, book: Book) -> Iterator[Step]:
    for group in context.of_type(NODE_GROUP):
        count = context.nodes_needed(group)
        more = replace(context, nodes_needed=_with_one_more(context, group))
        now, then = [*node_group(group, context)], [*node_group(group, more)]
        if has_agents(context):
            then.append(watched(cores(group, more) - cores(group, context)))
        before, _ = _priced(now, made, book)
        after, complete = _priced(then, made, book)
        what = f"one more node in {_name(group)}" if count else f"the first node of {_name(group)}"
        yield Step(what=what, usd=after - before, complete=complete)


def _with_one_more(context: Context, group: Node) -> Callable[[Node], int]:
    return lambda node: context.nodes_needed(node) + (node.urn == group.urn)


def _balancer(made: Estimate, context: Context, book: Book) -> Iterator[Step]:
    if context.of_type(CLUSTER) and not context.of_type(LOAD_BALANCER):
        public = 0 if context.isolated else _PUBLIC_ZONES
        usd, complete = _priced(load_balancer_items("alb", context, public), made, book)
        yield Step(what="a load balancer", usd=usd, complete=complete)


def _dates(made: Estimate, context: Context, book: Book) -> Iterator[Step]:
    today = clock.today()
    for cluster in context.of_type(CLUSTER):
        release = versions.EKS.get(cluster.at("version").text())
        if release and today < release.standard_until <= today + AHEAD:
            dear, complete = _priced([_hours("cluster_extended_support")], made, book)
            now, _ = _priced([_hours("cluster_standard_support")], made, book)
            what = f"EKS {release.version} in extended support, after {release.standard_until.isoformat()}"
            yield Step(what=what, usd=dear - now, complete=complete)


def _hours(sku: str) -> Item:
    return Item(label=sku, sku=("eks", sku), quantity=HOURS)


def _priced(items: Iterable[Item], made: Estimate, book: Book) -> tuple[Decimal, bool]:
    lines = [price_item(None, item, made.context, book, made.region) for item in items if item.quantity > 0]
    known = [line for line in lines if isinstance(line, Line)]
    return sum((line.monthly for line in known), Decimal(0)), len(known) == len(lines)


def _name(group: Node) -> str:
    name = group.at("labels").key(_GROUP_LABEL).text() or group.name
    return f"{name} (spot)" if group.at("capacityType").text() == "SPOT" else name
