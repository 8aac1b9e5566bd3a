"""Subnet planning, over many blocks."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.core import cidr

BLOCKS = st.builds(
    lambda second, third, prefix: str(IPv4Network(f"10.{second}.{third}.0/{prefix}", strict=False)),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(16, 22),
)
ZONES = st.integers(1, 6)


def plan_or_none(block: str, zones: int, public: bool) -> cidr.SubnetPlan | None:
    try:
        return cidr.plan(block, zones, public=public)
    except cidr.CidrError:
        return None


@given(BLOCKS, ZONES, st.booleans())
def test_no_two_subnets_overlap_and_all_lie_within_the_vpc(block: str, zones: int, public: bool) -> None:
    plan = plan_or_none(block, zones, public)
    if plan is None:
        return
    subnets = [*plan.private, *plan.public]
    assert cidr.overlapping(subnets) is None
    assert all(cidr.contains(block, subnet) for subnet in subnets)


@given(BLOCKS, ZONES, st.booleans())
def test_every_zone_gets_its_subnets(block: str, zones: int, public: bool) -> None:
    plan = plan_or_none(block, zones, public)
    if plan is not None:
        assert len(plan.private) == zones
        assert len(plan.public) == (zones if public else 0)


@given(st.integers(0, 255), ZONES)
def test_a_16_block_gives_every_zone_a_19_for_its_pods(second: int, zones: int) -> None:
    plan = cidr.plan(f"10.{second}.0.0/16", zones)
    assert {IPv4Network(subnet).prefixlen for subnet in plan.private} == {19}


@given(st.integers(0, 255), st.integers(1, 5))
def test_adding_a_zone_moves_no_subnet_of_a_16_block(second: int, zones: int) -> None:
    before, after = (cidr.plan(f"10.{second}.0.0/16", count) for count in (zones, zones + 1))
    assert after.private[:zones] == before.private
    assert after.public[:zones] == before.public


@given(BLOCKS, ZONES)
def test_a_block_that_holds_some_zones_holds_fewer(block: str, zones: int) -> None:
    if plan_or_none(block, zones, True) is not None:
        assert all(plan_or_none(block, fewer, True) is not None for fewer in range(1, zones))


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("10.0.0.0/8", "too large"),
        ("10.0.0.0/24", "too small"),
        ("10.0.0.1/16", "not an IPv4 network"),
        ("ten", "not an IPv4 network"),
        ("11.12.0.0/16", "outside the private ranges"),
    ],
)
def test_a_block_that_no_vpc_should_have_is_refused_with_the_reason(block: str, says: str) -> None:
    with pytest.raises(cidr.CidrError, match=says):
        cidr.plan(block, 2)


def test_a_block_too_small_for_its_zones_says_what_would_do() -> None:
    with pytest.raises(cidr.CidrError, match=r"too small for 6 zones.*larger block"):
        cidr.plan("10.0.0.0/22", 6)
