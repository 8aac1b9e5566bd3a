"""Warehouse, crawlers and the users of caches: Redshift Serverless, Glue, ElastiCache."""

from localcloud.catalogue.identity import SECRET
from localcloud.catalogue.kind import ANYTHING, Kind, Name

NAMESPACE = "aws:redshiftserverless/namespace:Namespace"
WORKGROUP = "aws:redshiftserverless/workgroup:Workgroup"
_WAREHOUSE = r"[a-z0-9\-]+"

KINDS = {
    NAMESPACE: Kind(
        id="{name}",
        arn="arn:aws:redshift-serverless:{region}:{account}:namespace/{uuid}",
        outputs={
            "namespaceId": "{uuid}",
            "adminPasswordSecretArn": "arn:aws:secretsmanager:{region}:{account}:secret:redshift!{name}-{six}",
        },
        name=Name(property="namespaceName", shortest=3, longest=64, pattern=_WAREHOUSE),
        unique=("namespaceName",),
        kept_by=(WORKGROUP,),
        brings={"adminPasswordSecretArn": SECRET},
    ),
    WORKGROUP: Kind(
        id="{name}",
        arn="arn:aws:redshift-serverless:{region}:{account}:workgroup/{uuid}",
        outputs={
            "workgroupId": "{uuid}",
            "endpoints": [
                {"address": "{name}.{account}.{region}.redshift-serverless.amazonaws.com", "port": 5439},
            ],
        },
        name=Name(property="workgroupName", shortest=3, longest=64, pattern=_WAREHOUSE),
        unique=("workgroupName",),
    ),
    "aws:redshiftserverless/usageLimit:UsageLimit": Kind(
        id="{uuid}",
        arn="arn:aws:redshift-serverless:{region}:{account}:usagelimit/{uuid}",
        tags=False,
    ),
    "aws:elasticache/user:User": Kind(
        id="{userId}",
        arn="arn:aws:elasticache:{region}:{account}:user:{userId}",
        name=Name(property="userId", longest=40, pattern=r"[a-zA-Z][a-zA-Z0-9\-]*"),
        unique=("userId",),
        kept_by=("aws:elasticache/userGroup:UserGroup",),
    ),
    "aws:elasticache/userGroup:UserGroup": Kind(
        id="{userGroupId}",
        arn="arn:aws:elasticache:{region}:{account}:usergroup:{userGroupId}",
        name=Name(property="userGroupId", longest=40, pattern=r"[a-zA-Z][a-zA-Z0-9\-]*"),
        unique=("userGroupId",),
        kept_by=(ANYTHING,),
    ),
    "aws:glue/crawler:Crawler": Kind(
        id="{name}",
        arn="arn:aws:glue:{region}:{account}:crawler/{name}",
        outputs={"name": "{name}"},
        name=Name(longest=255),
        trust={"role": "glue.amazonaws.com"},
    ),
    "aws:glue/securityConfiguration:SecurityConfiguration": Kind(
        id="{name}",
        outputs={"name": "{name}"},
        name=Name(longest=255),
        kept_by=("aws:glue/crawler:Crawler",),
        tags=False,
    ),
    "aws:glue/dataCatalogEncryptionSettings:DataCatalogEncryptionSettings": Kind(
        id="{account}", outputs={"catalogId": "{account}"}, tags=False
    ),
}
