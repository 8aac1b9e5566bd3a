"""Databases, streams and caches: RDS, MSK, Kinesis, ElastiCache, Glue, Athena."""

from collections.abc import Mapping
from typing import Any

from localcloud.catalogue.identity import SECRET
from localcloud.catalogue.kind import ANYTHING, Kind, Name

RDS_INSTANCE = "aws:rds/instance:Instance"
RDS_CLUSTER = "aws:rds/cluster:Cluster"
DB_SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
DB_PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
DB_CLUSTER_PARAMETER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
MSK_CLUSTER = "aws:msk/cluster:Cluster"
MSK_SERVERLESS = "aws:msk/serverlessCluster:ServerlessCluster"
MSK_CONFIGURATION = "aws:msk/configuration:Configuration"
STREAM = "aws:kinesis/stream:Stream"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
CACHE_SUBNET_GROUP = "aws:elasticache/subnetGroup:SubnetGroup"
REPLICATION_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"

_DATABASE_PORTS = {
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "mysql": 3306,
    "aurora-mysql": 3306,
    "mariadb": 3306,
}
_DB_NAME = r"[a-zA-Z](?!.*--)[a-zA-Z0-9\-]*(?<!-)"
_GROUP_NAME = r"[a-zA-Z][a-zA-Z0-9.\-]*"


def _database(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Endpoint with its port, and the secret that RDS makes when it manages the master password."""
    port = int(fields.get("port") or _DATABASE_PORTS.get(fields.get("engine", ""), 5432))
    outputs: dict[str, Any] = {"port": port}
    if "instanceClass" in fields:
        outputs["endpoint"] = f"{{address}}:{port}"
    if fields.get("manageMasterUserPassword"):
        name = "arn:aws:secretsmanager:{region}:{account}:secret:rds!db-{uuid}-{six}"
        secret = {"secretArn": name, "secretStatus": "active", "kmsKeyId": "{masterUserSecretKmsKeyId}"}
        outputs["masterUserSecrets"] = [secret]
    return outputs


_DATABASE_BRINGS = {"masterUserSecrets.secretArn": SECRET}

KINDS = {
    RDS_INSTANCE: Kind(
        id="db-{HEX16}",
        arn="arn:aws:rds:{region}:{account}:db:{name}",
        outputs={
            "identifier": "{name}",
            "address": "{name}.{short}.{region}.rds.amazonaws.com",
            "resourceId": "{id}",
            "status": "available",
            "hostedZoneId": "Z{SHORT}",
            "availabilityZone": "{region}a",
            "engineVersionActual": "{engineVersion}",
        },
        derive=_database,
        name=Name(property="identifier", longest=63, pattern=_DB_NAME, prefix="identifierPrefix", lower=True),
        unique=("identifier",),
        brings=_DATABASE_BRINGS,
        trust={"monitoringRoleArn": "monitoring.rds.amazonaws.com"},
    ),
    RDS_CLUSTER: Kind(
        id="{name}",
        arn="arn:aws:rds:{region}:{account}:cluster:{name}",
        outputs={
            "clusterIdentifier": "{name}",
            "endpoint": "{name}.cluster-{short}.{region}.rds.amazonaws.com",
            "readerEndpoint": "{name}.cluster-ro-{short}.{region}.rds.amazonaws.com",
            "clusterResourceId": "cluster-{HEX16}",
            "hostedZoneId": "Z{SHORT}",
            "engineVersionActual": "{engineVersion}",
        },
        derive=_database,
        name=Name(
            property="clusterIdentifier",
            longest=63,
            pattern=_DB_NAME,
            prefix="clusterIdentifierPrefix",
            lower=True,
        ),
        kept_by=("aws:rds/clusterInstance:ClusterInstance",),
        brings=_DATABASE_BRINGS,
    ),
    "aws:rds/clusterInstance:ClusterInstance": Kind(
        id="{name}",
        arn="arn:aws:rds:{region}:{account}:db:{name}",
        outputs={
            "identifier": "{name}",
            "endpoint": "{name}.{short}.{region}.rds.amazonaws.com",
            "dbiResourceId": "db-{HEX16}",
            "port": 5432,
            "writer": True,
        },
        name=Name(property="identifier", longest=63, pattern=_DB_NAME, prefix="identifierPrefix", lower=True),
    ),
    DB_SUBNET_GROUP: Kind(
        id="{name}",
        arn="arn:aws:rds:{region}:{account}:subgrp:{name}",
        outputs={"name": "{name}", "description": "Managed by Pulumi", "supportedNetworkTypes": ["IPV4"]},
        name=Name(longest=255, pattern=r"(?!default$)[a-z0-9 ._\-]+", prefix="namePrefix", lower=True),
        kept_by=(ANYTHING,),
    ),
    DB_PARAMETER_GROUP: Kind(
        id="{name}",
        arn="arn:aws:rds:{region}:{account}:pg:{name}",
        outputs={"name": "{name}", "description": "Managed by Pulumi"},
        name=Name(longest=255, pattern=_GROUP_NAME, prefix="namePrefix", lower=True),
        kept_by=(ANYTHING,),
    ),
    DB_CLUSTER_PARAMETER_GROUP: Kind(
        id="{name}",
        arn="arn:aws:rds:{region}:{account}:cluster-pg:{name}",
        outputs={"name": "{name}", "description": "Managed by Pulumi"},
        name=Name(longest=255, pattern=_GROUP_NAME, prefix="namePrefix", lower=True),
        kept_by=(ANYTHING,),
    ),
    MSK_CLUSTER: Kind(
        id="{arn}",
        arn="arn:aws:kafka:{region}:{account}:cluster/{name}/{uuid}",
        outputs={
            "clusterName": "{name}",
            "clusterUuid": "{uuid}",
            "currentVersion": "K{SHORT}",
            "storageMode": "LOCAL",
            "enhancedMonitoring": "DEFAULT",
            "bootstrapBrokersSaslIam": "b-1.{name}.{short}.kafka.{region}.amazonaws.com:9098,"
            "b-2.{name}.{short}.kafka.{region}.amazonaws.com:9098",
            "bootstrapBrokersTls": "b-1.{name}.{short}.kafka.{region}.amazonaws.com:9094,"
            "b-2.{name}.{short}.kafka.{region}.amazonaws.com:9094",
            "bootstrapBrokersSaslScram": "b-1.{name}.{short}.kafka.{region}.amazonaws.com:9096,"
            "b-2.{name}.{short}.kafka.{region}.amazonaws.com:9096",
        },
        name=Name(property="clusterName", longest=64, pattern=r"[a-zA-Z0-9][a-zA-Z0-9\-]*"),
        unique=("clusterName",),
    ),
    MSK_SERVERLESS: Kind(
        id="{arn}",
        arn="arn:aws:kafka:{region}:{account}:cluster/{name}/{uuid}",
        outputs={
            "clusterName": "{name}",
            "clusterUuid": "{uuid}",
            "bootstrapBrokersSaslIam": "boot-{short}.c1.kafka-serverless.{region}.amazonaws.com:9098",
        },
        # Whatever names a cluster may name one of these.
        brings={"arn": MSK_CLUSTER},
        name=Name(property="clusterName", longest=64, pattern=r"[a-zA-Z0-9][a-zA-Z0-9\-]*"),
        unique=("clusterName",),
    ),
    MSK_CONFIGURATION: Kind(
        id="{arn}",
        arn="arn:aws:kafka:{region}:{account}:configuration/{name}/{uuid}",
        outputs={"name": "{name}", "latestRevision": 1},
        name=Name(longest=255, pattern=r"[0-9A-Za-z][0-9A-Za-z\-]*"),
        unique=("name",),
        kept_by=(MSK_CLUSTER,),
        tags=False,
    ),
    "aws:msk/clusterPolicy:ClusterPolicy": Kind(id="{clusterArn}", outputs={"currentVersion": "K{SHORT}"}, tags=False),
    "aws:msk/scramSecretAssociation:ScramSecretAssociation": Kind(id="{clusterArn}", tags=False),
    "aws:msk/topic:Topic": Kind(
        id="{clusterArn}/{name}",
        arn="{clusterArn}/{name}",
        name=Name(longest=249, pattern=r"[a-zA-Z0-9._\-]+"),
        tags=False,
    ),
    STREAM: Kind(
        id="{arn}",
        arn="arn:aws:kinesis:{region}:{account}:stream/{name}",
        outputs={"name": "{name}", "retentionPeriod": 24, "encryptionType": "NONE"},
        name=Name(longest=128, pattern=r"[a-zA-Z0-9_.\-]+"),
    ),
    "aws:kinesis/streamConsumer:StreamConsumer": Kind(
        id="{streamArn}/consumer/{name}:1767225600",
        arn="{id}",
        outputs={"name": "{name}", "creationTimestamp": "2026-01-01T00:00:00Z"},
        name=Name(longest=128, pattern=r"[a-zA-Z0-9_.\-]+"),
    ),
    FIREHOSE: Kind(
        id="{arn}",
        arn="arn:aws:firehose:{region}:{account}:deliverystream/{name}",
        outputs={"name": "{name}", "destinationId": "destinationId-000000000001", "versionId": "1"},
        name=Name(longest=64, pattern=r"[a-zA-Z0-9_.\-]+"),
        trust={
            "extendedS3Configuration.roleArn": "firehose.amazonaws.com",
            "kinesisSourceConfiguration.roleArn": "firehose.amazonaws.com",
            "mskSourceConfiguration.authenticationConfiguration.roleArn": "firehose.amazonaws.com",
        },
    ),
    CACHE_SUBNET_GROUP: Kind(
        id="{name}",
        arn="arn:aws:elasticache:{region}:{account}:subnetgroup:{name}",
        outputs={"name": "{name}", "description": "Managed by Pulumi"},
        name=Name(longest=255, pattern=r"[a-zA-Z0-9\-]+", lower=True),
        kept_by=(ANYTHING,),
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Kind(
        id="{name}",
        arn="arn:aws:elasticache:{region}:{account}:parametergroup:{name}",
        outputs={"name": "{name}", "description": "Managed by Pulumi"},
        name=Name(longest=255, pattern=r"[a-zA-Z][a-zA-Z0-9\-]*", lower=True),
        kept_by=(ANYTHING,),
    ),
    REPLICATION_GROUP: Kind(
        id="{name}",
        arn="arn:aws:elasticache:{region}:{account}:replicationgroup:{name}",
        outputs={
            "replicationGroupId": "{name}",
            "port": 6379,
            "primaryEndpointAddress": "master.{name}.{short}.cache.amazonaws.com",
            "readerEndpointAddress": "replica.{name}.{short}.cache.amazonaws.com",
            "configurationEndpointAddress": "{name}.{short}.clustercfg.cache.amazonaws.com",
            "memberClusters": ["{name}-001"],
        },
        name=Name(property="replicationGroupId", longest=40, pattern=_DB_NAME, lower=True),
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Kind(
        id="{name}",
        arn="arn:aws:elasticache:{region}:{account}:serverlesscache:{name}",
        outputs={
            "name": "{name}",
            "status": "available",
            "endpoints": [{"address": "{name}-{short}.serverless.cache.amazonaws.com", "port": 6379}],
            "readerEndpoints": [{"address": "{name}-{short}.serverless.cache.amazonaws.com", "port": 6380}],
        },
        name=Name(longest=40, pattern=_DB_NAME, lower=True),
    ),
    "aws:glue/catalogDatabase:CatalogDatabase": Kind(
        id="{account}:{name}",
        arn="arn:aws:glue:{region}:{account}:database/{name}",
        outputs={"name": "{name}", "catalogId": "{account}"},
        name=Name(longest=255, pattern=r"[^A-Z]+", lower=True),
        kept_by=("aws:glue/catalogTable:CatalogTable",),
    ),
    "aws:glue/catalogTable:CatalogTable": Kind(
        id="{account}:{databaseName}:{name}",
        arn="arn:aws:glue:{region}:{account}:table/{databaseName}/{name}",
        outputs={"name": "{name}", "catalogId": "{account}"},
        name=Name(longest=255, pattern=r"[^A-Z]+", lower=True),
        tags=False,
    ),
    "aws:athena/workgroup:Workgroup": Kind(
        id="{name}",
        arn="arn:aws:athena:{region}:{account}:workgroup/{name}",
        outputs={"name": "{name}"},
        name=Name(longest=128, pattern=r"[a-zA-Z0-9._\-]+"),
    ),
}
