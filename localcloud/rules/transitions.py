"""What is refused of a change although the resource is valid before and after: the table of `mlops.change`."""

from localcloud.catalogue.network import SUBNET
from localcloud.world import Thing, World
from mlops.change.transitions import Step, refusals


def refused_transition(world: World, thing: Thing) -> str | None:
    """Why what exists would not become this."""
    old = world.get(thing.type, thing.id, thing.provider)
    if old is None:
        return None
    step = Step(before=old.inputs, after=thing.inputs, moved=_moved(world, old, thing))
    refusal = next(refusals(thing.type, step), None)
    return f"{refusal.words} ({refusal.path} of {thing}). {refusal.instead}" if refusal else None


def _moved(world: World, old: Thing, new: Thing) -> frozenset[str]:
    """Properties whose subnets lie in another VPC afterwards."""
    found: set[str] = set()
    for name in new.inputs:
        before, after = (_vpcs(world, thing.inputs.get(name)) for thing in (old, new))
        if before and after and not before & after:
            found.add(name)
    return frozenset(found)


def _vpcs(world: World, value: object) -> set[str]:
    """The VPCs of all subnets that a value names."""
    if isinstance(value, dict):
        return set[str]().union(*(_vpcs(world, item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_vpcs(world, item) for item in value))
    subnet = world.find(SUBNET, value) if isinstance(value, str) else None
    return {str(subnet.inputs.get("vpcId"))} if subnet else set()
