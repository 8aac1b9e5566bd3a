"""Objects by storage class: what lifecycle rules move as it ages, and what each move costs.

Source of what is charged: S3 pricing page; S3 user guide, "Transitioning objects using Amazon S3 Lifecycle".
"""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.amounts import Amount, shown
from mlops.cost.model import Context, Item, tiered_from, used
from mlops.cost.writers import BUCKET
from mlops.plan.graph import Node
from mlops.plan.reading import Reading

STANDARD = (("standard_storage_first_50tb", 51_200), ("standard_storage_next_450tb", float("inf")))
_CLASSES = {
    "STANDARD_IA": ("S3 Standard-IA", "standard_ia"),
    "ONEZONE_IA": ("S3 One Zone-IA", "one_zone_ia"),
    "GLACIER_IR": ("S3 Glacier Instant Retrieval", "glacier_instant"),
    "GLACIER": ("S3 Glacier Flexible Retrieval", "glacier_flexible"),
    "DEEP_ARCHIVE": ("S3 Glacier Deep Archive", "deep_archive"),
    "INTELLIGENT_TIERING": ("S3 Intelligent-Tiering", "intelligent_tiering"),
}
"""Storage class -> its name and the start of its prices' names."""
_MONTH_DAYS = 30


def stored(bucket: Node, gb: Amount, context: Context) -> Iterator[Item]:
    """Data spread evenly over its age, each part in the class that the bucket's rules leave it in; a month's worth
    of it crosses each boundary."""
    moves = _moves(bucket, context)
    age = context.figure("storage.data_age_days")
    last = kept = min(age.value, _expiry(bucket, context))
    bounds = [Decimal(0), *(min(day, last) for day, _ in moves), last]
    classes = ["STANDARD", *(name for _, name in moves)]
    for name, start, end in zip(classes, bounds[:-1], bounds[1:], strict=True):
        part = (gb * ((end - start) / kept)).because(
            f"the part from day {shown(start)} to {shown(end)} of {shown(kept)} days of age"
        )
        yield from _held(name, part if moves else gb, _place(bucket, context), context)
    for day, name in moves:
        if day < last:
            objects = gb * (_MONTH_DAYS / kept) * 1_000 / context.figure("storage.object_mb")
            objects = objects.because(f"a month's data, {shown(objects)} objects, reaches day {shown(day)}")
            yield used(f"transitions to {_CLASSES[name][0]}", ("s3", f"{_CLASSES[name][1]}_put"), objects / 1_000)


def _held(name: str, gb: Amount, place: int, context: Context) -> Iterator[Item]:
    if name == "STANDARD":
        # Tiers hold for all buckets together: each has what the ones before it leave.
        yield from tiered_from("S3 Standard", "s3", STANDARD, gb, gb.value * place)
    elif name == "INTELLIGENT_TIERING":
        # Nobody knows what will be read: the dearest of its tiers, and what watching each object costs.
        yield used("S3 Intelligent-Tiering, frequent access", ("s3", "intelligent_tiering_frequent"), gb)
        objects = gb * 1_000 / context.figure("storage.object_mb")
        yield used("objects watched by Intelligent-Tiering", ("s3", "intelligent_tiering_monitoring"), objects / 1_000)
    else:
        label, prefix = _CLASSES[name]
        yield used(label, ("s3", f"{prefix}_storage"), gb)


def _place(bucket: Node, context: Context) -> int:
    """Of a bucket among those with data."""
    places = context.once("data buckets", lambda: _places(context))
    return places.get(bucket.urn, 0)


def _places(context: Context) -> dict[str, int]:
    buckets = (one.urn for one in context.of_type(BUCKET) if one.urn not in context.log_buckets)
    return {urn: place for place, urn in enumerate(buckets)}


def _moves(bucket: Node, context: Context) -> list[tuple[Decimal, str]]:
    """Day and class of each transition of whole buckets, in order of the days."""
    found = {
        move.at("storageClass").text(): move.at("days").number()
        for rule in _rules(bucket, context)
        for move in rule.at("transitions")
        if move.at("storageClass").text() in _CLASSES and not move.at("date")
    }
    return sorted((day, name) for name, day in found.items())


def _expiry(bucket: Node, context: Context) -> Decimal:
    days = [rule.at("expiration.days").number() for rule in _rules(bucket, context)]
    return min((day for day in days if day > 0), default=Decimal(10**6))


def _rules(bucket: Node, context: Context) -> Iterator[Reading]:
    """Rules that hold for everything in the bucket: one with a prefix or a tag moves nobody knows how much."""
    for configuration in context.lifecycles.get(bucket.urn, ()):
        for rule in configuration.at("rules"):
            narrow = any(rule.at("filter").entries().values()) or rule.at("filter").hidden
            if rule.at("status").text() == "Enabled" and not narrow:
                yield rule
