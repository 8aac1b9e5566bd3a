"""What workloads outside the cluster need beside services and functions: names, secrets that AWS makes, aliases."""

from localcloud.catalogue.kind import Kind, Name

NAMESPACE = "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace"
ENTRY = "aws:servicediscovery/service:Service"

KINDS = {
    NAMESPACE: Kind(
        id="ns-{hash}",
        arn="arn:aws:servicediscovery:{region}:{account}:namespace/{id}",
        outputs={"name": "{name}", "hostedZone": "Z{SHORT}"},
        name=Name(longest=253, pattern=r"[!-~]+"),
        unique=("name", "vpc"),
        kept_by=(ENTRY,),
    ),
    ENTRY: Kind(
        id="srv-{hash}",
        arn="arn:aws:servicediscovery:{region}:{account}:service/{id}",
        outputs={"name": "{name}"},
        name=Name(longest=127, pattern=r"[a-zA-Z0-9_\-]+"),
        unique=("name", "namespaceId"),
        kept_by=("aws:ecs/service:Service",),
    ),
    "aws:cloudcontrol/resource:Resource": Kind(
        # The only type that the platform makes so: a secret, whose identifier is its ARN.
        id="arn:aws:secretsmanager:{region}:{account}:secret:{logical}-{six}",
        tags=False,
    ),
    "aws:lambda/alias:Alias": Kind(
        id="{functionName}:{name}",
        arn="arn:aws:lambda:{region}:{account}:function:{functionName}:{name}",
        outputs={
            "name": "{name}",
            "invokeArn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        },
        name=Name(longest=128, pattern=r"(?!^[0-9]+$)[a-zA-Z0-9\-_]+"),
        unique=("functionName", "name"),
        tags=False,
    ),
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": Kind(
        id="{functionName},{qualifier}", unique=("functionName", "qualifier"), tags=False
    ),
}
