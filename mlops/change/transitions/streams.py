"""Kafka and Kinesis."""

import math

from mlops.change.transitions.step import Refusal, Rules, Step, not_less, one_way

MSK = "aws:msk/cluster:Cluster"
STREAM = "aws:kinesis/stream:Stream"
_KRAFT_ONLY = (4, 0)
_SECOND = "Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop the first."
_BROKER = "brokerNodeGroupInfo.instanceType"


def _is_kraft(text: str, numbers: tuple[int, ...]) -> bool:
    return "kraft" in text or numbers >= _KRAFT_ONLY


def _metadata(step: Step) -> Refusal | None:
    """A cluster keeps its kind of metadata: ZooKeeper or KRaft."""
    versions = step.versions("kafkaVersion")
    if versions is None:
        return None
    before, after = step.texts("kafkaVersion")
    if _is_kraft(before, versions[0]) == _is_kraft(after, versions[1]):
        return None
    return Refusal(
        path="kafkaVersion",
        words=f"BadRequestException: a cluster does not change between ZooKeeper and KRaft ({before} to {after})",
        instead=_SECOND,
        source="MSK developer guide, 'Metadata management': no in-place change from ZooKeeper to KRaft",
    )


def _broker_kind(step: Step) -> Refusal | None:
    """Standard and Express brokers are two kinds of cluster."""
    before, after = step.texts(_BROKER)
    if not before or not after or before.startswith("express.") == after.startswith("express."):
        return None
    return Refusal(
        path=_BROKER,
        words=f"BadRequestException: brokers do not change between Standard and Express ({before} to {after})",
        instead=_SECOND,
        source="MSK developer guide, 'Express brokers': existing clusters are migrated, not converted",
    )


def _shards(step: Step) -> Refusal | None:
    """One change of the number of shards at most doubles or halves it."""
    numbers = step.numbers("shardCount")
    if numbers is None or not all(numbers) or numbers[0] / 2 <= numbers[1] <= numbers[0] * 2:
        return None
    if "ON_DEMAND" in step.texts("streamModeDetails.streamMode"):
        return None
    before, after = numbers
    between = before * 2 if after > before else math.ceil(before / 2)
    return Refusal(
        path="shardCount",
        words=f"InvalidArgumentException: from {before} to {after} shards is more than double, or less than half",
        instead=f"Go to {between} first, an `up` for each step; or to on demand, which needs no shards.",
        source="Kinesis API reference, UpdateShardCount",
    )


RULES: Rules = {
    MSK: (
        _metadata,
        _broker_kind,
        not_less(
            "brokerNodeGroupInfo.storageInfo.ebsStorageInfo.volumeSize",
            "BadRequestException: the volumes of brokers cannot shrink from {before} to {after} GiB",
            f"Keep the size. {_SECOND}",
            "MSK developer guide, 'Scale up Amazon MSK Standard broker storage'",
        ),
        one_way(
            "storageMode",
            frozenset({("LOCAL", "TIERED")}),
            "BadRequestException: the storage mode of a cluster does not go from {before} to {after}",
            "Switch tiered storage off topic by topic (remote.storage.enable), and keep the cluster's mode.",
            "MSK developer guide, 'Tiered storage for Standard brokers'",
        ),
    ),
    STREAM: (_shards,),
}
