"""KMS keys by purpose.

One key a purpose, not one for all: who may decrypt the lake is not who may decrypt the cluster's secrets,
and a grant can only be as narrow as its key.
"""

import json
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from mlops.core.config import Config

Purpose = Literal["data", "cluster", "database", "logs"]

_VIA_SERVICE: dict[Purpose, tuple[str, ...]] = {
    "data": (),
    "cluster": ("ec2",),
    "database": (),
    "logs": (),
}
"""Services that use a key for anybody of the account who may use the service. EC2 is how node groups and the
EBS CSI driver encrypt volumes: it spares a key policy that names the Auto Scaling service-linked role, which
does not exist in a new account and would make the policy invalid."""

_PRINCIPALS: dict[Purpose, tuple[str, ...]] = {
    "data": ("delivery.logs.amazonaws.com",),
    "cluster": (),
    "database": (),
    "logs": ("logs.{region}.amazonaws.com",),
}


class KeysConfig(Config):
    """Customer-managed KMS keys."""

    rotation_days: int = Field(default=365, ge=90, le=2560)
    """Days between automatic rotations of the key material (AWS allows 90 to 2,560)."""
    deletion_window_days: int = Field(default=30, ge=7, le=30)
    """Days during which a deleted key can still be brought back, and with it everything it encrypts."""
    protect: bool = True
    """Refuse to delete the keys: without them encrypted data is lost for good."""


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """Where the keys live."""

    region: str
    alias_prefix: str
    """Aliases are `alias/<prefix>/<purpose>`."""
    log_writers: tuple[str, ...] = ()
    """Further services that write what the `logs` key encrypts: the audit trail's, where the stack keeps one."""


@dataclass(frozen=True, kw_only=True)
class KeysOutputs:
    """Key ARNs by purpose. An ARN is known only once the key's policy stands."""

    data: pulumi.Output[str]
    cluster: pulumi.Output[str]
    database: pulumi.Output[str]
    logs: pulumi.Output[str]


class Keys(Component[KeysOutputs]):
    """A rotating KMS key, its policy and its alias for each purpose."""

    token = "mlops:index:Keys"

    def __init__(
        self, name: str, config: KeysConfig, args: KeysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self.publish(
            KeysOutputs(
                data=self._key("data"),
                cluster=self._key("cluster"),
                database=self._key("database"),
                logs=self._key("logs"),
            )
        )

    def _key(self, purpose: Purpose) -> pulumi.Output[str]:
        writers = self._args.log_writers if purpose == "logs" else ()
        key = aws.kms.Key(
            f"{self.name}-{purpose}",
            description=f"{purpose} of the MLOps platform",
            enable_key_rotation=True,
            rotation_period_in_days=self._config.rotation_days,
            deletion_window_in_days=self._config.deletion_window_days,
            opts=self.child_with(protect=self._config.protect),
        )
        policy = aws.kms.KeyPolicy(
            f"{self.name}-{purpose}-policy",
            key_id=key.id,
            policy=key.arn.apply(lambda arn: json.dumps(key_policy(arn, purpose, self._args.region, writers))),
            opts=self.child,
        )
        aws.kms.Alias(
            f"{self.name}-{purpose}-alias",
            name=f"alias/{self._args.alias_prefix}/{purpose}",
            target_key_id=key.id,
            opts=self.child,
        )
        # Through the policy, so that nobody uses a key before the services it serves are let in.
        return pulumi.Output.all(key.arn, policy.id).apply(lambda values: str(values[0]))


def key_policy(arn: str, purpose: Purpose, region: str, writers: tuple[str, ...] = ()) -> dict[str, object]:
    """The key policy: IAM decides within the account; services named for the purpose may use the key."""
    partition, account = arn.split(":")[1], arn.split(":")[4]
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    statements: list[dict[str, object]] = [
        {
            "Sid": "IamDecides",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    for service in _VIA_SERVICE[purpose]:
        statements.append(
            {
                "Sid": f"Through{service.capitalize()}",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [*use, "kms:CreateGrant"],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:CallerAccount": account,
                        "kms:ViaService": f"{service}.{region}.amazonaws.com",
                    }
                },
            }
        )
    for principal in (*_PRINCIPALS[purpose], *writers):
        service = principal.format(region=region)
        statements.append(
            {
                "Sid": "Service" + "".join(part.capitalize() for part in principal.split(".")[0].split("-")),
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": use,
                "Resource": "*",
                "Condition": _on_behalf_of(principal, partition, region, account),
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def _on_behalf_of(principal: str, partition: str, region: str, account: str) -> dict[str, dict[str, str]]:
    """What binds a service to this account. Sources: CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs
    using AWS KMS"; CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail"."""
    if principal.startswith("logs."):
        return {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{partition}:logs:{region}:{account}:*"}}
    if principal.startswith("cloudtrail."):
        return {"ArnLike": {"aws:SourceArn": f"arn:{partition}:cloudtrail:*:{account}:trail/*"}}
    return {"StringEquals": {"aws:SourceAccount": account}}
