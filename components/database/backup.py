"""Copies of the database in a vault of their own, which the deletion of the instance leaves alone.

RDS itself leads back to any second of its retention, which holds the loss under an hour. It loses that way back with
the instance, though, and keeps 35 days at most; the vault keeps a copy a day for as long as the settings say.
"""

import json

import pulumi
import pulumi_aws as aws

from components.base.service_role import trusted_role
from mlops.core import windows

HOURS_AFTER_OWN_BACKUP = 4
"""Copies keep clear of RDS's own backup, which is hours over by then."""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
"""Without a condition on the account, as AWS Backup's guide shows it: a wrong guess would end the copies silently."""


def copy_hour(backup_window: str) -> int:
    """When the vault's copy is made, UTC."""
    return (int(backup_window[:2]) + HOURS_AFTER_OWN_BACKUP) % 24


def clashes(backup_window: str, maintenance_window: str) -> str | None:
    """The window of RDS that keeps the copy from being made, if one does: AWS Backup starts none within it nor in the
    hour before. Source: AWS Backup developer guide, "Amazon RDS backups"."""
    hour = copy_hour(backup_window)
    taken = windows.of_every_day(f"{hour:02}:00-{(hour + 1) % 24:02}:00")
    for name, minutes in (
        (f"backup_window {backup_window}", windows.of_every_day(backup_window)),
        (f"maintenance_window {maintenance_window}", windows.of_week(maintenance_window)),
    ):
        if taken & minutes:
            return name
    return None


def daily_copies(
    name: str,
    *,
    database_arn: pulumi.Output[str],
    key_arn: pulumi.Output[str],
    days: int,
    backup_window: str,
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """Copy the database once a day into an encrypted vault and keep each copy for `days`.

    Args:
        name: start of the resources' names.
        database_arn: the instance.
        key_arn: the key that encrypts the vault.
        days: how long a copy is kept.
        backup_window: when RDS makes its own backup, hh:mm-hh:mm in UTC.
        protect: refuse to delete the vault.
        opts: parent and provider.
    """
    vault = aws.backup.Vault(
        f"{name}-vault",
        kms_key_arn=key_arn,
        # AWS deletes no vault that holds copies; where nothing is protected they may go with it.
        force_destroy=not protect,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
    )
    plan = aws.backup.Plan(
        f"{name}-backup-plan",
        rules=[
            aws.backup.PlanRuleArgs(
                rule_name="daily",
                target_vault_name=vault.name,
                schedule=f"cron(0 {copy_hour(backup_window)} * * ? *)",
                lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=days),
            )
        ],
        opts=opts,
    )
    aws.backup.Selection(
        f"{name}-backup-selection",
        plan_id=plan.id,
        iam_role_arn=_role(name, opts),
        resources=[database_arn],
        opts=opts,
    )


def _role(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """ARN of the role that makes the copies, known once it may."""
    return trusted_role(
        f"{name}-backup",
        description="AWS Backup of the MLOps platform's database",
        trust=json.dumps(TRUST),
        managed={"policy": "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"},
        opts=opts,
    )
