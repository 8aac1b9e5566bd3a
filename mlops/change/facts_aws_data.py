"""Databases, file systems, streams and logs on AWS: what is lost with them, and what waits."""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate, Waits, before_version, given, less, lower
from mlops.change.sources import words

GONE = "deleted with all that is in it"

_RDS_FATES = (
    Fate(path="deletionProtection", when=True, words="RDS refuses while deletionProtection is on", keeps=True),
    Fate(path="skipFinalSnapshot", when=True, words="deleted without a final snapshot"),
    Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
    Fate(
        path="", words="the provider refuses: neither skipFinalSnapshot nor finalSnapshotIdentifier is set", keeps=True
    ),
)
_RDS_INSTEAD = (
    "Keep the property as it is; or in two steps: take a snapshot, make a second database from it "
    "(snapshotIdentifier) under another name, move the clients, and drop the first one in a later change."
)

_RDS_WAITS = Waits(
    properties=words(
        "instanceClass engineVersion allocatedStorage storageType iops storageThroughput multiAz licenseModel "
        "caCertIdentifier dedicatedLogVolume identifier optionGroupName networkType"
    ),
    window="maintenanceWindow",
    source="RDS user guide, 'Available settings' for DB instances: what is applied in the maintenance window",
)
_CLUSTER_WAITS = Waits(
    properties=words("engineVersion allocatedStorage storageType iops dbClusterInstanceClass port networkType"),
    window="preferredMaintenanceWindow",
    source="RDS API reference, ModifyDBCluster, ApplyImmediately",
)
_MEMBER_WAITS = Waits(
    properties=words("instanceClass caCertIdentifier"),
    window="preferredMaintenanceWindow",
    source="RDS API reference, ModifyDBInstance, ApplyImmediately",
)
_CACHE_WAITS = Waits(
    properties=words("nodeType engineVersion parameterGroupName"),
    window="maintenanceWindow",
    source="ElastiCache API reference, ModifyReplicationGroup, ApplyImmediately",
)

DATA: Mapping[str, Facts] = {
    "aws:rds/clusterInstance:ClusterInstance": Facts(
        stops="connections to this instance break, and a reader takes over from a writer", waits=_MEMBER_WAITS
    ),
    "aws:elasticache/cluster:Cluster": Facts(
        sometimes={"engineVersion": lower("engineVersion")},
        holds="what the cache keeps",
        fates=(
            Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
            Fate(path="", words=f"{GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshotIdentifier first, and make the new cluster from that snapshot (snapshotName).",
        waits=_CACHE_WAITS,
    ),
    "aws:rds/instance:Instance": Facts(
        # Its identifier is no reason any more: since 5.0 of the provider an instance is renamed in place.
        holds="the database",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
        waits=_RDS_WAITS,
    ),
    "aws:rds/cluster:Cluster": Facts(
        sometimes={
            "storageType": lambda _, after: not str(after.get("engine", "")).startswith("aurora"),
            "snapshotIdentifier": given("snapshotIdentifier"),
        },
        holds="the databases of the cluster",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
        waits=_CLUSTER_WAITS,
    ),
    "aws:dynamodb/table:Table": Facts(
        sometimes={
            "restoreSourceName": given("restoreSourceName"),
            "restoreSourceTableArn": given("restoreSourceTableArn"),
            "warmThroughput.readUnitsPerSecond": less("warmThroughput.readUnitsPerSecond"),
            "warmThroughput.writeUnitsPerSecond": less("warmThroughput.writeUnitsPerSecond"),
        },
        holds="the table's items",
        fates=(
            Fate(
                path="deletionProtectionEnabled",
                when=True,
                words="DynamoDB refuses while deletionProtectionEnabled is on",
                keeps=True,
            ),
            Fate(path="", words=GONE),
        ),
        instead="Make a second table beside it, copy the items (export to S3 and import), then drop the first one.",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Facts(
        sometimes={
            "engineVersion": lower("engineVersion"),
            "transitEncryptionEnabled": before_version("engineVersion", (7, 0, 5)),
        },
        holds="what the cache keeps",
        fates=(
            Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
            Fate(path="", words=f"{GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshotIdentifier first, and make the new group from that snapshot (snapshotName).",
        waits=_CACHE_WAITS,
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Facts(
        holds="what the cache keeps",
        fates=(Fate(path="", words=f"{GONE}, without a snapshot"),),
        instead="Take a snapshot first, and restore the new cache from it (snapshotArnsToRestores).",
    ),
    "aws:ebs/volume:Volume": Facts(
        holds="the volume's blocks",
        fates=(
            Fate(path="finalSnapshot", when=True, words="deleted; a final snapshot is left", keeps=True),
            Fate(path="", words=f"{GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshot first, and make the new volume from the snapshot (snapshotId).",
    ),
    "aws:efs/fileSystem:FileSystem": Facts(
        holds="the files",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second file system beside it, copy the files (DataSync), then drop the first one.",
    ),
}

STREAMS: Mapping[str, Facts] = {
    "aws:kinesis/stream:Stream": Facts(
        holds="the records that are not consumed yet",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second stream, let the producers write to it, drain the first one, then drop it.",
    ),
    "aws:msk/cluster:Cluster": Facts(
        sometimes={"kafkaVersion": lower("kafkaVersion")},
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:msk/serverlessCluster:ServerlessCluster": Facts(
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Facts(
        holds="the logs",
        fates=(
            Fate(path="skipDestroy", when=True, words="stays in AWS: skipDestroy is set", keeps=True),
            Fate(path="", words=GONE),
        ),
        instead="Set skipDestroy first, or export the logs to S3.",
    ),
}
