"""Subnet planning: pure arithmetic on CIDR blocks, so that a layout can be tested, shown and held stable.

Private subnets come first and are large, because the VPC CNI gives every pod an address of its subnet;
public ones hold only load balancers and NAT gateways and are cut from the end of the block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

PUBLIC_PREFIX = 24
"""Public subnets: 251 usable addresses; a load balancer wants 8 free ones in each (AWS ELB user guide)."""
SMALLEST_PRIVATE_PREFIX = 24
LARGEST_PRIVATE_PREFIX = 19
"""/19: 8,187 usable addresses a zone."""

PRIVATE_RANGES = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
"""RFC 1918, and RFC 6598 which AWS allows for pods."""


class CidrError(ValueError):
    """A block that cannot hold what is asked of it; the text says what would."""


@dataclass(frozen=True, kw_only=True)
class SubnetPlan:
    """CIDR blocks by zone, in zone order."""

    private: tuple[str, ...]
    public: tuple[str, ...]


def parse(block: str) -> IPv4Network:
    """A VPC block, checked: a network address between /16 and /22 (AWS allows /16 to /28) in a private range.

    Raises:
        CidrError: not a network, out of bounds, or addresses that belong to somebody else.
    """
    try:
        network = IPv4Network(block)
    except ValueError as error:
        raise CidrError(f"{block} is not an IPv4 network ({error}). Example: 10.0.0.0/16.") from None
    if not 16 <= network.prefixlen <= 22:
        size = "large" if network.prefixlen < 16 else "small"
        raise CidrError(f"{block} is too {size} for the platform's VPC. Allowed: /16 (the most AWS takes) to /22.")
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        raise CidrError(
            f"{block} is outside the private ranges 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10."
        )
    return network


def plan(block: str, zones: int, *, public: bool = True) -> SubnetPlan:
    """Cut a VPC block into one private and, if asked, one public subnet a zone.

    Private subnets are as large as fit, up to /19. The plan for n zones is a prefix of the plan for more
    whenever the private size stays the same, so that adding a zone moves no subnet.

    Raises:
        CidrError: the block cannot hold that many zones with private subnets of at least /24.
    """
    network = parse(block)
    for prefix in range(max(LARGEST_PRIVATE_PREFIX, network.prefixlen + 1), SMALLEST_PRIVATE_PREFIX + 1):
        private = list(network.subnets(new_prefix=prefix))[:zones]
        publics = list(network.subnets(new_prefix=max(PUBLIC_PREFIX, prefix)))[::-1][:zones] if public else []
        if len(private) == zones and not any(a.overlaps(b) for a in private for b in publics):
            return SubnetPlan(private=tuple(map(str, private)), public=tuple(map(str, publics)))
    raise CidrError(
        f"{block} is too small for {zones} zones. Give a larger block, for example 10.0.0.0/16, or fewer zones."
    )


def prefix(block: str) -> int:
    """Length of a block's prefix, 16 for 10.0.0.0/16."""
    return IPv4Network(block).prefixlen


def contains(outer: str, inner: str) -> bool:
    """Whether a block lies wholly within another. Raises CidrError if either is not a network."""
    try:
        return IPv4Network(inner).subnet_of(IPv4Network(outer))
    except ValueError as error:
        raise CidrError(f"not an IPv4 network: {error}") from None


def overlapping(blocks: Sequence[str]) -> tuple[str, str] | None:
    """The first two of the blocks that overlap, or None."""
    try:
        networks = [IPv4Network(block) for block in blocks]
    except ValueError as error:
        raise CidrError(f"not an IPv4 network: {error}") from None
    for index, first in enumerate(networks):
        for second in networks[index + 1 :]:
            if first.overlaps(second):
                return str(first), str(second)
    return None
