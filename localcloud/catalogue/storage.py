"""S3, ECR, EFS, DynamoDB, Backup."""

from localcloud.catalogue.kind import Kind, Name

BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"

_OF_BUCKET = Kind(id="{bucket}", tags=False)
_OF_REPOSITORY = Kind(id="{repository}", outputs={"registryId": "{account}"}, tags=False)

KINDS = {
    BUCKET: Kind(
        id="{name}",
        arn="arn:aws:s3:::{name}",
        outputs={
            "bucket": "{name}",
            "bucketDomainName": "{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": "{name}.s3.{region}.amazonaws.com",
            "bucketRegion": "{region}",
            "hostedZoneId": "Z{SHORT}",
            "forceDestroy": False,
        },
        name=Name(
            property="bucket",
            longest=63,
            shortest=3,
            pattern=r"(?!xn--|sthree-)(?!.*(-s3alias|--ol-s3)$)(?!.*\.\.)[a-z0-9][a-z0-9.\-]*[a-z0-9]",
            prefix="bucketPrefix",
            lower=True,
        ),
    ),
    **{
        f"aws:s3/{name[0].lower()}{name[1:]}:{name}": _OF_BUCKET
        for name in (
            "BucketAcl",
            "BucketCorsConfiguration",
            "BucketLifecycleConfiguration",
            "BucketLogging",
            "BucketNotification",
            "BucketObjectLockConfiguration",
            "BucketOwnershipControls",
            "BucketPolicy",
            "BucketPublicAccessBlock",
            "BucketReplicationConfig",
            "BucketServerSideEncryptionConfiguration",
            "BucketVersioning",
        )
    },
    "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration": Kind(
        id="{bucket}:{name}", name=Name(longest=64), tags=False
    ),
    "aws:s3/bucketMetric:BucketMetric": Kind(id="{bucket}:{name}", name=Name(longest=64), tags=False),
    "aws:s3/inventory:Inventory": Kind(id="{bucket}:{name}", name=Name(longest=64), tags=False),
    "aws:s3/bucketObjectv2:BucketObjectv2": Kind(
        id="{bucket}/{key}",
        arn="arn:aws:s3:::{bucket}/{key}",
        outputs={"versionId": "{hash}"},
    ),
    REPOSITORY: Kind(
        id="{name}",
        arn="arn:aws:ecr:{region}:{account}:repository/{name}",
        outputs={
            "name": "{name}",
            "registryId": "{account}",
            "repositoryUrl": "{account}.dkr.ecr.{region}.amazonaws.com/{name}",
            "imageTagMutability": "MUTABLE",
        },
        name=Name(
            longest=256,
            shortest=2,
            pattern=r"(?:[a-z0-9]+(?:[._\-][a-z0-9]+)*/)*[a-z0-9]+(?:[._\-][a-z0-9]+)*",
        ),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _OF_REPOSITORY,
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _OF_REPOSITORY,
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": Kind(
        id="{ecrRepositoryPrefix}",
        outputs={"registryId": "{account}"},
        tags=False,
    ),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Kind(
        id="{account}", outputs={"registryId": "{account}"}, tags=False
    ),
    "aws:efs/fileSystem:FileSystem": Kind(
        id="fs-{hash}",
        arn="arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}",
        outputs={
            "dnsName": "{id}.efs.{region}.amazonaws.com",
            "ownerId": "{account}",
            "numberOfMountTargets": 0,
        },
        kept_by=("aws:efs/mountTarget:MountTarget", "aws:efs/accessPoint:AccessPoint"),
    ),
    "aws:efs/mountTarget:MountTarget": Kind(
        id="fsmt-{hash}",
        outputs={"networkInterfaceId": "eni-{hash}", "ownerId": "{account}"},
        unique=("fileSystemId", "subnetId"),
        tags=False,
    ),
    "aws:efs/accessPoint:AccessPoint": Kind(
        id="fsap-{hash}",
        arn="arn:aws:elasticfilesystem:{region}:{account}:access-point/{id}",
        outputs={"ownerId": "{account}"},
    ),
    "aws:dynamodb/table:Table": Kind(
        id="{name}",
        arn="arn:aws:dynamodb:{region}:{account}:table/{name}",
        outputs={"name": "{name}", "billingMode": "PROVISIONED"},
        name=Name(longest=255, shortest=3, pattern=r"[a-zA-Z0-9_.\-]+"),
    ),
    "aws:backup/vault:Vault": Kind(
        id="{name}",
        arn="arn:aws:backup:{region}:{account}:backup-vault:{name}",
        outputs={"name": "{name}", "recoveryPoints": 0},
        name=Name(longest=50, shortest=2, pattern=r"[a-zA-Z0-9\-_]+"),
    ),
    "aws:backup/plan:Plan": Kind(
        id="{uuid}",
        arn="arn:aws:backup:{region}:{account}:backup-plan:{id}",
        outputs={"name": "{name}", "version": "{short}"},
        name=Name(longest=50, pattern=r"[a-zA-Z0-9\-_.]+"),
        kept_by=("aws:backup/selection:Selection",),
    ),
    "aws:backup/selection:Selection": Kind(
        id="{uuid}",
        outputs={"name": "{name}"},
        name=Name(longest=50, pattern=r"[a-zA-Z0-9\-_.]+"),
        trust={"iamRoleArn": "backup.amazonaws.com"},
        tags=False,
    ),
}
