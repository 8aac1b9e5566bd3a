"""The account's own security: its audit trail, threat detection, record of configurations and safe defaults.

Each of them exists once an account and region, so one stack of an account owns them, or the organization does: every
piece can be left out.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.account import audit_trail
from components.base.component import Component
from components.base.identity import Statement, policy_document
from components.base.topic import alarm_topic
from components.base.trust import account_of, service_trust
from components.keys import KeysOutputs
from components.storage import StorageOutputs
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import Email

ThreatFeature = Literal[
    "S3_DATA_EVENTS",
    "EKS_AUDIT_LOGS",
    "RUNTIME_MONITORING",
    "RDS_LOGIN_EVENTS",
    "EBS_MALWARE_PROTECTION",
    "LAMBDA_NETWORK_LOGS",
]
STANDARDS = {
    "best-practices": "aws-foundational-security-best-practices/v/1.0.0",
    "cis": "cis-aws-foundations-benchmark/v/3.0.0",
}
"""Standards of Security Hub. Source: Security Hub user guide, "Standards reference"."""
LOG_WRITERS = ("cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com")
"""Services that need the logs' key once the trail and its alarms are there."""


class AccountBaselineConfig(Config):
    """Security settings that belong to the account, not to the platform."""

    audit_trail: bool = True
    """CloudTrail: who did what, in all regions, into an encrypted bucket and into CloudWatch Logs."""
    data_events: bool = True
    """Record who read and wrote which object of S3. Billed by event; needs `audit_trail`."""
    audit_days: int = Field(default=731, ge=365, le=3653)
    """Days for which trail and configurations are kept in the bucket."""
    trail_log_days: int = Field(default=365, ge=1, le=3653)
    """Days for which the trail is kept in CloudWatch Logs, where alarms and queries look at it."""
    alarms: bool = True
    """An alarm for each event that the CIS benchmark wants watched; needs `audit_trail`."""
    alarm_emails: Annotated[tuple[Email, ...], Unique(most=100)] = ()
    """Who hears of these alarms. Each address has to confirm once; without any, subscribe to the topic yourself."""
    threat_detection: bool = True
    """GuardDuty."""
    threat_features: Annotated[tuple[ThreatFeature, ...], Unique(most=6)] = (
        "S3_DATA_EVENTS",
        "EKS_AUDIT_LOGS",
        "RUNTIME_MONITORING",
    )
    """What GuardDuty looks at besides network and API calls; what is not listed is switched off. RUNTIME_MONITORING
    lets GuardDuty install its agent on nodes and make an endpoint in the VPC, which it takes away itself some time
    after it is switched off: until then the VPC cannot be deleted."""
    configuration_record: bool = True
    """AWS Config: what was configured when."""
    security_hub: bool = True
    """Security Hub with AWS's best practices and the CIS benchmark; needs the configuration record of the account."""
    access_analyzer: bool = True
    """IAM Access Analyzer: what other accounts may reach."""
    volume_encryption: bool = True
    """New EBS volumes of this region are encrypted, whoever makes them."""
    block_public_snapshots: bool = True
    """No snapshot of this region can be shared with everybody."""
    block_public_buckets: bool = True
    """No bucket of the account can be made public."""
    password_policy: bool = True
    """Passwords of IAM users: 14 characters of four kinds, 90 days, none of the last 24."""
    protect: bool = True
    """Refuse to delete the bucket of the audit trail. Without it a destroy deletes what the bucket holds as well."""

    @model_validator(mode="after")
    def _what_needs_the_trail_has_it(self) -> "AccountBaselineConfig":
        needing = [name for name in ("data_events", "alarms") if getattr(self, name)]
        if needing and not self.audit_trail:
            raise ValueError(
                f"audit_trail is false, and {' and '.join(needing)} read it; set {' and '.join(needing)} to false as "
                "well, or audit_trail to true"
            )
        if self.alarm_emails and not self.alarms:
            raise ValueError("alarm_emails names addresses and alarms is false: nobody would hear; set alarms to true")
        return self


@dataclass(frozen=True, kw_only=True)
class AccountBaselineArgs:
    """Where it is and what encrypts it."""

    prefix: str
    """Start of physical names: `mlops-prod`."""
    region: str
    keys: KeysOutputs
    storage: StorageOutputs


@dataclass(frozen=True, kw_only=True)
class AccountBaselineOutputs:
    """What others look at; None where the piece is left out."""

    audit_bucket: pulumi.Output[str] | None
    alarm_topic_arn: pulumi.Output[str] | None
    detector_id: pulumi.Output[str] | None


class AccountBaseline(Component[AccountBaselineOutputs]):
    """The account's security services and defaults, each by its own switch."""

    token = "mlops:index:AccountBaseline"

    def __init__(
        self,
        name: str,
        config: AccountBaselineConfig,
        args: AccountBaselineArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self._trail_name = f"{args.prefix}-audit"
        self._defaults()
        bucket = self._bucket() if config.audit_trail or config.configuration_record else None
        topic = self._trail(bucket) if bucket and config.audit_trail else None
        recording = self._record(bucket) if bucket and config.configuration_record else None
        if config.security_hub:
            self._hub(recording)
        if config.access_analyzer:
            aws.accessanalyzer.Analyzer(
                f"{name}-analyzer", analyzer_name=f"{args.prefix}-access", type="ACCOUNT", opts=self.child
            )
        self.publish(
            AccountBaselineOutputs(
                audit_bucket=bucket.name if bucket else None,
                alarm_topic_arn=topic,
                detector_id=self._detector() if config.threat_detection else None,
            )
        )

    def _defaults(self) -> None:
        """What holds for everything in the account that does not say otherwise."""
        config, name = self._config, self.name
        if config.volume_encryption:
            aws.ebs.EncryptionByDefault(f"{name}-volume-encryption", enabled=True, opts=self.child)
        if config.block_public_snapshots:
            aws.ebs.SnapshotBlockPublicAccess(f"{name}-snapshots", state="block-all-sharing", opts=self.child)
        if config.block_public_buckets:
            aws.s3.AccountPublicAccessBlock(
                f"{name}-buckets",
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=self.child,
            )
        if config.password_policy:
            aws.iam.AccountPasswordPolicy(
                f"{name}-passwords",
                minimum_password_length=14,
                password_reuse_prevention=24,
                max_password_age=90,
                require_symbols=True,
                require_numbers=True,
                require_uppercase_characters=True,
                require_lowercase_characters=True,
                allow_users_to_change_password=True,
                opts=self.child,
            )

    def _bucket(self) -> audit_trail.AuditBucket:
        trail_arn = self._args.keys.logs.apply(lambda arn: _trail_arn(arn, self._args.region, self._trail_name))
        return audit_trail.audit_bucket(
            f"{self.name}-audit",
            trail_arn=trail_arn,
            log_bucket=self._args.storage.log_bucket,
            key_arn=self._args.keys.logs,
            days=self._config.audit_days,
            protect=self._config.protect,
            opts=self.child,
        )

    def _trail(self, bucket: audit_trail.AuditBucket) -> pulumi.Output[str] | None:
        """The trail and its alarms; returns the alarms' topic."""
        key_arn = self._args.keys.logs
        group = audit_trail.trail(
            f"{self.name}-trail",
            trail_name=self._trail_name,
            bucket=bucket,
            key_arn=key_arn,
            log_days=self._config.trail_log_days,
            data_events=self._config.data_events,
            opts=self.child,
        )
        if not self._config.alarms:
            return None
        topic = alarm_topic(f"{self.name}-alarms", key_arn=key_arn, emails=self._config.alarm_emails, opts=self.child)
        audit_trail.alarms(self.name, prefix=self._args.prefix, group=group, topic=topic, opts=self.child)
        return topic

    def _record(self, bucket: audit_trail.AuditBucket) -> pulumi.Resource:
        """Recorder, where it delivers to, and the switch that starts it: AWS wants them in this order."""
        name = f"{self.name}-configuration"
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=service_trust("config.amazonaws.com", self._args.keys.logs),
            opts=self.child,
        )
        attached = aws.iam.RolePolicyAttachment(
            f"{name}-read",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AWS_ConfigRole",
            opts=self.child,
        )
        deliver = [
            Statement(actions=("s3:GetBucketAcl", "s3:ListBucket"), resources=(bucket.arn,)),
            Statement(actions=("s3:PutObject",), resources=(pulumi.Output.concat(bucket.arn, "/AWSLogs/*"),)),
            Statement(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(self._args.keys.logs,)),
        ]
        policy = aws.iam.RolePolicy(f"{name}-deliver", role=role.name, policy=policy_document(deliver), opts=self.child)
        recorder = aws.cfg.Recorder(
            f"{name}-recorder",
            role_arn=pulumi.Output.all(role.arn, attached.id, policy.id).apply(lambda values: str(values[0])),
            recording_group=aws.cfg.RecorderRecordingGroupArgs(all_supported=True, include_global_resource_types=True),
            opts=self.child,
        )
        channel = aws.cfg.DeliveryChannel(
            f"{name}-channel",
            s3_bucket_name=bucket.writable,
            s3_kms_key_arn=self._args.keys.logs,
            opts=self.child_with(depends_on=[recorder]),
        )
        return aws.cfg.RecorderStatus(
            f"{name}-status", name=recorder.name, is_enabled=True, opts=self.child_with(depends_on=[channel])
        )

    def _hub(self, recording: pulumi.Resource | None) -> None:
        hub = aws.securityhub.Account(
            f"{self.name}-hub",
            enable_default_standards=False,
            # Its checks read what Config records.
            opts=self.child_with(depends_on=[recording] if recording else []),
        )
        for role, standard in STANDARDS.items():
            aws.securityhub.StandardsSubscription(
                f"{self.name}-hub-{role}",
                standards_arn=f"arn:aws:securityhub:{self._args.region}::standards/{standard}",
                opts=self.child_with(depends_on=[hub]),
            )

    def _detector(self) -> pulumi.Output[str]:
        detector = aws.guardduty.Detector(
            f"{self.name}-detector",
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            opts=self.child,
        )
        # All of them, since those that nobody states are on in a new detector (GuardDuty API reference,
        # CreateDetector), and one that leaves the program stays as it was.
        for feature in get_args(ThreatFeature):
            status = "ENABLED" if feature in self._config.threat_features else "DISABLED"
            aws.guardduty.DetectorFeature(
                f"{self.name}-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status=status,
                additional_configurations=_agents(status) if feature == "RUNTIME_MONITORING" else None,
                opts=self.child,
            )
        return detector.id


def _agents(status: str) -> "list[aws.guardduty.DetectorFeatureAdditionalConfigurationArgs]":
    """Whether GuardDuty installs and updates its agent by itself."""
    return [
        aws.guardduty.DetectorFeatureAdditionalConfigurationArgs(name=name, status=status)
        for name in ("EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT")
    ]


def _trail_arn(key_arn: str, region: str, name: str) -> str:
    """A trail's ARN before it exists: its bucket's policy, which names it, has to come first."""
    partition, account = key_arn.split(":")[1], account_of(key_arn)
    return f"arn:{partition}:cloudtrail:{region}:{account}:trail/{name}"
