"""The table: what is known of each type, and which types hold data."""

from collections.abc import Mapping
from functools import cache

from mlops.change.facts import Facts
from mlops.change.facts_aws import AWS
from mlops.change.facts_kubernetes import ANY_OBJECT, KUBERNETES
from mlops.change.facts_providers import PROVIDERS
from mlops.change.provider import types, with_provider

JUDGED: Mapping[str, Facts] = {**AWS, **KUBERNETES, **PROVIDERS}
"""What is judged of a type by hand: what is lost with it, what stops, what to do instead."""

STATEFUL: tuple[str, ...] = tuple(sorted(type_ for type_, facts in JUDGED.items() if facts.holds))
"""Types whose resources hold what a program cannot make again. The project's one list of them."""


@cache
def facts_of(type_: str) -> Facts | None:
    """What is known of a type; None where nobody has looked it up."""
    known = with_provider(type_, JUDGED.get(type_))
    if known is None and type_.startswith("kubernetes:"):
        return ANY_OBJECT
    return known


def known_types() -> tuple[str, ...]:
    """Every type that the table names."""
    return tuple(sorted({*JUDGED, *types()}))
