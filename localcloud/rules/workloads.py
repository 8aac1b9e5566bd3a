"""What ECS, Lambda and their load balancers refuse."""

from localcloud.catalogue.serving import LOAD_BALANCER
from localcloud.world import Thing, World


def protected_balancer(world: World, thing: Thing) -> str | None:
    """A protected load balancer has to be unprotected first."""
    if thing.type != LOAD_BALANCER or not thing.inputs.get("enableDeletionProtection"):
        return None
    return f"OperationNotPermitted: {thing} cannot be deleted because deletion protection is enabled."
