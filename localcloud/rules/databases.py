"""What RDS refuses about the end of a database."""

from localcloud.catalogue.data import RDS_CLUSTER, RDS_INSTANCE
from localcloud.world import Thing, World


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
