"""IAM, KMS, Secrets Manager and SSM parameters."""

from localcloud.catalogue.kind import Kind, Name

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
INSTANCE_PROFILE = "aws:iam/instanceProfile:InstanceProfile"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE_POLICY_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
SECRET = "aws:secretsmanager/secret:Secret"

_IAM = "arn:aws:iam::{account}:"
_IAM_CHARACTERS = r"[\w+=,.@\-]+"

KINDS = {
    ROLE: Kind(
        id="{name}",
        arn=_IAM + "role{path}{name}",
        outputs={
            "name": "{name}",
            "path": "/",
            "uniqueId": "AROA{HEX16}",
            "maxSessionDuration": 3600,
            "createDate": "2026-01-01T00:00:00Z",
        },
        name=Name(longest=64, pattern=_IAM_CHARACTERS, prefix="namePrefix"),
        kept_by=(ROLE_POLICY, ROLE_POLICY_ATTACHMENT, INSTANCE_PROFILE),
    ),
    POLICY: Kind(
        id=_IAM + "policy{path}{name}",
        arn=_IAM + "policy{path}{name}",
        outputs={"name": "{name}", "path": "/", "policyId": "ANPA{HEX16}", "attachmentCount": 0},
        name=Name(longest=128, pattern=_IAM_CHARACTERS, prefix="namePrefix"),
        kept_by=(ROLE_POLICY_ATTACHMENT,),
    ),
    ROLE_POLICY: Kind(
        id="{role}:{name}",
        outputs={"name": "{name}"},
        name=Name(longest=128, pattern=_IAM_CHARACTERS, prefix="namePrefix"),
        tags=False,
    ),
    ROLE_POLICY_ATTACHMENT: Kind(
        id="{role}/{policyArn}",
        tags=False,
    ),
    INSTANCE_PROFILE: Kind(
        id="{name}",
        arn=_IAM + "instance-profile{path}{name}",
        outputs={
            "name": "{name}",
            "path": "/",
            "uniqueId": "AIPA{HEX16}",
            "createDate": "2026-01-01T00:00:00Z",
        },
        name=Name(longest=128, pattern=_IAM_CHARACTERS, prefix="namePrefix"),
    ),
    OIDC_PROVIDER: Kind(
        id=_IAM + "oidc-provider/{host}",
        arn=_IAM + "oidc-provider/{host}",
    ),
    KEY: Kind(
        id="{uuid}",
        arn="arn:aws:kms:{region}:{account}:key/{id}",
        outputs={
            "keyId": "{id}",
            "keyUsage": "ENCRYPT_DECRYPT",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "isEnabled": True,
            "multiRegion": False,
        },
    ),
    ALIAS: Kind(
        id="{name}",
        arn="arn:aws:kms:{region}:{account}:{name}",
        outputs={"name": "{name}", "targetKeyArn": "{targetKeyId}"},
        name=Name(longest=256, pattern=r"alias/(?!aws/)[a-zA-Z0-9/_\-]+", prefix="namePrefix"),
        tags=False,
    ),
    "aws:kms/grant:Grant": Kind(
        id="{keyId}:{hash}",
        outputs={"grantId": "{hash}", "grantToken": "{short}"},
        tags=False,
    ),
    SECRET: Kind(
        id="arn:aws:secretsmanager:{region}:{account}:secret:{name}-{six}",
        arn="{id}",
        outputs={"name": "{name}", "recoveryWindowInDays": 30},
        name=Name(longest=512, pattern=r"[a-zA-Z0-9/_+=.@\-]+", prefix="namePrefix"),
        unique=("name",),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Kind(
        id="{secretId}|{uuid}",
        outputs={"arn": "{secretId}", "versionId": "{uuid}", "versionStages": ["AWSCURRENT"]},
        tags=False,
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": Kind(
        id="{secretId}", outputs={"rotationEnabled": True}, unique=("secretId",), tags=False
    ),
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": Kind(
        id="arn:aws:cloudformation:{region}:{account}:stack/serverlessrepo-{name}/{uuid}",
        outputs={
            "name": "{name}",
            "outputs": {"RotationLambdaARN": "arn:aws:lambda:{region}:{account}:function:{name}"},
        },
        name=Name(longest=113, pattern=r"[a-zA-Z][a-zA-Z0-9\-]*"),
        unique=("name",),
    ),
    "aws:ssm/parameter:Parameter": Kind(
        id="{name}",
        arn="arn:aws:ssm:{region}:{account}:parameter/{name}",
        outputs={"name": "{name}", "version": 1, "tier": "Standard"},
        name=Name(longest=1011, pattern=r"[a-zA-Z0-9_.\-/]+"),
    ),
}
