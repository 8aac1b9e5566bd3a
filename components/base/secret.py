"""References to secrets: where a value lies, who may read it, and never the value."""

from dataclasses import dataclass

import pulumi

from components.base.identity import Statement
from mlops.core.config import Config
from mlops.core.fields.aws import KeyArn, SecretArn
from mlops.core.fields.containers import SecretKey

_READ = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")


@dataclass(frozen=True, kw_only=True)
class SecretValue:
    """One value of a secret in Secrets Manager."""

    arn: pulumi.Input[str]
    """Whole ARN of the secret."""
    key: str | None = None
    """Key of the JSON object that the secret holds; None where its whole text is the value."""
    key_arn: pulumi.Input[str] | None = None
    """KMS key of the secret; None where it is the account's `aws/secretsmanager`."""

    @property
    def remote(self) -> dict[str, pulumi.Input[str]]:
        """The `remoteRef` by which External Secrets reads it."""
        return {"key": self.arn, **({"property": self.key} if self.key else {})}

    @property
    def value_from(self) -> pulumi.Input[str]:
        """What an ECS container's `valueFrom` says: `arn:key::` for a key of a JSON object (ECS developer guide,
        "Pass Secrets Manager secrets through environment variables")."""
        return pulumi.Output.concat(self.arn, f":{self.key}::") if self.key else self.arn

    def read(self) -> tuple[Statement, ...]:
        """What whoever hands it to a workload needs, and no more."""
        statements = (Statement(actions=_READ, resources=(self.arn,)),)
        return (
            (*statements, Statement(actions=("kms:Decrypt",), resources=(self.key_arn,)))
            if self.key_arn
            else statements
        )


class SecretReference(Config):
    """Where a secret lies, and never the secret."""

    arn: SecretArn
    """Secret of AWS Secrets Manager."""
    key: SecretKey | None = None
    """Key of a secret that is a JSON document; null takes the whole."""
    key_arn: KeyArn | None = None
    """KMS key that the secret is encrypted with, unless it is Secrets Manager's own."""

    @property
    def value(self) -> SecretValue:
        """The reference by which it is read."""
        return SecretValue(arn=self.arn, key=self.key, key_arn=self.key_arn)
