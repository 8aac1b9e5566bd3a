"""What VPCs refuse about addresses."""

from ipaddress import IPv4Network, ip_network

from localcloud.catalogue.network import SUBNET, VPC
from localcloud.world import Thing, World


def subnet_outside_vpc(world: World, thing: Thing) -> str | None:
    """A subnet takes its addresses from its VPC."""
    block = _block(thing)
    vpc = world.find(VPC, str(thing.inputs.get("vpcId"))) if thing.type == SUBNET else None
    of_vpc = _block(vpc) if vpc else None
    if block is None or of_vpc is None or block.subnet_of(of_vpc):
        return None
    return f"InvalidSubnet.Range: The CIDR '{block}' of {thing} is outside its VPC's {of_vpc}."


def overlapping_subnet(world: World, thing: Thing) -> str | None:
    """Subnets of one VPC share no address."""
    block = _block(thing)
    if thing.type != SUBNET or block is None:
        return None
    for other in world.of_type(SUBNET):
        theirs = _block(other)
        if other.inputs.get("vpcId") == thing.inputs.get("vpcId") and theirs and block.overlaps(theirs):
            return f"InvalidSubnet.Conflict: The CIDR '{block}' of {thing} conflicts with {other}, which has {theirs}."
    return None


def _block(thing: Thing) -> IPv4Network | None:
    text = thing.inputs.get("cidrBlock")
    block = ip_network(text, strict=False) if isinstance(text, str) and "/" in text else None
    return block if isinstance(block, IPv4Network) else None
