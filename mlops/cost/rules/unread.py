"""What a resource may ask for, costs money, and no rule reads: it is named as missing, never taken for nothing.

Source of what is charged: the pricing pages of the services.
"""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Item
from mlops.plan.graph import Node

NO_RULE = "no rule"
"""Service under which such a part is missing."""
UNREAD: dict[str, tuple[tuple[str, str, str], ...]] = {
    "aws:eks/cluster:Cluster": (("computeConfig.enabled", "true", "EKS Auto Mode, by instance"),),
    "aws:ec2/instance:Instance": (
        ("tenancy", "dedicated", "dedicated tenancy"),
        ("tenancy", "host", "a dedicated host"),
        ("hibernation", "true", "the disk that hibernation keeps"),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (("placement.tenancy", "dedicated", "dedicated tenancy"),),
    "aws:rds/instance:Instance": (("dedicatedLogVolume", "true", "dedicated log volume"),),
    "aws:rds/cluster:Cluster": (
        ("backtrackWindow", "", "records for backtracking"),
        ("globalClusterIdentifier", "", "replication to other regions"),
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        ("snapshotRetentionLimit", "", "snapshots beyond the first"),
        ("globalReplicationGroupId", "", "replication to other regions"),
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": (("snapshotRetentionLimit", "", "snapshots"),),
    "aws:dynamodb/table:Table": (
        ("pointInTimeRecovery.enabled", "true", "backups for point-in-time recovery"),
        ("replicas", "", "copies in other regions"),
    ),
    "aws:opensearch/domain:Domain": (
        ("clusterConfig.warmEnabled", "true", "warm nodes"),
        ("clusterConfig.coldStorageOptions.enabled", "true", "cold storage"),
    ),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        ("extendedS3Configuration.dynamicPartitioningConfiguration.enabled", "true", "dynamic partitioning"),
    ),
    "aws:cloudtrail/trail:Trail": (("insightSelectors", "", "CloudTrail Insights"),),
    "aws:cfg/recorder:Recorder": (
        ("recordingMode.recordingFrequency", "DAILY", "items recorded once a day, at a price of their own"),
    ),
    "aws:efs/fileSystem:FileSystem": (
        ("throughputMode", "elastic", "data read and written in elastic throughput"),
        ("lifecyclePolicies", "", "moves to and reads from infrequent access"),
    ),
    "aws:s3/bucket:Bucket": (
        ("accelerationStatus", "Enabled", "transfer acceleration"),
        ("lifecycleRules", "", "classes and moves of lifecycle rules that the bucket itself holds"),
        ("replicationConfiguration", "", "replication that the bucket itself holds"),
        ("intelligentTieringConfigurations", "", "archive tiers of Intelligent-Tiering"),
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": (
        ("rules[0].destination.replicationTime", "", "replication within a promised time"),
    ),
    "aws:lambda/function:Function": (("snapStart.applyOn", "PublishedVersions", "snapshots for a fast start"),),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (("provisionedPollerConfig", "", "provisioned pollers"),),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": (
        ("dataCaptureConfig.enableCapture", "true", "requests that are captured"),
        ("productionVariants[0].serverlessConfig.provisionedConcurrency", "", "concurrency that is kept warm"),
    ),
}
"""Type -> path, the value that asks for it (any, where empty), and what it is."""


def unread(node: Node) -> Iterator[Item]:
    """Parts of a resource that cost and are not priced."""
    for path, value, what in UNREAD.get(node.type, ()):
        asked = node.at(path)
        if asked and value in ("", asked.text()):
            yield Item(label=what, sku=(NO_RULE, path), quantity=Decimal(1))
