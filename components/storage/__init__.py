"""The data lake and its log bucket on S3.

One bucket a purpose, so that retention, access and deletion can differ: raw data is kept for audits,
features can be rebuilt, artifacts are what production serves.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.balancer_logs import deliver_balancer_logs
from components.base.component import Component
from components.base.identity import Grant, Statement
from components.storage.policies import deliver_logs, tls_only
from mlops.core.config import Config
from mlops.core.fields.aws import LONGEST_DAYS, Days

Zone = Literal["raw", "curated", "features", "artifacts"]
ZONES: tuple[Zone, ...] = ("raw", "curated", "features", "artifacts")
DELIVERED = "delivered/"
"""Where a stream's events lie in the raw zone as they came, a prefix for each day: `delivered/dt=2026-11-20/`."""
UNDELIVERED = "delivered-failed/"
"""Beside them and not below, so that whoever reads the events never reads these."""


class LifecycleConfig(Config):
    """When objects move to cheaper storage classes and when old versions go. Days since creation."""

    infrequent_access_days: int | None = Field(default=30, ge=30, le=LONGEST_DAYS)
    """Days until STANDARD_IA (S3 takes no fewer than 30); null keeps objects in STANDARD."""
    archive_days: int | None = Field(default=None, ge=90, le=LONGEST_DAYS)
    """Days until GLACIER_IR, which still reads in milliseconds; null never archives."""
    noncurrent_days: Days = 90
    """Days for which an overwritten or deleted version can be restored."""
    abort_upload_days: Days = 7
    """Days until the parts of an unfinished upload, invisible but billed, are removed."""
    delivered_days: int = Field(default=7, ge=1, le=90)
    """Days for which events that were delivered as they came wait for whoever takes them into the lake. They hold what
    the lake must not: keep them short."""

    @model_validator(mode="after")
    def _archive_comes_later(self) -> "LifecycleConfig":
        if self.archive_days and self.infrequent_access_days and self.archive_days < self.infrequent_access_days + 30:
            raise ValueError(
                f"archive_days is {self.archive_days}; it must be at least infrequent_access_days + 30 "
                f"({self.infrequent_access_days + 30}), because S3 bills STANDARD_IA for 30 days"
            )
        return self


class StorageConfig(Config):
    """The data lake."""

    lifecycle: LifecycleConfig = LifecycleConfig()
    """Storage classes and retention of the lake's buckets."""
    log_retention_days: Days = 365
    """Days for which access logs are kept."""
    protect: bool = True
    """Refuse to delete the buckets."""
    force_destroy: bool = False
    """Let a destroy delete the lake's buckets with the objects in them. Only for stacks whose data is worth nothing;
    else somebody empties them first. The bucket of access logs goes with its logs as soon as `protect` is off."""


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """The key that encrypts the lake, and what else writes logs."""

    key_arn: pulumi.Output[str]
    balancers: bool = False
    """Whether load balancers of the platform's own write theirs."""
    emptied: Mapping[tuple[Zone, str], int] = field(default_factory=dict)
    """Folders that empty by themselves, as `predictions/scores/` in a zone, with the days for which objects stay."""


@dataclass(frozen=True, kw_only=True)
class StorageOutputs:
    """Bucket names by lake zone, and the grants on them. Every grant carries the key's grant with it."""

    buckets: Mapping[Zone, pulumi.Output[str]]
    bucket_arns: Mapping[Zone, pulumi.Output[str]]
    log_bucket: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def read(self, zone: Zone, prefix: str = "") -> Grant:
        """List the zone's bucket and read the objects below `prefix`."""
        return self._grant(zone, prefix, "read", ("s3:GetObject",), ("kms:Decrypt",))

    def write(self, zone: Zone, prefix: str = "") -> Grant:
        """Read, write and delete the objects below `prefix`; old versions stay."""
        return self._grant(
            zone,
            prefix,
            "write",
            (
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts",
            ),
            ("kms:Decrypt", "kms:GenerateDataKey"),
        )

    def deliver(self, zone: Zone, prefix: str) -> Grant:
        """Put objects below `prefix`, and read none, not even one's own: who answers requests does not learn from the
        lake what others did."""
        arn = self.bucket_arns[zone]
        return Grant(
            resource=f"storage/{zone}",
            access="deliver",
            statements=(
                Statement(
                    actions=("s3:PutObject", "s3:AbortMultipartUpload"),
                    resources=(pulumi.Output.concat(arn, f"/{prefix}*"),),
                ),
                Statement(actions=("kms:GenerateDataKey",), resources=(self.key_arn,)),
            ),
        )

    def erase(self, zone: Zone, prefix: str = "") -> Grant:
        """Write, and delete the objects below `prefix` with all their versions, as an erasure of a person's data has
        to. Nothing restores them."""
        grant = self.write(zone, prefix)
        arn = self.bucket_arns[zone]
        versions = (
            Statement(actions=("s3:ListBucketVersions",), resources=(arn,)),
            Statement(actions=("s3:DeleteObjectVersion",), resources=(pulumi.Output.concat(arn, f"/{prefix}*"),)),
        )
        return replace(grant, access="erase", statements=(*grant.statements, *versions))

    def _grant(
        self, zone: Zone, prefix: str, access: str, actions: tuple[str, ...], key_actions: tuple[str, ...]
    ) -> Grant:
        arn = self.bucket_arns[zone]
        return Grant(
            resource=f"storage/{zone}",
            access=access,
            statements=(
                Statement(actions=("s3:ListBucket", "s3:GetBucketLocation"), resources=(arn,)),
                Statement(actions=actions, resources=(pulumi.Output.concat(arn, f"/{prefix}*"),)),
                Statement(actions=key_actions, resources=(self.key_arn,)),
            ),
        )


class Storage(Component[StorageOutputs]):
    """Encrypted, versioned, private buckets with access logs, one a lake zone."""

    token = "mlops:index:Storage"

    def __init__(
        self, name: str, config: StorageConfig, args: StorageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        # S3 writes access logs until the last other bucket is gone: nobody could empty theirs in time for a destroy.
        logs = self._bucket(
            "logs",
            rules=[_expiry("expire", config.log_retention_days)],
            key_arn=None,
            force_destroy=config.force_destroy or not config.protect,
        )
        statements = [deliver_logs(logs), *([deliver_balancer_logs(logs.arn, args.key_arn)] if args.balancers else [])]
        policy = self._policy("logs", logs, statements)
        lake: dict[Zone, aws.s3.Bucket] = {zone: self._zone(zone, logs, args) for zone in ZONES}
        self.publish(
            StorageOutputs(
                buckets={zone: bucket.bucket for zone, bucket in lake.items()},
                bucket_arns={zone: bucket.arn for zone, bucket in lake.items()},
                # Whoever writes logs tries it when it is told where to.
                log_bucket=policy.bucket if args.balancers else logs.bucket,
                key_arn=args.key_arn,
            )
        )

    def _zone(self, zone: Zone, logs: "aws.s3.Bucket", args: StorageArgs) -> "aws.s3.Bucket":
        rules = lifecycle_rules(self._config.lifecycle)
        if zone == "raw":
            rules += [
                _expiry(prefix.rstrip("/"), self._config.lifecycle.delivered_days, prefix, noncurrent_days=1)
                for prefix in (DELIVERED, UNDELIVERED)
            ]
        rules += [
            _expiry(prefix.strip("/").replace("/", "-"), days, prefix, noncurrent_days=1)
            for (of, prefix), days in sorted(args.emptied.items())
            if of == zone
        ]
        bucket = self._bucket(zone, rules=rules, key_arn=args.key_arn, force_destroy=self._config.force_destroy)
        aws.s3.BucketLogging(
            f"{self.name}-{zone}-logging",
            bucket=bucket.bucket,
            target_bucket=logs.bucket,
            target_prefix=f"s3/{zone}/",
            opts=self.child,
        )
        self._policy(zone, bucket, [])
        return bucket

    def _bucket(
        self,
        role: str,
        *,
        rules: "list[aws.s3.BucketLifecycleConfigurationRuleArgs]",
        key_arn: pulumi.Output[str] | None,
        force_destroy: bool,
    ) -> "aws.s3.Bucket":
        """A bucket with everything that each of them needs. Access logs cannot be delivered into SSE-KMS with
        a customer key (S3 user guide, "Enabling server access logging"): `key_arn` None means SSE-S3."""
        bucket = aws.s3.Bucket(
            f"{self.name}-{role}",
            force_destroy=force_destroy,
            opts=self.child_with(protect=self._config.protect),
        )
        aws.s3.BucketPublicAccessBlock(
            f"{self.name}-{role}-public-access-block",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child,
        )
        aws.s3.BucketOwnershipControls(
            f"{self.name}-{role}-ownership",
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self.name}-{role}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms" if key_arn else "AES256", kms_master_key_id=key_arn
                    ),
                    bucket_key_enabled=key_arn is not None,
                )
            ],
            opts=self.child,
        )
        versioning = aws.s3.BucketVersioning(
            f"{self.name}-{role}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self.child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{self.name}-{role}-lifecycle",
            # S3 refuses rules for non-current versions on a bucket whose versioning is not yet on.
            bucket=versioning.bucket,
            rules=rules,
            opts=self.child,
        )
        return bucket

    def _policy(
        self, role: str, bucket: "aws.s3.Bucket", more: list[pulumi.Output[dict[str, object]]]
    ) -> "aws.s3.BucketPolicy":
        statements = pulumi.Output.all(bucket.arn.apply(tls_only), *more)
        return aws.s3.BucketPolicy(
            f"{self.name}-{role}-policy",
            bucket=bucket.bucket,
            policy=statements.apply(lambda all_: json.dumps({"Version": "2012-10-17", "Statement": list(all_)})),
            opts=self.child,
        )


def lifecycle_rules(config: LifecycleConfig) -> "list[aws.s3.BucketLifecycleConfigurationRuleArgs]":
    """One rule for storage classes and versions, one for unfinished uploads."""
    classes = (("STANDARD_IA", config.infrequent_access_days), ("GLACIER_IR", config.archive_days))
    return [
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="tiers",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            transitions=[
                aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(storage_class=name, days=days)
                for name, days in classes
                if days
            ],
            noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=config.noncurrent_days
            ),
        ),
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="unfinished-uploads",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=config.abort_upload_days
            ),
        ),
    ]


def _expiry(
    rule: str, days: int, prefix: str = "", noncurrent_days: int | None = None
) -> "aws.s3.BucketLifecycleConfigurationRuleArgs":
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=rule,
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=noncurrent_days or days
        ),
    )
