"""Which properties of AWS resources name other resources, told by the property's own name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.catalogue import cluster, data, identity, kind_of, network, operations, serving, storage
from mlops.plan.values import SECRET, UNKNOWN, Properties

# `a.b` is the property b of the property a.
_BY_PROPERTY: Mapping[str, str] = {
    **dict.fromkeys(("vpcId",), network.VPC),
    **dict.fromkeys(("subnetId", "subnetIds", "clientSubnets", "subnets", "vpcSubnetIds"), network.SUBNET),
    **dict.fromkeys(
        (
            "securityGroupId",
            "securityGroupIds",
            "securityGroups",
            "vpcSecurityGroupIds",
            "referencedSecurityGroupId",
            "sourceSecurityGroupId",
        ),
        network.SECURITY_GROUP,
    ),
    **dict.fromkeys(("routeTableId", "routeTableIds", "defaultRouteTableId"), network.ROUTE_TABLE),
    **dict.fromkeys(("gatewayId", "internetGatewayId"), network.INTERNET_GATEWAY),
    "allocationId": network.EIP,
    "natGatewayId": network.NAT_GATEWAY,
    "vpcEndpointId": network.VPC_ENDPOINT,
    **dict.fromkeys(("launchTemplate.id", "launchTemplate.name"), network.LAUNCH_TEMPLATE),
    **dict.fromkeys(
        (
            "role",
            "roleArn",
            "iamRole",
            "iamRoleArn",
            "nodeRoleArn",
            "executionRole",
            "executionRoleArn",
            "taskRoleArn",
            "podExecutionRoleArn",
            "monitoringRoleArn",
            "serviceAccountRoleArn",
        ),
        identity.ROLE,
    ),
    "policyArn": identity.POLICY,
    **dict.fromkeys(
        (
            "kmsKey",
            "kmsKeyId",
            "kmsKeyArn",
            "kmsMasterKeyId",
            "keyArn",
            "targetKeyId",
            "masterUserSecretKmsKeyId",
            "performanceInsightsKmsKeyId",
            "encryptionAtRestKmsKeyArn",
        ),
        identity.KEY,
    ),
    **dict.fromkeys(("secretId", "secretArn", "secretArnLists"), identity.SECRET),
    **dict.fromkeys(("bucket", "bucketArn", "targetBucket"), storage.BUCKET),
    "repository": storage.REPOSITORY,
    "dbSubnetGroupName": data.DB_SUBNET_GROUP,
    "dbClusterParameterGroupName": data.DB_CLUSTER_PARAMETER_GROUP,
    "configurationInfo.arn": data.MSK_CONFIGURATION,
    **dict.fromkeys(("kinesisStreamArn", "streamArn"), data.STREAM),
    "deliveryStream": data.FIREHOSE,
    "subnetGroupName": data.CACHE_SUBNET_GROUP,
    **dict.fromkeys(("logGroup", "logGroupName"), operations.LOG_GROUP),
    "loadBalancerArn": serving.LOAD_BALANCER,
    "targetGroupArn": serving.TARGET_GROUP,
    "endpointConfigName": serving.ENDPOINT_CONFIGURATION,
}

_BY_SERVICE: Mapping[tuple[str, str], str] = {
    ("eks", "clusterName"): cluster.CLUSTER,
    ("ecs", "clusterName"): serving.ECS_CLUSTER,
    ("ecs", "cluster"): serving.ECS_CLUSTER,
    ("rds", "clusterIdentifier"): data.RDS_CLUSTER,
    ("rds", "parameterGroupName"): data.DB_PARAMETER_GROUP,
    ("msk", "clusterArn"): data.MSK_CLUSTER,
    ("lambda", "function"): serving.FUNCTION,
    ("lambda", "functionName"): serving.FUNCTION,
    ("sagemaker", "domainId"): serving.DOMAIN,
    ("sagemaker", "ownerUserProfileName"): serving.USER_PROFILE,
    ("sagemaker", "modelName"): serving.SAGEMAKER_MODEL,
    ("sns", "topic"): operations.TOPIC,
    ("cloudwatch", "rule"): operations.EVENT_RULE,
    ("backup", "planId"): "aws:backup/plan:Plan",
    ("efs", "fileSystemId"): "aws:efs/fileSystem:FileSystem",
}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A property that names another resource."""

    path: str
    type: str
    """Of what it names."""
    identity: str
    """Id, ARN or name."""


def references(type_: str, inputs: Properties) -> Iterator[Reference]:
    """What the inputs of an AWS resource refer to; unknown and secret values are left out."""
    kind = kind_of(type_)
    own_name = kind.name.property if kind.name else ""
    service = type_.split(":")[1].partition("/")[0]
    yield from _walk({key: value for key, value in inputs.items() if key != own_name}, service, "", "")


def _walk(value: Any, service: str, parent: str, path: str) -> Iterator[Reference]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, service, parent, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            target = _target(service, parent, key)
            if target:
                yield from (Reference(path=where, type=target, identity=text) for text in _texts(item))
            else:
                yield from _walk(item, service, key, where)


def _target(service: str, parent: str, key: str) -> str | None:
    return _BY_SERVICE.get((service, key)) or _BY_PROPERTY.get(f"{parent}.{key}") or _BY_PROPERTY.get(key)


def _texts(value: Any) -> list[str]:
    """The identities in a property, or in a text that lists them with commas, as CloudFormation's parameters do; the
    `:*` that ends the ARN of a log group's streams is not part of one."""
    values = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    texts = [text.removesuffix(":*") for text in values if isinstance(text, str)]
    return [text for text in texts if text and UNKNOWN not in text and SECRET not in text and "*" not in text]
