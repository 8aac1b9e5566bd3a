"""The table: what is known of each type, and which types hold data."""

from collections.abc import Mapping

from mlops.change.facts import Facts
from mlops.change.facts_aws import AWS
from mlops.change.facts_kubernetes import ANY_OBJECT, KUBERNETES

TABLE: Mapping[str, Facts] = {**AWS, **KUBERNETES}

STATEFUL: tuple[str, ...] = tuple(sorted(type_ for type_, facts in TABLE.items() if facts.holds))
"""Types whose resources hold what a program cannot make again. The project's one list of them."""


def facts_of(type_: str) -> Facts | None:
    """What is known of a type; None where nobody has looked it up."""
    known = TABLE.get(type_)
    if known is None and type_.startswith("kubernetes:"):
        return ANY_OBJECT
    return known
