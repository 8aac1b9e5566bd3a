"""Databases, file systems, streams and logs on AWS. `facts_aws` says how this was read."""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate, before_version, given, less, lower
from mlops.change.sources import file, words

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

DATA: Mapping[str, Facts] = {
    "aws:rds/instance:Instance": Facts(
        # Its identifier is no reason any more: since 5.0 of the provider an instance is renamed in place.
        source=file("rds/instance.go", "00e4b238, and a later version with blue_green_update and storage_throughput"),
        replaced_by=(
            *("engine", "kmsKeyId", "storageEncrypted", "username", "dbName", "availabilityZone", "characterSetName"),
            *("ncharCharacterSetName", "timezone", "snapshotIdentifier", "customIamInstanceProfile"),
            *("restoreToPointInTime", "s3Import"),
        ),
        chosen=words(
            "engine kmsKeyId username dbName availabilityZone characterSetName ncharCharacterSetName timezone "
            "snapshotIdentifier"
        ),
        unread=words(
            "backupTarget databaseInsightsMode dedicatedLogVolume domainAuthSecretArn domainDnsIps domainFqdn domainOu "
            "engineLifecycleSupport passwordWo passwordWoVersion region upgradeStorageConfig"
        ),
        holds="the database",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
    ),
    "aws:rds/cluster:Cluster": Facts(
        source=file("rds/cluster.go", "0168cf68"),
        replaced_by=(
            *("clusterIdentifier", "clusterIdentifierPrefix", "engine", "engineMode", "kmsKeyId", "storageEncrypted"),
            *("masterUsername", "databaseName", "availabilityZones", "dbSubnetGroupName", "dbSystemId"),
            *("clusterScalabilityType", "sourceRegion", "restoreToPointInTime", "s3Import"),
        ),
        chosen=words(
            "clusterIdentifier clusterIdentifierPrefix kmsKeyId storageEncrypted masterUsername databaseName "
            "availabilityZones dbSubnetGroupName dbSystemId clusterScalabilityType"
        ),
        sets=frozenset({"availabilityZones"}),
        defaults={"engineMode": "provisioned"},
        sometimes={
            "storageType": lambda _, after: not str(after.get("engine", "")).startswith("aurora"),
            "snapshotIdentifier": given("snapshotIdentifier"),
        },
        unread=words("autoMinorVersionUpgrade region"),
        holds="the databases of the cluster",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
    ),
    "aws:dynamodb/table:Table": Facts(
        source=file("dynamodb/table.go", "f583d818, and a later version with global_table_witness"),
        replaced_by=(
            *("name", "hashKey", "rangeKey", "localSecondaryIndexes", "importTable.s3BucketSource"),
            *("restoreToLatestTime", "restoreDateTime"),
        ),
        chosen=words("name hashKey"),
        sometimes={
            "restoreSourceName": given("restoreSourceName"),
            "restoreSourceTableArn": given("restoreSourceTableArn"),
            "warmThroughput.readUnitsPerSecond": less("warmThroughput.readUnitsPerSecond"),
            "warmThroughput.writeUnitsPerSecond": less("warmThroughput.writeUnitsPerSecond"),
        },
        unread=words("globalSecondaryIndexes region restoreBackupArn"),
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
        source=file("elasticache/replication_group.go", "001b6364")
        + "; transitEncryptionEnabled: pulumi-aws 7.51.1, docstring",
        replaced_by=(
            *("replicationGroupId", "atRestEncryptionEnabled", "dataTieringEnabled", "globalReplicationGroupId"),
            *("kmsKeyId", "networkType", "port", "securityGroupNames", "snapshotArns", "snapshotName"),
            "subnetGroupName",
        ),
        chosen=words(
            "replicationGroupId atRestEncryptionEnabled dataTieringEnabled globalReplicationGroupId networkType "
            "securityGroupNames subnetGroupName"
        ),
        sets=frozenset({"securityGroupNames", "snapshotArns"}),
        defaults={"port": 6379},
        sometimes={
            "engineVersion": lower("engineVersion"),
            "transitEncryptionEnabled": before_version("engineVersion", (7, 0, 5)),
        },
        unread=words("authTokenWo authTokenWoVersion durability region nodeGroupConfigurations engine"),
        holds="what the cache keeps",
        fates=(
            Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
            Fate(path="", words=f"{GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshotIdentifier first, and make the new group from that snapshot (snapshotName).",
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Facts(
        source=file("elasticache/serverless_cache.go", "00a919d1"),
        replaced_by=("name", "engine", "kmsKeyId", "majorEngineVersion", "snapshotArnsToRestores", "subnetIds"),
        chosen=words("name majorEngineVersion subnetIds"),
        sets=frozenset({"subnetIds"}),
        unread=words("networkType region timeouts"),
        holds="what the cache keeps",
        fates=(Fate(path="", words=f"{GONE}, without a snapshot"),),
        instead="Take a snapshot first, and restore the new cache from it (snapshotArnsToRestores).",
    ),
    "aws:ebs/volume:Volume": Facts(
        source=file("ec2/ebs_volume.go", "0073593e"),
        replaced_by=("availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"),
        chosen=words("encrypted kmsKeyId snapshotId"),
        unread=words("region"),
        holds="the volume's blocks",
        fates=(
            Fate(path="finalSnapshot", when=True, words="deleted; a final snapshot is left", keeps=True),
            Fate(path="", words=f"{GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshot first, and make the new volume from the snapshot (snapshotId).",
    ),
    "aws:efs/fileSystem:FileSystem": Facts(
        source=file("efs/file_system.go", "0389f467"),
        replaced_by=("availabilityZoneName", "creationToken", "encrypted", "kmsKeyId", "performanceMode"),
        chosen=words("availabilityZoneName creationToken encrypted kmsKeyId performanceMode"),
        unread=words("region"),
        holds="the files",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second file system beside it, copy the files (DataSync), then drop the first one.",
    ),
}

STREAMS: Mapping[str, Facts] = {
    "aws:kinesis/stream:Stream": Facts(
        source=file("kinesis/stream.go", "03aadd43"),
        replaced_by=("name",),
        chosen=words("name"),
        unread=words("region warmThroughputMibPs"),
        holds="the records that are not consumed yet",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second stream, let the producers write to it, drain the first one, then drop it.",
    ),
    "aws:msk/cluster:Cluster": Facts(
        source=file("kafka/cluster.go", "0b2fe557, and a later version with storage_mode"),
        replaced_by=(
            *("clusterName", "brokerNodeGroupInfo.azDistribution", "brokerNodeGroupInfo.clientSubnets"),
            *("brokerNodeGroupInfo.securityGroups", "encryptionInfo.encryptionAtRestKmsKeyArn"),
            "encryptionInfo.encryptionInTransit.inCluster",
        ),
        chosen=words("clusterName encryptionInfo.encryptionAtRestKmsKeyArn"),
        sets=frozenset({"brokerNodeGroupInfo.clientSubnets", "brokerNodeGroupInfo.securityGroups"}),
        defaults={
            "brokerNodeGroupInfo.azDistribution": "DEFAULT",
            "encryptionInfo.encryptionInTransit.inCluster": True,
        },
        sometimes={"kafkaVersion": lower("kafkaVersion")},
        unread=words("rebalancing region"),
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:msk/serverlessCluster:ServerlessCluster": Facts(
        source=file("kafka/serverless_cluster.go", "02fe3b28"),
        replaced_by=("clusterName", "clientAuthentication", "vpcConfigs"),
        chosen=words("clusterName"),
        unread=words("region"),
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Facts(
        source=file("logs/group.go", "0073593e"),
        replaced_by=("name", "namePrefix", "logGroupClass"),
        chosen=words("name namePrefix logGroupClass"),
        unread=words("deletionProtectionEnabled region"),
        holds="the logs",
        fates=(
            Fate(path="skipDestroy", when=True, words="stays in AWS: skipDestroy is set", keeps=True),
            Fate(path="", words=GONE),
        ),
        instead="Set skipDestroy first, or export the logs to S3.",
    ),
}
