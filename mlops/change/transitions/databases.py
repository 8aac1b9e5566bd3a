"""Databases and caches."""

from mlops.change.transitions.step import Refusal, Rule, Rules, Step, fixed, not_less, one_way

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_UPGRADE = "RDS user guide, 'Upgrading a DB instance engine version'"
_SINGLE_MAJOR = 10
"""From this version of PostgreSQL on, the first number alone is the major version."""


def _major(text: tuple[int, ...], engine: str) -> tuple[int, ...]:
    single = "postgres" in engine and text[0] >= _SINGLE_MAJOR
    return text[:1] if single else text[:2]


def _engine_version(flag: str, setting: str) -> Rule:
    def rule(step: Step) -> Refusal | None:
        """Upwards only, and over a major version only when that is allowed expressly."""
        versions, engine = step.versions("engineVersion"), step.texts("engine")[1] or "postgres"
        if versions is None:
            return None
        old, new = versions
        before, after = step.texts("engineVersion")
        # `17` after `17.5` asks for any 17.
        length = min(len(old), len(new))
        if new[:length] < old[:length]:
            return Refusal(
                path="engineVersion",
                words=f"InvalidParameterCombination: Cannot upgrade {engine} from {before} to {after}",
                instead=f"A database does not go back: keep {before}, or restore a snapshot taken with {after} under "
                "another name.",
                source=_UPGRADE,
            )
        if _major(new, engine) == _major(old, engine) or step.texts(flag)[1] == "true":
            return None
        return Refusal(
            path="engineVersion",
            words="InvalidParameterCombination: The AllowMajorVersionUpgrade flag must be present when upgrading to a "
            "new major version.",
            instead=f"Set {flag} ({setting}) for this change, and take a snapshot first: the upgrade stops the "
            "database and cannot be undone.",
            source=f"PublicMapping/districtbuilder pull 478; {_UPGRADE}",
        )

    return rule


def _storage(step: Step) -> Refusal | None:
    """Storage only grows. Where it grows by itself, the provider passes over a smaller figure."""
    numbers = step.numbers("allocatedStorage")
    if numbers is None or numbers[1] >= numbers[0] or step.numbers("maxAllocatedStorage"):
        return None
    return Refusal(
        path="allocatedStorage",
        words=f"InvalidParameterCombination: storage cannot shrink from {numbers[0]} to {numbers[1]} GiB",
        instead="Keep the size; or restore a dump into a second, smaller database, and move the clients.",
        source="RDS user guide, 'Increasing DB instance storage capacity': allocated storage cannot be reduced",
    )


def _transit_encryption(step: Step) -> Refusal | None:
    """TLS is switched on and off by way of `preferred`, so that clients can follow."""
    before, after = (value == "true" for value in step.texts("transitEncryptionEnabled", "false"))
    modes = step.texts("transitEncryptionMode")
    if before == after or (after and modes[1] == "preferred") or (before and modes[0] == "preferred"):
        return None
    return Refusal(
        path="transitEncryptionEnabled",
        words="InvalidParameterCombination: transit encryption is switched by way of the mode preferred",
        instead="Set transitEncryptionMode to preferred first and bring that up; let the clients follow; then go on.",
        source="ElastiCache user guide, 'Enabling in-transit encryption'; provider's documentation of "
        "transit_encryption_mode",
    )


_INSIGHTS_KEY = fixed(
    "performanceInsightsKmsKeyId",
    "InvalidParameterCombination: the key of Performance Insights cannot be changed",
    "Keep the key; or switch Performance Insights off, bring that up, and switch it on with the other key.",
    "RDS API reference, ModifyDBInstance, PerformanceInsightsKMSKeyId",
)
_SAME_VPC = fixed(
    "dbSubnetGroupName",
    "InvalidVPCNetworkStateFault: You cannot move DB instance to subnet group {after}: it is in the same VPC.",
    "Change the subnets of the group that it has; only a group of another VPC moves a database.",
    "hashicorp/terraform issue 11715",
)

RULES: Rules = {
    INSTANCE: (
        _engine_version("allowMajorVersionUpgrade", "database.allow_major_upgrade"),
        _storage,
        _INSIGHTS_KEY,
        _SAME_VPC,
    ),
    CLUSTER: (_engine_version("allowMajorVersionUpgrade", "allow_major_version_upgrade"), _INSIGHTS_KEY),
    "aws:docdb/cluster:Cluster": (_engine_version("allowMajorVersionUpgrade", "allow_major_version_upgrade"),),
    "aws:neptune/cluster:Cluster": (_engine_version("allowMajorVersionUpgrade", "allow_major_version_upgrade"),),
    CACHE: (
        _transit_encryption,
        one_way(
            "clusterMode",
            frozenset({("disabled", "compatible"), ("compatible", "enabled"), ("compatible", "disabled")}),
            "InvalidParameterCombination: the cluster mode does not go from {before} to {after}",
            "By way of compatible, so that clients can follow: disabled, compatible, enabled, an `up` for each.",
            "ElastiCache user guide, 'Modifying cluster mode'",
        ),
    ),
    "aws:fsx/lustreFileSystem:LustreFileSystem": (
        not_less(
            "storageCapacity",
            "BadRequest: storage capacity cannot shrink from {before} to {after} GiB",
            "Keep the size; or make a second file system and copy the files (DataSync).",
            "FSx for Lustre user guide, 'Managing storage capacity'",
        ),
    ),
}
