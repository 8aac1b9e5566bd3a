"""What AWS and Kubernetes refuse on the way from one set of inputs to another, although each end is valid.

One table for all that ask: `mlops diff`, `mlops validate --from`, and the stand-in cloud, so that `mlops rehearse
--from` is refused what AWS would refuse. Each refusal says in AWS's words what it is, and the way that works.
"""

from collections.abc import Iterator, Mapping

from mlops.change.transitions import databases, eks, kubernetes, network, storage, streams
from mlops.change.transitions.step import Refusal, Rule, Step, kept

_TABLES = (databases.RULES, eks.RULES, kubernetes.RULES, network.RULES, storage.RULES, streams.RULES)
RULES: Mapping[str, tuple[Rule, ...]] = {
    type_: tuple(rule for table in _TABLES for rule in table.get(type_, ()))
    for type_ in sorted(set[str]().union(*_TABLES))
}
"""Type -> what is refused of its changes."""


def refusals(type_: str, step: Step) -> Iterator[Refusal]:
    """What is refused of the change of one resource that stays the same resource."""
    for rule in RULES.get(type_, ()):
        if (refusal := rule(step)) is not None:
            yield refusal


__all__ = ["RULES", "Refusal", "Rule", "Step", "kept", "refusals"]
