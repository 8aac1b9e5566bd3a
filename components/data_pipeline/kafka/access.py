"""How clients of the brokers say who they are: by their role, or by a user and a password."""

from typing import Annotated, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, field_validator

from components.base.secret import SecretValue
from mlops.core.config import Config
from mlops.core.fields.aws import KeyArn, SecretArn

IAM_PORT, SCRAM_PORT = 9098, 9096
"""Source: MSK developer guide, "Port information"."""
_PREFIX = "AmazonMSK_"


class IamAccess(Config):
    """Clients are known by their role, and may do what their grants say."""

    kind: Literal["iam"] = "iam"


class ScramAccess(Config):
    """Clients are known by a user and a password as well, for those that cannot sign with a role. Whoever knows them
    may read and write every topic, unless the brokers' own access lists say otherwise. The platform's own workloads use
    them too; the delivery to the lake stays with its role."""

    kind: Literal["scram"] = "scram"
    secret_arn: SecretArn
    """Secrets Manager secret with the keys `username` and `password`; MSK wants a name that begins with AmazonMSK_."""
    key_arn: KeyArn
    """KMS key of that secret; MSK takes none that is encrypted with the account's `aws/secretsmanager`."""

    @field_validator("secret_arn")
    @classmethod
    def _has_the_name_that_msk_wants(cls, arn: str) -> str:
        # Source: MSK developer guide, "Sign-in credentials authentication with Secrets Manager".
        name = arn.rpartition(":secret:")[2]
        if not name.startswith(_PREFIX):
            raise ValueError(
                f"secret_arn names the secret {name}, and MSK takes none whose name does not begin with {_PREFIX}; "
                f"store user and password in one that is called {_PREFIX}…"
            )
        return arn

    @property
    def secrets(self) -> dict[str, SecretValue]:
        """Variables of a client that lie in the secret."""
        return {
            f"MLOPS_STREAM_{key.upper()}": SecretValue(arn=self.secret_arn, key=key, key_arn=self.key_arn)
            for key in ("username", "password")
        }


Access = Annotated[IamAccess | ScramAccess, Field(discriminator="kind")]


def known_users(
    name: str, access: ScramAccess, cluster: "aws.msk.Cluster", opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Tell the brokers of the user; where they are reached by it, known once they know it."""
    told = aws.msk.ScramSecretAssociation(
        f"{name}-users", cluster_arn=cluster.arn, secret_arn_lists=[access.secret_arn], opts=opts
    )
    return pulumi.Output.all(cluster.bootstrap_brokers_sasl_scram, told.id).apply(lambda values: str(values[0]))
