"""What MSK offers: kind of brokers × size × Kafka version × who keeps the metadata, in one table.

Sources: MSK developer guide, "Amazon MSK broker types"; for the versions what CreateCluster itself called valid on
2026-09-14, measured by github.com/badmintoncryer/cdk-preflight (rules pf-msk-kafka-version-deprecated,
pf-msk-express-kafka-version and pf-msk-t3-small-not-kraft): with KRaft, standard brokers run 3.7 to 3.9, 4.0 and 4.1,
express brokers 3.9 and 4.2. The sizes are those of the MSK price list.
"""

from dataclasses import dataclass
from typing import Literal

from mlops.core import versions

BrokerKind = Literal["standard", "express"]
_STANDARD = tuple(version for version in versions.KAFKA if version != "4.2.x")
_UP_TO_16 = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Brokers of one family."""

    kind: BrokerKind
    family: str
    sizes: tuple[str, ...]
    versions: tuple[str, ...]
    """Kafka versions that it runs in KRaft mode, MSK's spelling; none where it knows only ZooKeeper."""


OFFERS = (
    Offer(kind="standard", family="kafka.t3", sizes=("small",), versions=()),
    Offer(kind="standard", family="kafka.m5", sizes=(*_UP_TO_16, "24xlarge"), versions=_STANDARD),
    Offer(kind="standard", family="kafka.m7g", sizes=_UP_TO_16, versions=_STANDARD),
    Offer(kind="express", family="express.m7g", sizes=_UP_TO_16, versions=("4.2.x", "3.9.x")),
)
"""The platform runs Kafka in KRaft mode alone: version 4 has no other, and a cluster cannot change over."""


def refusal(kind: BrokerKind, instance_type: str, version: str) -> str | None:
    """Why MSK does not run a version on brokers of a size, with what it does run; None if it runs it."""
    family, _, size = instance_type.rpartition(".")
    offers = [offer for offer in OFFERS if offer.kind == kind]
    offer = next((one for one in offers if one.family == family), None)
    usable = "; ".join(f"{one.family}.{', '.join(one.sizes)}" for one in offers if one.versions)
    if offer is None:
        return f"instance_type is {instance_type}, which is no kind of {kind} brokers; allowed: {usable}"
    if not offer.versions:
        return (
            f"instance_type is {instance_type}, which has no KRaft mode, and the platform runs Kafka in no other; "
            f"allowed: {usable}"
        )
    if size not in offer.sizes:
        return f"instance_type is {instance_type}, a size that MSK does not have; allowed: {usable}"
    if version not in offer.versions:
        return f"version is {version}, which {kind} brokers do not run; allowed: {', '.join(offer.versions)}"
    return None
