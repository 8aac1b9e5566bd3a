"""The table of what regions offer, held against lists that it was not made from, or not from alone."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from mlops.core import offerings, regions
from mlops.cost.book import load as prices

ROOT = Path(__file__).parents[2]
NOT_FOR_NODES = ("mac",)
MOTO = next(ROOT.glob("services/.venv/lib/python3*/site-packages/moto/ec2/resources/instance_type_offerings"), None)


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1"])
def test_whatever_has_a_price_in_a_region_is_offered_there(region: str) -> None:
    priced = [name for name in prices().regions[region]["ec2_on_demand_linux"] if "." in name]
    assert len(priced) > 100
    assert [name for name in priced if not offerings.offers("instance_types", region, name)] == []


def test_whatever_the_capacity_planner_knows_exists() -> None:
    with (ROOT / "mlops" / "core" / "data" / "instances.csv").open(encoding="utf-8") as file:
        known = [row["instance_type"] for row in csv.DictReader(file)]
    everywhere = [name for name in known if any(offerings.offers("instance_types", at, name) for at in regions.REGIONS)]
    assert known == everywhere


@pytest.mark.skipif(MOTO is None, reason="the services' environment, which has moto, is not set up")
@pytest.mark.parametrize("region", sorted(set(regions.REGIONS) - {"ap-east-2", "ap-southeast-6", "ap-southeast-7"}))
def test_whatever_ec2_said_it_offers_is_offered(region: str) -> None:
    """moto carries the answers of DescribeInstanceTypeOfferings."""
    assert MOTO is not None
    path = MOTO / "region" / f"{region}.json.gz"
    if not path.is_file():
        pytest.skip(f"moto has no answer of {region}")
    answered = {row["InstanceType"] for row in json.loads(gzip.decompress(path.read_bytes()))}
    lacking = {name for name in answered if not offerings.offers("instance_types", region, name)}
    assert {name for name in lacking if not name.startswith(NOT_FOR_NODES)} == set()


@pytest.mark.skipif(MOTO is None, reason="the services' environment, which has moto, is not set up")
@pytest.mark.parametrize("region", regions.REGIONS)
def test_a_zone_that_ec2_answered_with_can_be_named(region: str) -> None:
    assert MOTO is not None
    path = MOTO / "availability-zone" / f"{region}.json.gz"
    if not path.is_file():
        pytest.skip(f"moto has no answer of {region}")
    zones = {row["Location"] for row in json.loads(gzip.decompress(path.read_bytes()))}
    assert [problem for zone in zones if (problem := regions.zone_problem(zone, region))] == []


@pytest.mark.parametrize(
    ("region", "name", "instead"),
    [
        ("ca-west-1", "m7i.large", "m6i.large"),
        ("us-west-1", "g5.xlarge", "g4dn.xlarge"),
        ("eu-west-1", "m5.large", None),
    ],
)
def test_a_type_that_a_region_lacks_is_answered_with_one_of_its_size(
    region: str, name: str, instead: str | None
) -> None:
    problem = offerings.problem("instance_types", region, name)
    assert (problem is None) == (instead is None)
    if problem and instead:
        assert instead in problem
        assert all(
            one.endswith(name.rpartition(".")[2]) for one in offerings.alternatives("instance_types", region, name)
        )


def test_a_region_that_the_table_does_not_know_may_offer_whatever_exists() -> None:
    assert offerings.offers("instance_types", "eu-north-2", "m7i.large")
    assert not offerings.offers("instance_types", "eu-north-2", "m99.large")
