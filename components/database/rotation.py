"""Who changes the passwords of logins to the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

ROTATES = {"mlops.platform/rotates": "true"}
"""Label of a Secret of the cluster whose readers are started anew when it changes."""


@dataclass(frozen=True, kw_only=True)
class PasswordRotation:
    """A function that logs in with a secret, changes the password, and writes the new one into the secret. It wants
    the whole address there: engine, host, port, dbname, username and password."""

    function_arn: pulumi.Output[str]
    every_days: int

    def of(
        self,
        name: str,
        secret_id: pulumi.Input[str],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Change the password of a secret from now on. The first time is at once, and tells whether it works."""
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=secret_id,
            rotation_lambda_arn=self.function_arn,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=self.every_days, duration="3h"
            ),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(after))),
        )
