"""A secret whose value AWS makes and nobody sees: neither the program, nor its state, nor whoever deploys.

Pulumi's provider for Secrets Manager takes values and makes none. CloudFormation's does (`GenerateSecretString`), and
Cloud Control reaches it without a stack; what it is told to generate it never gives back.
"""

import json

import pulumi
import pulumi_aws as aws

from components.base.secret import SecretValue
from mlops.core.rotation import never


def generated_secret(
    name: str,
    *,
    description: str,
    unrotated: str = "",
    key_arn: pulumi.Output[str],
    username: str | None = None,
    opts: pulumi.ResourceOptions,
) -> SecretValue:
    """A random text of 32 letters and digits, made once. It lives as long as the stack; its name is AWS's choice, so
    that a deleted one, which Secrets Manager keeps for a while, is in nobody's way.

    Args:
        unrotated: why nothing replaces it by itself, in words that `mlops.core.rotation.never` takes.
        username: makes a JSON document of it, with the keys `username` and `password`.

    Source: CloudFormation reference, AWS::SecretsManager::Secret, GenerateSecretString.
    """
    secret = aws.cloudcontrol.Resource(
        name,
        type_name="AWS::SecretsManager::Secret",
        desired_state=key_arn.apply(
            lambda key: json.dumps(desired(description, unrotated, key, username), sort_keys=True)
        ),
        opts=opts,
    )
    # Cloud Control's identifier of a secret is its ARN: the type's primary identifier.
    return SecretValue(arn=secret.id, key_arn=key_arn)


def desired(description: str, unrotated: str, key: str, username: str | None = None) -> dict[str, object]:
    """What Cloud Control is asked for."""
    document = {"SecretStringTemplate": json.dumps({"username": username}), "GenerateStringKey": "password"}
    told = never(unrotated) if unrotated else {}
    return {
        "Description": description,
        "KmsKeyId": key,
        "Tags": [{"Key": name, "Value": words} for name, words in told.items()],
        "GenerateSecretString": {
            "PasswordLength": 32,
            "ExcludePunctuation": True,
            **(document if username else {}),
        },
    }
