"""From what was used to what would do: requests, nodes and usage assumptions, as settings with savings and risk."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from mlops.capacity.fit import capacity
from mlops.capacity.nodes import Group
from mlops.capacity.pods import Pods
from mlops.core.machines import machines
from mlops.core.usage import UsageConfig
from mlops.cost.book import Book
from mlops.cost.estimate import Estimate, estimate
from mlops.cost.exports import Billed, Export, usage_names
from mlops.cost.proposals import WORTH_IT, Proposal
from mlops.cost.requests import fitting, measured
from mlops.plan.graph import Graph, Node

NODE_HEADROOM = 0.2
"""Share of a group's nodes that stays free, for updates and peaks."""


@dataclass(frozen=True, kw_only=True)
class Rightsizing:
    """What follows from an export."""

    proposals: tuple[Proposal, ...]
    before: Estimate
    after: Estimate
    unmatched: tuple[str, ...]
    """Workloads of the export that no setting sizes, and parts of a bill that no assumption stands for."""
    notes: tuple[str, ...] = ()
    """What of the export was not used, and what has to be known of what was; one sentence each."""


def rightsize(graph: Graph, usage: UsageConfig, book: Book, export: Export) -> Rightsizing:
    """Propose settings that fit what was used."""
    before = estimate(graph, usage, book)
    usable, silent = measured(export.workloads)
    requests, fitted, unmatched, notes = fitting(graph, usable)
    nodes, resized = _node_groups(graph, usage, book, before, fitted) if usable else ((), graph)
    assumptions, observed, unknown = _assumptions(graph, usage, book, before, export.bill)
    return Rightsizing(
        proposals=(*requests, *nodes, *assumptions),
        before=before,
        after=estimate(resized, observed, book),
        unmatched=(*unmatched, *unknown),
        notes=(*export.notes, *silent, *notes),
    )


def _node_groups(
    graph: Graph, usage: UsageConfig, book: Book, before: Estimate, fitted: tuple[Pods, ...]
) -> tuple[tuple[Proposal, ...], Graph]:
    """For each group the cheapest size of its own family that holds all pods, if it is cheaper than today's."""
    proposals: list[Proposal] = []
    best, cost = graph, before.total
    loads = capacity(graph, fitted).groups
    settings = [_node_setting(load.group) for load in loads]
    for load in loads:
        group = load.group
        if group.machine is None or not group.desired or group.machine.gpus:
            continue
        found: tuple[Decimal, Graph, str, int] | None = None
        # A setting that makes several groups (on demand and spot) does not size each of them by itself.
        alone = settings.count(_node_setting(group)) == 1
        for name, count in _sizes(group, fewest=min(group.desired, 2) if alone else group.desired):
            changed = _resized(best, group.node, name, count)
            if capacity(changed, _with_headroom(fitted)).pending:
                continue
            made = estimate(changed, usage, book)
            # A size without a price is not the cheapest.
            if len(made.missing) <= len(before.missing) and made.total < (found[0] if found else cost):
                found = (made.total, changed, name, count)
        if found:
            proposals += _node_proposals(group, found[2], found[3], cost - found[0])
            cost, best = found[0], found[1]
    return tuple(_joined(proposals)), best


def _joined(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """One proposal a setting, with what all of its groups save."""
    by_setting: dict[tuple[str, str], Proposal] = {}
    for one in proposals:
        key = (one.setting, str(one.after))
        known = by_setting.get(key)
        by_setting[key] = replace(known, saving_usd=known.saving_usd + one.saving_usd) if known else one
    yield from by_setting.values()


def _sizes(group: Group, fewest: int) -> Iterator[tuple[str, int]]:
    """Sizes of the group's own family, from `fewest` to as many as it begins with today."""
    assert group.machine
    family = group.machine.name.partition(".")[0]
    for name, machine in machines().items():
        if name.partition(".")[0] == family and machine.vcpus <= group.machine.vcpus:
            yield from ((name, count) for count in range(fewest, group.desired + 1))


def _with_headroom(fitted: Iterable[Pods]) -> tuple[Pods, ...]:
    """Pods that ask for more than they do, so that what they leave is room."""
    factor = 1 / (1 - NODE_HEADROOM)
    return tuple(replace(one, cpu=math.ceil(one.cpu * factor), memory=math.ceil(one.memory * factor)) for one in fitted)


def _resized(graph: Graph, node: Node, name: str, count: int) -> Graph:
    scaling = {**(node.inputs.get("scalingConfig") or {}), "minSize": count, "desiredSize": count}
    scaling["maxSize"] = max(int(scaling.get("maxSize") or 0), count)
    changed = replace(node, inputs={**node.inputs, "instanceTypes": [name], "scalingConfig": scaling})
    return replace(graph, nodes=tuple(changed if one.urn == node.urn else one for one in graph.nodes))


def _node_setting(group: Group) -> str:
    """Where a group is set; the platform labels nodes with its name."""
    key = group.labels.get("mlops.platform/group", group.node.name)
    return "cluster.system" if key == "system" else f"cluster.node_groups.{key}"


def _node_proposals(group: Group, name: str, count: int, saving: Decimal) -> Iterator[Proposal]:
    assert group.machine
    setting = _node_setting(group)
    why = f"all pods fit with {NODE_HEADROOM:.0%} to spare"
    if name != group.machine.name:
        yield Proposal(
            setting=f"{setting}.instance_types",
            before=[group.machine.name],
            after=[name],
            saving_usd=saving,
            risk="medium",
            why=f"{why}; a smaller node is lost more easily to one large pod",
        )
        saving = Decimal(0)
    if count != group.desired:
        yield Proposal(
            setting=f"{setting}.min_size",
            before=group.desired,
            after=count,
            saving_usd=saving,
            risk="medium",
            why=f"{why}; fewer nodes move more when one is lost",
        )


_BILLED_AS: Mapping[tuple[str, str], tuple[str, str, float]] = {
    ("AmazonEC2", "NatGateway-Bytes"): ("traffic", "nat_gb", 1),
    ("AmazonEC2", "DataTransfer-Out-Bytes"): ("traffic", "internet_out_gb", 1),
    ("AWSDataTransfer", "DataTransfer-Out-Bytes"): ("traffic", "internet_out_gb", 1),
    # Each end is billed.
    ("AmazonEC2", "DataTransfer-Regional-Bytes"): ("traffic", "cross_zone_gb", 0.5),
    ("AmazonS3", "TimedStorage-ByteHrs"): ("storage", "data_gb", 1),
    ("AmazonS3", "Requests-Tier1"): ("storage", "put_requests", 1),
    ("AmazonS3", "Requests-Tier2"): ("storage", "get_requests", 1),
    ("AmazonECR", "TimedStorage-ByteHrs"): ("storage", "images_gb", 1),
    ("AmazonCloudWatch", "DataProcessing-Bytes"): ("logs", "ingested_gb", 1),
    ("AmazonCloudWatch", "VendedLog-Bytes"): ("logs", "ingested_gb", 1),
    ("awskms", "KMS-Requests"): ("requests", "kms", 1),
    ("AWSSecretsManager", "AWSSecretsManagerAPIRequest"): ("requests", "secrets", 1),
    ("AWSLambda", "Request"): ("requests", "functions", 1),
    ("AmazonKinesis", "OnDemand-BilledIncomingBytes"): ("streams", "ingested_gb", 1),
    ("AmazonKinesis", "OnDemand-BilledOutgoingBytes"): ("streams", "read_gb", 1),
}
"""What AWS calls it -> the assumption that stands for it, and how many of ours one of theirs is."""
_UNITS = ("GB", "GB-Mo", "GB-month", "Requests", "Request", "API Requests", "Count", "Bytes-GB")
"""Units that the report gives such amounts in."""


def _assumptions(
    graph: Graph, usage: UsageConfig, book: Book, before: Estimate, bill: Sequence[Billed]
) -> tuple[tuple[Proposal, ...], UsageConfig, tuple[str, ...]]:
    """Usage as it was, where it differs from what was assumed; the estimate then agrees with the bill."""
    observed: dict[tuple[str, str], float] = {}
    unknown: list[str] = []
    for row in bill:
        names = ((row.service, name) for name in usage_names(row.usage_type))
        target = next((_BILLED_AS[name] for name in names if name in _BILLED_AS), None)
        if target and row.unit and row.unit not in _UNITS:
            unknown.append(f"{row.service} {row.usage_type}: it is in {row.unit}, which is none of {', '.join(_UNITS)}")
        elif target:
            part, key, factor = target
            observed[part, key] = observed.get((part, key), 0.0) + row.amount * factor
        elif row.usd >= 1:
            unknown.append(f"{row.service} {row.usage_type}: ${row.usd:,.2f} a month")
    proposals: list[Proposal] = []
    current, cost = usage, before.total
    for (part, key), value in observed.items():
        section = getattr(current, part)
        assumed = float(before.context.figure(f"{part}.{key}").value)
        if abs(value - assumed) < max(assumed, 1) * WORTH_IT:
            continue
        current = current.model_copy(update={part: section.model_copy(update={key: round(value, 1)})})
        total = estimate(graph, current, book).total
        proposals.append(
            Proposal(
                setting=f"usage.{part}.{key}",
                before=assumed,
                after=round(value, 1),
                saving_usd=cost - total,
                risk="low",
                why="what AWS billed; it changes the estimate and nothing that runs",
            )
        )
        cost = total
    return tuple(proposals), current, tuple(unknown)
