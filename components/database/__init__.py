"""RDS PostgreSQL: one encrypted, private, recoverable instance, shared by every module that keeps relational state.

One instance instead of one a module, because each would bring its own standby, backups and bill; what keeps
the tenants apart is a role and a database for each (`database_login`).
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, field_validator, model_validator

from components.base.component import INTERNAL, Component
from components.base.logs import log_group
from components.base.security_group import MOST_CLIENTS, clients_of, security_group
from components.base.watched import Watched
from components.database.backup import HOURS_AFTER_OWN_BACKUP, clashes, copy_hour, daily_copies
from components.database.monitoring import monitoring_role
from components.database.parameters import parameters
from components.database.rotation import PasswordRotation
from components.keys import KeysOutputs
from components.network import NetworkOutputs
from mlops.core import versions, windows
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import LONGEST_DAYS, InstanceClassName, LogDays, SecurityGroupId

PORT = 5432
LOG_EXPORTS = ("postgresql", "upgrade")
MASTER_USER = "platform_admin"
"""Not one of the names that every scanner tries (FSBP RDS.25)."""


class DatabaseConfig(Config):
    """The PostgreSQL instance."""

    version: str = Field(
        default=versions.POSTGRES_DEFAULT,
        coerce_numbers_to_str=True,
        json_schema_extra={"enum": list(versions.POSTGRES)},
    )
    """PostgreSQL major version; AWS chooses the minor one and keeps it current."""
    allow_major_upgrade: bool = False
    """Let a higher `version` upgrade the instance. It is down meanwhile, and there is no way back but a snapshot."""
    instance_class: InstanceClassName = "db.t4g.medium"
    """RDS instance class, for example db.t4g.medium or db.m7g.large."""
    storage_gb: int = Field(default=50, ge=20, le=65536)
    """gp3 storage at creation, GiB."""
    max_storage_gb: int | None = Field(default=200, ge=22, le=65536)
    """GiB up to which RDS grows the storage by itself; null never grows it. Storage never shrinks."""
    multi_az: bool = False
    """Keep a synchronous standby in a second zone; doubles the price."""
    backup_retention_days: int = Field(default=7, ge=1, le=35)
    """Days back to which the database can be restored, to the second."""
    vault_days: int | None = Field(default=None, ge=35, le=LONGEST_DAYS)
    """Days for which AWS Backup keeps a daily copy that outlives the instance; null copies nothing."""
    backup_window: windows.DailyWindow = "03:00-04:00"
    """Daily backup, hh:mm-hh:mm in UTC, at least 30 minutes."""
    maintenance_window: windows.WeeklyWindow = "sun:04:30-sun:05:30"
    """Weekly maintenance, ddd:hh:mm-ddd:hh:mm in UTC, at least 30 minutes, apart from the backup."""
    apply_immediately: bool = False
    """Apply changes at once, restarts included, instead of in the maintenance window."""
    deletion_protection: bool = True
    """Let RDS refuse the deletion, whoever asks for it."""
    protect: bool = True
    """Let Pulumi refuse to delete or replace the instance."""
    final_snapshot: bool = True
    """Keep a last snapshot, and the automated backups until they expire, when the instance is deleted."""
    performance_insights_days: int | None = Field(default=7, ge=7, le=731)
    """Days for which load by query is kept: 7 (free), a multiple of 31 up to 713, or 731; null switches it off."""
    database_insights: Literal["standard", "advanced"] = "standard"
    """CloudWatch Database Insights, which Performance Insights became on 2026-07-31. Standard keeps what
    performance_insights_days says; advanced keeps 15 months at a price by vCPU, and needs at least 465 days there."""
    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = 0
    """Seconds between samples of the operating system (enhanced monitoring); 0 switches it off."""
    log_retention_days: LogDays = 30
    """Days for which the database's logs are kept in CloudWatch Logs."""
    secret_recovery_days: int = Field(default=7, ge=0, le=30)
    """Days for which a deleted consumer's credentials can be restored: 0, or 7 to 30."""
    client_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique(most=MOST_CLIENTS)] = ()
    """Security groups that may connect besides the cluster's, for example a bastion's (sg-0123456789abcdef0)."""

    @field_validator("version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        if value not in versions.POSTGRES:
            raise ValueError(f'version is "{value}"; allowed: {", ".join(versions.POSTGRES)}')
        return value

    @field_validator("backup_retention_days", mode="before")
    @classmethod
    def _backups_stay_on(cls, value: Any) -> Any:
        if value == 0 and not isinstance(value, bool):
            raise ValueError(
                "backup_retention_days is 0, which switches backups and point-in-time recovery off; use 1 to 35"
            )
        return value

    @field_validator("performance_insights_days")
    @classmethod
    def _offered_by_performance_insights(cls, value: int | None) -> int | None:
        # Source: RDS API, PerformanceInsightsRetentionPeriod.
        if value not in (None, 7, 731, *range(31, 714, 31)):
            raise ValueError(
                f"performance_insights_days is {value}; allowed: 7, a multiple of 31 up to 713, 731, or null for off"
            )
        return value

    @field_validator("secret_recovery_days")
    @classmethod
    def _offered_by_secrets_manager(cls, value: int) -> int:
        if 0 < value < 7:
            raise ValueError(f"secret_recovery_days is {value}; Secrets Manager takes 0 (gone at once) or 7 to 30")
        return value

    @model_validator(mode="after")
    def _growth_and_insights(self) -> "DatabaseConfig":
        # Source: RDS user guide, "Managing capacity automatically with storage autoscaling": at least 10 % more.
        if self.max_storage_gb is not None and self.max_storage_gb * 10 < self.storage_gb * 11:
            raise ValueError(
                f"max_storage_gb is {self.max_storage_gb} and storage_gb {self.storage_gb}; RDS wants at least 10 % "
                f"above, {-(-self.storage_gb * 11 // 10)}, or null to never grow"
            )
        # Source: RDS user guide, "Considerations for Database Insights".
        if self.database_insights == "advanced" and (self.performance_insights_days or 0) < 465:
            raise ValueError(
                f"database_insights is advanced and performance_insights_days {self.performance_insights_days}; "
                "set performance_insights_days to 465 or more, or database_insights to standard"
            )
        return self

    @model_validator(mode="after")
    def _windows(self) -> "DatabaseConfig":
        maintenance, backups = windows.of_week(self.maintenance_window), windows.of_every_day(self.backup_window)
        for setting, minutes in (
            ("backup_window", len(backups) // 7),
            ("maintenance_window", len(maintenance)),
        ):
            if not 30 <= minutes <= 24 * 60:
                raise ValueError(
                    f"{setting} is {getattr(self, setting)}, {minutes} minutes; RDS takes 30 minutes to 24 hours"
                )
        if maintenance & backups:
            raise ValueError(
                f"backup_window {self.backup_window} and maintenance_window {self.maintenance_window} overlap; "
                "RDS does not do both at once. Move one of them"
            )
        if self.vault_days and (busy := clashes(self.backup_window, self.maintenance_window)):
            raise ValueError(
                f"vault_days is set, and its daily copy at {copy_hour(self.backup_window):02}:00, "
                f"{HOURS_AFTER_OWN_BACKUP} hours after backup_window begins, falls into {busy}: AWS Backup starts none "
                "from an hour before a window on. Move or shorten the window"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """Where the instance lives and who may reach it."""

    prefix: str
    """Start of its name, which the names of its log groups are made of."""
    network: NetworkOutputs
    keys: KeysOutputs
    cluster_security_group_id: pulumi.Output[str] | None
    """The one group that may connect; without a cluster nobody may, but `client_security_groups`."""


@dataclass(frozen=True, kw_only=True)
class DatabaseOutputs:
    """The PostgreSQL instance as its consumers see it."""

    endpoint: pulumi.Output[str]
    """Host name."""
    port: pulumi.Output[int]
    master_secret_arn: pulumi.Output[str]
    """Secrets Manager secret that RDS owns and rotates, weekly by default; only the bootstrap job reads it."""
    key_arn: pulumi.Output[str]
    subnet_cidrs: tuple[str, ...]
    """Where the instance's addresses lie, for network policies."""
    secret_recovery_days: int
    """Days for which a consumer's deleted credentials can be restored."""
    security_group_id: pulumi.Output[str]
    rotation: PasswordRotation | None = field(default=None, metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""


class Database(Component[DatabaseOutputs]):
    """An RDS instance with its subnets, security group, parameters and logs."""

    token = "mlops:index:Database"

    def __init__(
        self,
        name: str,
        config: DatabaseConfig,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            subnet_ids=list(args.network.private_subnet_ids),
            description="Private subnets of the MLOps platform",
            opts=self.child,
        )
        group = security_group(
            name,
            vpc_id=args.network.vpc_id,
            label=f"{args.prefix}-database",
            description="PostgreSQL of the MLOps platform",
            clients=clients_of(args.cluster_security_group_id, config.client_security_groups),
            ports=[(PORT, PORT)],
            opts=self.child,
        )
        instance = self._instance(subnets, group)
        if config.vault_days:
            daily_copies(
                name,
                database_arn=instance.arn,
                key_arn=args.keys.database,
                days=config.vault_days,
                backup_window=config.backup_window,
                protect=config.protect,
                opts=self.child,
            )
        self.publish(
            DatabaseOutputs(
                endpoint=instance.address,
                port=instance.port,
                # Empty in the preview of an import, where nothing reads it yet.
                master_secret_arn=instance.master_user_secrets.apply(
                    lambda secrets: str(secrets[0].secret_arn) if secrets else ""
                ),
                key_arn=args.keys.database,
                subnet_cidrs=args.network.private_subnet_cidrs,
                secret_recovery_days=config.secret_recovery_days,
                security_group_id=group.id,
                watched=(
                    Watched(
                        what="database",
                        namespace="AWS/RDS",
                        dimensions={"DBInstanceIdentifier": instance.identifier},
                    ),
                ),
            )
        )

    def _logs(self, identifier: str) -> "list[aws.cloudwatch.LogGroup]":
        return [
            log_group(
                f"{self.name}-{export}-logs",
                days=self._config.log_retention_days,
                key_arn=self._args.keys.logs,
                physical_name=f"/aws/rds/instance/{identifier}/{export}",
                opts=self.child,
            )
            for export in LOG_EXPORTS
        ]

    def _instance(self, subnets: "aws.rds.SubnetGroup", group: "aws.ec2.SecurityGroup") -> "aws.rds.Instance":
        config, keys = self._config, self._args.keys
        identifier = f"{self._args.prefix}-database"
        group_of_parameters = aws.rds.ParameterGroup(
            f"{self.name}-parameters",
            family=f"postgres{config.version}",
            description=f"PostgreSQL {config.version} of the MLOps platform",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=key, value=value)
                for key, value in sorted(parameters(config.version).items())
            ],
            opts=self.child,
        )
        insights = config.performance_insights_days
        return aws.rds.Instance(
            f"{self.name}-instance",
            identifier=identifier,
            engine="postgres",
            engine_version=config.version,
            allow_major_version_upgrade=config.allow_major_upgrade,
            auto_minor_version_upgrade=True,
            apply_immediately=config.apply_immediately,
            instance_class=config.instance_class,
            multi_az=config.multi_az,
            publicly_accessible=False,
            port=PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=group_of_parameters.name,
            storage_type="gp3",
            allocated_storage=config.storage_gb,
            max_allocated_storage=config.max_storage_gb or 0,
            storage_encrypted=True,
            kms_key_id=keys.database,
            username=MASTER_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=keys.database,
            iam_database_authentication_enabled=False,
            backup_retention_period=config.backup_retention_days,
            backup_window=config.backup_window,
            maintenance_window=config.maintenance_window,
            copy_tags_to_snapshot=True,
            deletion_protection=config.deletion_protection,
            delete_automated_backups=not config.final_snapshot,
            skip_final_snapshot=not config.final_snapshot,
            final_snapshot_identifier=subnets.name.apply(lambda name: final_snapshot(identifier, name))
            if config.final_snapshot
            else None,
            performance_insights_enabled=insights is not None,
            performance_insights_retention_period=insights,
            performance_insights_kms_key_id=keys.database if insights is not None else None,
            database_insights_mode=config.database_insights,
            monitoring_interval=config.monitoring_seconds,
            monitoring_role_arn=monitoring_role(self.name, keys.database, self.child)
            if config.monitoring_seconds
            else None,
            enabled_cloudwatch_logs_exports=list(LOG_EXPORTS),
            # No data leads from a log group to the instance, and RDS would make unencrypted ones by itself.
            opts=self.child_with(protect=config.protect, depends_on=self._logs(identifier)),
        )


def final_snapshot(identifier: str, subnet_group: str) -> str:
    """Name of the last snapshot. It ends in the random part of the subnet group's name, which is another one
    each time the stack is made: the snapshot of a former life would otherwise stop the next destroy."""
    return f"{identifier}-final-{subnet_group.rpartition('-')[2]}"
