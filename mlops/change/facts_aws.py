"""AWS types: the properties that replace them, read in the provider's own schemas, and what deletion does to the data.

Sources are files of hashicorp/terraform-provider-aws, which the Pulumi provider is built on, at the commit named: a
property counts where its schema says `ForceNew` (or `RequiresReplace`). Names are those of the Pulumi SDK. Files of
different age were read; properties of pulumi-aws 7.51.1 that a file does not list are in `unread`.
"""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate, before_version, lower, removed

_GONE = "deleted with all that is in it"


def _file(path: str, commit: str) -> str:
    return f"terraform-provider-aws internal/service/{path} at {commit}"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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
        source=_file("rds/instance.go", "00e4b238"),
        replaced_by=(
            *("identifier", "identifierPrefix", "engine", "kmsKeyId", "storageEncrypted", "username", "dbName"),
            *("availabilityZone", "characterSetName", "ncharCharacterSetName", "timezone", "snapshotIdentifier"),
            *("customIamInstanceProfile", "restoreToPointInTime", "s3Import"),
        ),
        chosen=_words(
            "identifier identifierPrefix engine kmsKeyId username dbName availabilityZone characterSetName "
            "ncharCharacterSetName timezone snapshotIdentifier"
        ),
        unread=_words(
            "backupTarget blueGreenUpdate databaseInsightsMode dedicatedLogVolume domainAuthSecretArn domainDnsIps "
            "domainFqdn domainOu engineLifecycleSupport manageMasterUserPassword masterUserSecretKmsKeyId passwordWo "
            "passwordWoVersion region storageThroughput upgradeStorageConfig"
        ),
        holds="the database",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
    ),
    "aws:rds/cluster:Cluster": Facts(
        source=_file("rds/cluster.go", "0168cf68"),
        replaced_by=(
            *("clusterIdentifier", "clusterIdentifierPrefix", "engine", "engineMode", "kmsKeyId", "storageEncrypted"),
            *("masterUsername", "databaseName", "availabilityZones", "dbSubnetGroupName", "dbSystemId"),
            *("clusterScalabilityType", "sourceRegion", "restoreToPointInTime", "s3Import"),
        ),
        chosen=_words(
            "clusterIdentifier clusterIdentifierPrefix kmsKeyId storageEncrypted masterUsername databaseName "
            "availabilityZones dbSubnetGroupName dbSystemId clusterScalabilityType"
        ),
        sets=frozenset({"availabilityZones"}),
        defaults={"engineMode": "provisioned"},
        sometimes={
            "storageType": lambda _, after: not str(after.get("engine", "")).startswith("aurora"),
            "snapshotIdentifier": lambda _, after: bool(after.get("snapshotIdentifier")),
        },
        unread=_words("autoMinorVersionUpgrade region"),
        holds="the databases of the cluster",
        fates=_RDS_FATES,
        instead=_RDS_INSTEAD,
    ),
    "aws:dynamodb/table:Table": Facts(
        source=_file("dynamodb/table.go", "f583d818"),
        replaced_by=(
            *("name", "hashKey", "rangeKey", "localSecondaryIndexes"),
            *("restoreSourceName", "restoreToLatestTime", "restoreDateTime"),
        ),
        chosen=_words("name hashKey"),
        unread=_words(
            "deletionProtectionEnabled globalTableWitness importTable onDemandThroughput region restoreBackupArn "
            "restoreSourceTableArn warmThroughput"
        ),
        holds="the table's items",
        fates=(
            Fate(
                path="deletionProtectionEnabled",
                when=True,
                words="DynamoDB refuses while deletionProtectionEnabled is on",
                keeps=True,
            ),
            Fate(path="", words=_GONE),
        ),
        instead="Make a second table beside it, copy the items (export to S3 and import), then drop the first one.",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Facts(
        source=_file("elasticache/replication_group.go", "001b6364")
        + "; transitEncryptionEnabled: pulumi-aws 7.51.1, docstring",
        replaced_by=(
            *("replicationGroupId", "atRestEncryptionEnabled", "dataTieringEnabled", "globalReplicationGroupId"),
            *("kmsKeyId", "networkType", "port", "securityGroupNames", "snapshotArns", "snapshotName"),
            "subnetGroupName",
        ),
        chosen=_words(
            "replicationGroupId atRestEncryptionEnabled dataTieringEnabled globalReplicationGroupId networkType "
            "securityGroupNames subnetGroupName"
        ),
        sets=frozenset({"securityGroupNames", "snapshotArns"}),
        defaults={"port": 6379},
        sometimes={
            "engineVersion": lower("engineVersion"),
            "transitEncryptionEnabled": before_version("engineVersion", (7, 0, 5)),
        },
        unread=_words("authTokenWo authTokenWoVersion durability region nodeGroupConfigurations engine"),
        holds="what the cache keeps",
        fates=(
            Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
            Fate(path="", words=f"{_GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshotIdentifier first, and make the new group from that snapshot (snapshotName).",
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Facts(
        source=_file("elasticache/serverless_cache.go", "00a919d1"),
        replaced_by=("name", "engine", "kmsKeyId", "majorEngineVersion", "snapshotArnsToRestores", "subnetIds"),
        chosen=_words("name majorEngineVersion subnetIds"),
        sets=frozenset({"subnetIds"}),
        unread=_words("networkType region timeouts"),
        holds="what the cache keeps",
        fates=(Fate(path="", words=f"{_GONE}, without a snapshot"),),
        instead="Take a snapshot first, and restore the new cache from it (snapshotArnsToRestores).",
    ),
    "aws:ebs/volume:Volume": Facts(
        source=_file("ec2/ebs_volume.go", "0073593e"),
        replaced_by=("availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"),
        chosen=_words("encrypted kmsKeyId snapshotId"),
        unread=_words("region"),
        holds="the volume's blocks",
        fates=(
            Fate(path="finalSnapshot", when=True, words="deleted; a final snapshot is left", keeps=True),
            Fate(path="", words=f"{_GONE}, without a snapshot"),
        ),
        instead="Set finalSnapshot first, and make the new volume from the snapshot (snapshotId).",
    ),
    "aws:efs/fileSystem:FileSystem": Facts(
        source=_file("efs/file_system.go", "0389f467"),
        replaced_by=("availabilityZoneName", "creationToken", "encrypted", "kmsKeyId", "performanceMode"),
        chosen=_words("availabilityZoneName creationToken encrypted kmsKeyId performanceMode"),
        unread=_words("region"),
        holds="the files",
        fates=(Fate(path="", words=_GONE),),
        instead="Make a second file system beside it, copy the files (DataSync), then drop the first one.",
    ),
}

STREAMS: Mapping[str, Facts] = {
    "aws:kinesis/stream:Stream": Facts(
        source=_file("kinesis/stream.go", "03aadd43"),
        replaced_by=("name",),
        chosen=_words("name"),
        unread=_words("region warmThroughputMibPs"),
        holds="the records that are not consumed yet",
        fates=(Fate(path="", words=_GONE),),
        instead="Make a second stream, let the producers write to it, drain the first one, then drop it.",
    ),
    "aws:msk/cluster:Cluster": Facts(
        source=_file("kafka/cluster.go", "0b2fe557"),
        replaced_by=(
            *("clusterName", "brokerNodeGroupInfo.azDistribution", "brokerNodeGroupInfo.clientSubnets"),
            *("brokerNodeGroupInfo.securityGroups", "encryptionInfo.encryptionAtRestKmsKeyArn"),
            "encryptionInfo.encryptionInTransit.inCluster",
        ),
        chosen=_words("clusterName encryptionInfo.encryptionAtRestKmsKeyArn"),
        sets=frozenset({"brokerNodeGroupInfo.clientSubnets", "brokerNodeGroupInfo.securityGroups"}),
        defaults={
            "brokerNodeGroupInfo.azDistribution": "DEFAULT",
            "encryptionInfo.encryptionInTransit.inCluster": True,
        },
        sometimes={"kafkaVersion": lower("kafkaVersion")},
        unread=_words("rebalancing region storageMode"),
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=_GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:msk/serverlessCluster:ServerlessCluster": Facts(
        source=_file("kafka/serverless_cluster.go", "02fe3b28"),
        replaced_by=("clusterName", "clientAuthentication", "vpcConfigs"),
        chosen=_words("clusterName"),
        unread=_words("region"),
        holds="all topics and consumer offsets",
        fates=(Fate(path="", words=_GONE),),
        instead="Make a second cluster beside it, mirror the topics (MSK Replicator), move the clients, then drop it.",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Facts(
        source=_file("logs/group.go", "0073593e"),
        replaced_by=("name", "namePrefix", "logGroupClass"),
        chosen=_words("name namePrefix logGroupClass"),
        unread=_words("deletionProtectionEnabled region"),
        holds="the logs",
        fates=(
            Fate(path="skipDestroy", when=True, words="stays in AWS: skipDestroy is set", keeps=True),
            Fate(path="", words=_GONE),
        ),
        instead="Set skipDestroy first, or export the logs to S3.",
    ),
}

OBJECTS: Mapping[str, Facts] = {
    "aws:s3/bucket:Bucket": Facts(
        source=_file("s3/bucket.go", "0070bcd1 (objectLockEnabled: the same file, a later version)"),
        replaced_by=("bucket", "bucketPrefix", "objectLockEnabled"),
        chosen=_words("bucket objectLockEnabled"),
        unread=_words("bucketNamespace region objectLockConfiguration"),
        holds="the objects and their versions",
        fates=(
            Fate(path="forceDestroy", when=True, words="deleted with all objects and versions: forceDestroy is on"),
            Fate(path="", words="S3 refuses while there are objects in it: forceDestroy is off", keeps=True),
        ),
        instead="Make a second bucket beside it, copy the objects (S3 Batch Replication), then drop the first one.",
    ),
    "aws:ecr/repository:Repository": Facts(
        source=_file("ecr/repository.go", "0072eea2"),
        replaced_by=("name", "encryptionConfigurations"),
        chosen=_words("name"),
        defaults={"encryptionConfigurations": [{"encryptionType": "AES256"}]},
        unread=_words("imageTagMutabilityExclusionFilters region"),
        holds="the images",
        fates=(
            Fate(path="forceDelete", when=True, words="deleted with all images: forceDelete is on"),
            Fate(path="", words="ECR refuses while there are images in it: forceDelete is off", keeps=True),
        ),
        instead="Make a second repository beside it, push the images that run to it, then drop the first one.",
    ),
    "aws:backup/vault:Vault": Facts(
        source=_file("backup/vault.go", "050ac111"),
        replaced_by=("name", "kmsKeyArn"),
        chosen=_words("name kmsKeyArn"),
        unread=_words("region"),
        holds="the backups",
        fates=(
            Fate(path="forceDestroy", when=True, words="deleted with all recovery points: forceDestroy is on"),
            Fate(
                path="",
                words="AWS Backup refuses while there are recovery points in it: forceDestroy is off",
                keeps=True,
            ),
        ),
        instead="Make a second vault beside it and let the plan write to it; drop the first when its backups expired.",
    ),
}

SECRETS: Mapping[str, Facts] = {
    "aws:kms/key:Key": Facts(
        source=_file("kms/key.go", "00a35305"),
        replaced_by=("customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"),
        chosen=_words("multiRegion"),
        defaults={"customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT"},
        unread=_words("region"),
        holds="the key, and with it everything that it encrypts",
        fates=(
            Fate(
                path="deletionWindowInDays",
                words="scheduled for deletion; `aws kms cancel-key-deletion` brings it back for {value} days",
            ),
            Fate(path="", words="scheduled for deletion; `aws kms cancel-key-deletion` brings it back for 30 days"),
        ),
        instead="Keep the old key in the program until nothing is encrypted with it; add the new one beside it.",
    ),
    "aws:secretsmanager/secret:Secret": Facts(
        source=_file("secretsmanager/secret.go", "00c21ced"),
        replaced_by=("name", "namePrefix"),
        chosen=_words("name namePrefix"),
        unread=_words("region type"),
        holds="the secret's value and its versions",
        fates=(
            Fate(path="recoveryWindowInDays", when=0, words="deleted at once: recoveryWindowInDays is 0"),
            Fate(
                path="recoveryWindowInDays",
                words="scheduled for deletion; `aws secretsmanager restore-secret` brings it back for {value} days",
            ),
            Fate(path="", words="scheduled for deletion; `aws secretsmanager restore-secret` works for 30 days"),
        ),
        instead="Make a second secret beside it, put the value into it, move the readers, then drop the first one.",
    ),
}

COMPUTE: Mapping[str, Facts] = {
    "aws:eks/cluster:Cluster": Facts(
        source=_file("eks/cluster.go", "00555dc5"),
        replaced_by=(
            *("name", "roleArn", "bootstrapSelfManagedAddons", "accessConfig.bootstrapClusterCreatorAdminPermissions"),
            *("kubernetesNetworkConfig.ipFamily", "kubernetesNetworkConfig.serviceIpv4Cidr"),
            *("outpostConfig.controlPlaneInstanceType", "outpostConfig.controlPlanePlacement.groupName"),
            "remoteNetworkConfig",
        ),
        chosen=_words("name kubernetesNetworkConfig.ipFamily kubernetesNetworkConfig.serviceIpv4Cidr"),
        defaults={"bootstrapSelfManagedAddons": True, "accessConfig.bootstrapClusterCreatorAdminPermissions": True},
        sometimes={
            "encryptionConfig": removed("encryptionConfig"),
            "computeConfig.nodeRoleArn": lambda before, _: bool((before.get("computeConfig") or {}).get("nodeRoleArn")),
        },
        unread=_words(
            "controlPlaneScalingConfig defaultAddonsToRemoves deletionProtection forceUpdateVersion "
            "kubeApiServerConfig kubeControllerManagerConfig kubeSchedulerConfig region"
        ),
        holds="every Kubernetes object, and the volumes that they claimed",
        fates=(
            Fate(path="deletionProtection", when=True, words="EKS refuses while deletionProtection is on", keeps=True),
            Fate(path="", words="deleted with every object in it"),
        ),
        instead="Bring up a second cluster beside it, move the workloads and their volumes, then drop the first one.",
    ),
    "aws:eks/nodeGroup:NodeGroup": Facts(
        source=_file("eks/node_group.go", "012e0a32"),
        replaced_by=(
            *("clusterName", "nodeGroupName", "nodeGroupNamePrefix", "nodeRoleArn", "subnetIds", "amiType"),
            *("capacityType", "diskSize", "instanceTypes", "launchTemplate.id", "launchTemplate.name", "remoteAccess"),
        ),
        chosen=_words(
            "nodeGroupName nodeGroupNamePrefix amiType capacityType diskSize instanceTypes launchTemplate.id "
            "launchTemplate.name"
        ),
        sets=frozenset({"subnetIds"}),
        unread=_words("region warmPoolConfig"),
        stops="every pod on its nodes is evicted and starts elsewhere",
    ),
}

AWS: Mapping[str, Facts] = {**DATA, **STREAMS, **OBJECTS, **SECRETS, **COMPUTE}
