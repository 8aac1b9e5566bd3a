"""The PostgreSQL instance."""

import csv
import json
import shutil
import subprocess
from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.database import Database, DatabaseArgs, DatabaseConfig
from mlops.core import versions
from mlops.plan.graph import Graph, Node
from tests.foundations import PREFIX, foundation
from tests.support import names, only, recorded

CLUSTER_GROUP = "sg-0c1057e4000000000"
INSTANCE = "aws:rds/instance:Instance"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


@cache
def database(*, cluster: bool = True, **settings: Any) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        args = DatabaseArgs(
            prefix=PREFIX,
            network=base.network,
            keys=base.keys,
            cluster_security_group_id=pulumi.Output.from_input(CLUSTER_GROUP) if cluster else None,
        )
        Database("database", DatabaseConfig(**settings), args, opts)

    return recorded(build)


def instance(graph: Graph) -> Node:
    return only(graph, INSTANCE)


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        DatabaseConfig(**settings)
    return str(error.value)


def test_only_the_cluster_reaches_the_database() -> None:
    graph = database()
    group = only(graph, "aws:ec2/securityGroup:SecurityGroup", "database-security-group")
    rule = only(graph, INGRESS)
    assert rule.inputs["securityGroupId"] == group.id
    assert rule.inputs["referencedSecurityGroupId"] == CLUSTER_GROUP
    assert (rule.inputs["fromPort"], rule.inputs["toPort"], rule.inputs["ipProtocol"]) == (5432, 5432, "tcp")
    assert instance(graph).inputs["vpcSecurityGroupIds"] == [group.id]


def test_without_a_cluster_nobody_reaches_the_database() -> None:
    assert names(database(cluster=False), INGRESS) == []


def test_a_bastion_gets_in_when_it_is_named() -> None:
    graph = database(cluster=False, client_security_groups=("sg-0123456789abcdef0",))
    assert only(graph, INGRESS).inputs["referencedSecurityGroupId"] == "sg-0123456789abcdef0"


def test_the_database_opens_no_connections() -> None:
    graph = database()
    assert names(graph, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == []
    group = only(graph, "aws:ec2/securityGroup:SecurityGroup", "database-security-group")
    assert "egress" not in group.inputs


def test_the_database_lies_in_private_subnets_and_has_no_public_address() -> None:
    graph = database()
    private = {node.id for node in graph.of_type("aws:ec2/subnet:Subnet") if "private" in node.name}
    group = only(graph, "aws:rds/subnetGroup:SubnetGroup")
    assert set(group.inputs["subnetIds"]) == private
    assert instance(graph).inputs["dbSubnetGroupName"] == group.outputs["name"]
    parameters = only(graph, "aws:rds/parameterGroup:ParameterGroup")
    assert instance(graph).inputs["parameterGroupName"] == parameters.outputs["name"]
    assert instance(graph).inputs["publiclyAccessible"] is False


LOGGED_STAGES = {"receipt", "authentication", "authorization", "setup_durations", "all"}
"""What `log_connections` takes from PostgreSQL 18 on. Source: its documentation, "Error Reporting and Logging"."""
FAMILY_DEFAULTS = {"rds.force_ssl": "1", "password_encryption": "scram-sha-256", "log_statement": "none"}
"""Of postgres15 to postgres18. Sources: RDS user guide; PostgreSQL's documentation."""


def group_parameters(version: str) -> dict[str, str]:
    """The parameters that the group of a version sets."""
    group = only(database(version=version), "aws:rds/parameterGroup:ParameterGroup")
    assert group.inputs["family"] == f"postgres{version}"
    return {row["name"]: row["value"] for row in group.inputs["parameters"]}


@pytest.mark.parametrize("version", versions.POSTGRES)
def test_connections_are_logged_in_the_words_of_each_version(version: str) -> None:
    value = group_parameters(version)["log_connections"]
    assert value in (LOGGED_STAGES if int(version) >= 18 else {"1"})


@pytest.mark.parametrize("version", versions.POSTGRES)
def test_a_parameter_that_the_family_has_anyway_is_left_out(version: str) -> None:
    """It would show as a change with every `up`."""
    assert not FAMILY_DEFAULTS.keys() & group_parameters(version).keys()


@pytest.mark.parametrize("version", versions.POSTGRES)
def test_a_password_is_taken_as_scram_alone(version: str) -> None:
    assert group_parameters(version)["rds.accepted_password_auth_method"] == "scram"


@pytest.mark.skipif(not shutil.which("postgres"), reason="PostgreSQL's server is not installed")
def test_postgresql_itself_knows_each_parameter_and_changes_it_without_a_restart() -> None:
    server = subprocess.run(["postgres", "--version"], capture_output=True, text=True, check=True).stdout
    version = next((known for known in versions.POSTGRES if f" {known}." in server), None)
    if version is None:
        pytest.skip(f"{server.strip()} is no version of the catalogue")
    described = subprocess.run(["postgres", "--describe-config"], capture_output=True, text=True, check=True).stdout
    # Name, context, group, type and more, in PostgreSQL's own table.
    known = {row[0]: row for row in csv.reader(described.splitlines(), delimiter="\t")}
    for name, value in group_parameters(version).items():
        if name.startswith("rds."):
            continue
        _, context, _, kind, *_ = known[name]
        assert context not in ("internal", "postmaster"), name
        assert value in ("0", "1") if kind == "BOOLEAN" else int(value) >= 0, name


def test_storage_backups_and_insights_are_encrypted_with_the_database_key() -> None:
    graph = database()
    key = only(graph, "aws:kms/key:Key", "keys-database").outputs["arn"]
    inputs = instance(graph).inputs
    assert inputs["storageEncrypted"] is True
    assert inputs["kmsKeyId"] == inputs["performanceInsightsKmsKeyId"] == key
    assert inputs["masterUserSecretKmsKeyId"] == key


def test_the_master_password_belongs_to_rds_and_is_nowhere_in_the_plan() -> None:
    inputs = instance(database()).inputs
    assert inputs["manageMasterUserPassword"] is True
    assert not {"password", "passwordWo", "snapshotIdentifier"} & inputs.keys()
    assert inputs["username"] not in ("postgres", "admin", "root")


def test_logs_go_to_encrypted_groups_that_exist_before_the_database() -> None:
    graph = database(log_retention_days=25)
    key = only(graph, "aws:kms/key:Key", "keys-logs").outputs["arn"]
    groups = [node for node in graph.of_type("aws:cloudwatch/logGroup:LogGroup") if node.name.startswith("database")]
    assert {node.inputs["name"] for node in groups} == {
        f"/aws/rds/instance/{PREFIX}-database/postgresql",
        f"/aws/rds/instance/{PREFIX}-database/upgrade",
    }
    for node in groups:
        assert node.inputs["kmsKeyId"] == key
        assert node.inputs["retentionInDays"] == 30
        assert node.urn in instance(graph).dependencies
    assert instance(graph).inputs["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert instance(graph).inputs["identifier"] == f"{PREFIX}-database"


def test_the_last_snapshot_has_a_name_that_no_former_life_of_the_stack_has_taken() -> None:
    graph = database()
    suffix = only(graph, "aws:rds/subnetGroup:SubnetGroup").outputs["name"].rpartition("-")[2]
    inputs = instance(graph).inputs
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["finalSnapshotIdentifier"] == f"{PREFIX}-database-final-{suffix}"
    assert inputs["deleteAutomatedBackups"] is False
    assert inputs["copyTagsToSnapshot"] is True


def test_a_throwaway_database_leaves_no_snapshot_and_no_backups() -> None:
    inputs = instance(database(final_snapshot=False)).inputs
    assert inputs["skipFinalSnapshot"] is True
    assert inputs["deleteAutomatedBackups"] is True
    assert "finalSnapshotIdentifier" not in inputs


@pytest.mark.parametrize("protect", [True, False])
def test_protection_sits_on_the_instance_and_on_nothing_else(protect: bool) -> None:
    graph = database(protect=protect)
    protected = [node.name for node in graph if node.protect and node.name.startswith("database")]
    assert protected == (["database-instance"] if protect else [])


def test_storage_grows_up_to_the_limit_or_not_at_all() -> None:
    grows = instance(database(storage_gb=50, max_storage_gb=200)).inputs
    assert (grows["allocatedStorage"], grows["maxAllocatedStorage"], grows["storageType"]) == (50, 200, "gp3")
    assert instance(database(max_storage_gb=None)).inputs["maxAllocatedStorage"] == 0


def test_sampling_the_operating_system_brings_a_role_that_only_rds_takes() -> None:
    graph = database(monitoring_seconds=30)
    role = only(graph, "aws:iam/role:Role", "database-monitoring-role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert instance(graph).inputs["monitoringRoleArn"] == role.outputs["arn"]
    attachment = only(graph, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment.urn in instance(graph).dependencies


def test_without_sampling_there_is_no_role() -> None:
    assert "database-monitoring-role" not in names(database(), "aws:iam/role:Role")


def test_load_by_query_can_be_switched_off() -> None:
    inputs = instance(database(performance_insights_days=None)).inputs
    assert inputs["performanceInsightsEnabled"] is False
    assert not {"performanceInsightsRetentionPeriod", "performanceInsightsKmsKeyId"} & inputs.keys()


def test_the_version_may_be_written_as_a_number() -> None:
    assert DatabaseConfig.model_validate({"version": 17}).version == "17"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"version": "9.6"}, 'version is "9.6"; allowed: 18, 17, 16, 15'),
        ({"backup_retention_days": 0}, "switches backups and point-in-time recovery off; use 1 to 35"),
        ({"storage_gb": 100, "max_storage_gb": 105}, "at least 10 % above, 110"),
        ({"performance_insights_days": 30}, "7, a multiple of 31 up to 713, 731, or null"),
        ({"database_insights": "advanced"}, "set performance_insights_days to 465 or more"),
        ({"secret_recovery_days": 3}, "takes 0 (gone at once) or 7 to 30"),
        ({"backup_window": "03:00-03:20"}, "20 minutes; RDS takes 30 minutes to 24 hours"),
        ({"backup_window": "04:00-05:00", "maintenance_window": "sun:04:30-sun:05:30"}, "overlap"),
        ({"backup_window": "23:30-00:30", "maintenance_window": "mon:00:00-mon:01:00"}, "overlap"),
        ({"maintenance_window": "sunday 4am"}, "maintenance_window"),
        ({"vault_days": 35, "backup_window": "00:00-01:00"}, "daily copy at 04:00"),
        (
            {"vault_days": 35, "backup_window": "00:00-05:00", "maintenance_window": "sun:10:00-sun:11:00"},
            "falls into backup_window",
        ),
        ({"client_security_groups": ["bastion"]}, "client_security_groups"),
        ({"instance_class": "t4g.micro"}, "instance_class"),
        ({"monitoring_seconds": 7}, "monitoring_seconds"),
    ],
)
def test_what_rds_would_refuse_is_refused_beforehand(settings: dict[str, Any], says: str) -> None:
    assert says in refused(**settings)


def test_windows_apart_from_each_other_are_fine() -> None:
    DatabaseConfig(backup_window="03:00-04:00", maintenance_window="sun:04:00-sun:05:00")
    DatabaseConfig(vault_days=35, backup_window="22:00-23:00", maintenance_window="sun:04:30-sun:05:30")


def test_enabling_advanced_insights_with_enough_history_is_fine() -> None:
    inputs = instance(database(database_insights="advanced", performance_insights_days=465)).inputs
    assert (inputs["databaseInsightsMode"], inputs["performanceInsightsRetentionPeriod"]) == ("advanced", 465)


def test_a_copy_a_day_outlives_the_instance_where_it_is_wanted() -> None:
    graph = database(vault_days=35, backup_window="22:00-23:00")
    (rule,) = only(graph, "aws:backup/plan:Plan").inputs["rules"]
    assert rule["lifecycle"] == {"deleteAfter": 35}
    assert rule["schedule"] == "cron(0 2 * * ? *)"
    selection = only(graph, "aws:backup/selection:Selection")
    assert instance(graph).urn in selection.property_dependencies["resources"]
    vault = only(graph, "aws:backup/vault:Vault")
    assert vault.protect
    assert vault.inputs["kmsKeyArn"] == instance(graph).inputs["kmsKeyId"]
    assert names(database(), "aws:backup/vault:Vault") == []


def test_copies_are_kept_longer_than_rds_keeps_its_own() -> None:
    assert "35" in refused(vault_days=30)
