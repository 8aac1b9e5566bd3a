"""The published bills, held against the rules."""

from mlops.cost.bills import BILLS, DEV, compare
from mlops.cost.book import load


def test_the_published_dev_bill_is_reproduced_line_by_line() -> None:
    found = compare(DEV, load())
    published = {row.said.label: float(row.said.usd) for row in found.lines}
    assert published == {"EKS control plane": 73, "3 × m5.xlarge spot": 180, "RDS db.t3.medium": 60, "S3, 1 TB": 23}
    assert sum(published.values()) == float(DEV.total_usd) == 336
    ours = {row.said.label: round(float(row.usd), 2) for row in found.lines}
    assert ours["EKS control plane"] == 73
    assert abs(ours["RDS db.t3.medium"] / 60 - 1) < 0.05
    assert abs(ours["S3, 1 TB"] / 23 - 1) < 0.05


def test_the_spot_price_that_the_dev_bill_implies_lies_within_the_band() -> None:
    nodes = next(row for row in compare(DEV, load()).lines if "spot" in row.said.label)
    assert nodes.ours[0].low <= nodes.said.usd <= nodes.ours[0].high
    assert round(float(nodes.implied), 4) == 0.0822


def test_what_the_dev_bill_forgot_is_listed_dearest_first() -> None:
    found = compare(DEV, load())
    labels = [line.label for line in found.forgotten]
    for forgotten in (
        "NAT gateway",
        "load balancer (ALB)",
        "disks of 3 nodes, 50 GB gp3 each",
        "public IPv4 address",
        "logs taken in",
        "customer-managed key",
        "traffic to the internet",
    ):
        assert forgotten in labels
    amounts = [line.monthly for line in found.forgotten]
    assert amounts == sorted(amounts, reverse=True)
    assert found.estimate.total == sum(row.usd for row in found.lines) + sum(amounts)


def test_the_business_case_is_a_fleet_of_its_size_and_no_tier() -> None:
    scale = compare(BILLS["scale"], load())
    assert scale.estimate.complete
    assert 300_000 < scale.estimate.total < 1_000_000
    assert round(float(scale.bill.total_usd)) == 850_000
