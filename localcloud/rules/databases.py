"""What RDS refuses about the end of a database, and what it keeps for the maintenance window."""

from localcloud.catalogue.data import DB_PARAMETER_GROUP, RDS_CLUSTER, RDS_INSTANCE
from localcloud.world import Thing, World
from mlops.plan.values import Properties

_PENDING = "pendingParameterGroup"


def deletion_protection(world: World, thing: Thing) -> str | None:
    """A protected database has to be unprotected first."""
    if thing.type not in (RDS_INSTANCE, RDS_CLUSTER) or not thing.inputs.get("deletionProtection"):
        return None
    return f"InvalidParameterCombination: Cannot delete protected {thing}: switch deletionProtection off first."


def missing_final_snapshot(world: World, thing: Thing) -> str | None:
    """The last snapshot needs a name, unless it is given up expressly."""
    if thing.type not in (RDS_INSTANCE, RDS_CLUSTER) or thing.inputs.get("skipFinalSnapshot"):
        return None
    if thing.inputs.get("finalSnapshotIdentifier") or thing.inputs.get("replicateSourceDb"):
        return None
    return f"InvalidParameterCombination: finalSnapshotIdentifier is required to delete {thing}, or skipFinalSnapshot."


def pending(old: Thing, new: Thing) -> Properties:
    """Outputs of a database that waits for its window with a new version: until then it uses the old parameters."""
    if new.type != RDS_INSTANCE or new.inputs.get("applyImmediately"):
        return {}
    if new.inputs.get("engineVersion") == old.inputs.get("engineVersion"):
        return {_PENDING: old.outputs[_PENDING]} if _PENDING in old.outputs else {}
    return {_PENDING: str(old.inputs.get("parameterGroupName"))}


def parameters_in_use(world: World, thing: Thing) -> str | None:
    """A group of parameters goes when no database uses it any more."""
    if thing.type != DB_PARAMETER_GROUP:
        return None
    for database in world.of_type(RDS_INSTANCE):
        if database.outputs.get(_PENDING) == thing.outputs.get("name"):
            return (
                "InvalidDBParameterGroupState: One or more database instances are still members of this parameter "
                f"group {thing.outputs.get('name')}, so the group cannot be deleted: {database} waits for its "
                "maintenance window. Apply the change at once (applyImmediately)."
            )
    return None
