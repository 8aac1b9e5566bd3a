"""A total that lacks a price: it says so, has no band, and is within no budget."""

from decimal import Decimal

import pytest

from mlops.core.usage import BY_TIER
from mlops.cost import report
from mlops.cost.book import Book, load
from mlops.cost.estimate import Estimate, estimate
from mlops.cost.html import to_html
from mlops.cost.steps import idle_groups, next_steps
from tests.cost.stacks import priced, resource
from tests.platforms import tier_graph

KEY, UNKNOWN = resource("aws:kms/key:Key"), resource("aws:quantum/computer:Computer", "q")
NO_PRICE = resource("aws:rds/instance:Instance", "db", {"engine": "postgres", "instanceClass": "db.x9.huge"})
REGIONS = tuple(load().regions)


@pytest.fixture(params=[UNKNOWN, NO_PRICE], ids=["a type without a rule", "a price that is missing"])
def made(request: pytest.FixtureRequest) -> Estimate:
    return priced(KEY, request.param)


def test_the_total_is_the_least_and_has_no_band(made: Estimate) -> None:
    assert report.total_text(made).startswith("at least $")
    assert made.band is None
    assert "no band" in report.band_text(made)
    for text in (report.to_markdown(made, None, None), to_html(made, None, load(), None)):
        assert "at least $" in text
        assert "between $" not in text


def test_json_has_no_bounds_for_it(made: Estimate) -> None:
    from datetime import date

    monthly = report.to_json(made, load(), None, date(2026, 11, 27))["monthly"]
    assert (monthly["low"], monthly["high"], monthly["complete"]) == (None, None, False)


def test_it_is_within_no_budget_unless_that_is_allowed(made: Estimate) -> None:
    generous = Decimal(1_000_000)
    assert "nobody knows whether it stays within" in report.objection(made, generous)
    assert report.objection(made, generous, allow_incomplete=True) == ""
    assert "over the budget" in report.objection(made, Decimal("0.5"), allow_incomplete=True)
    assert report.objection(made, None) == ""


def test_strict_passes_nothing_that_lacks_a_price(made: Estimate) -> None:
    assert "--strict" in report.objection(made, None, strict=True)
    assert "--strict" in report.objection(made, None, strict=True, allow_incomplete=True)


def test_a_complete_total_has_its_band_and_passes() -> None:
    whole = priced(KEY)
    assert (report.total_text(whole), whole.band) == ("$1.00", (1, 1))
    assert report.objection(whole, Decimal(2), strict=True) == ""


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("tier", sorted(BY_TIER))
def test_every_tier_is_complete_in_every_region_that_is_offered(tier: str, region: str) -> None:
    whole = estimate(tier_graph(tier), BY_TIER[tier], load(), region=region)
    assert report.problems(whole) == []


def test_what_is_derived_for_a_region_is_marked_and_lies_near_what_it_is_derived_from() -> None:
    book = load()
    derived = [price for price in book.prices("eu-west-1") if price.source in ("derived", "ratio")]
    assert derived
    for price in derived:
        known = book.find("us-east-1", price.service, price.sku)
        assert known
        assert not price.verified
        assert 1 <= price.usd / known.usd < Decimal("1.2"), price


def test_prices_of_ireland_are_those_that_others_have_read() -> None:
    """Rates of a public cost page for an EKS platform in eu-west-1, read from the offer files on 2026-09-14."""
    read = {
        ("ec2_on_demand_linux", "m7g.large"): "0.091",
        ("rds_postgres", "db.t4g.medium:multi_az"): "0.138",
        ("rds_postgres", "db.t4g.micro:single_az"): "0.017",
        ("rds_postgres", "storage_gp3:multi_az"): "0.254",
        ("nat_gateway", "hour"): "0.048",
        ("public_ipv4", "idle_or_in_use"): "0.005",
        ("elb", "alb"): "0.0252",
        ("vpc_endpoint", "interface_per_az"): "0.011",
        ("ebs", "gp3_storage"): "0.088",
    }
    book = load()
    found = {sku: book.find("eu-west-1", *sku) for sku in read}
    assert {sku: str(price.usd) for sku, price in found.items() if price} == read


def test_a_price_that_is_the_same_everywhere_contradicts_no_region_that_has_its_own() -> None:
    book = load()
    for price in [one for region in REGIONS[1:] for one in book.prices(region)]:
        if price.sku in book.everywhere["prices"].get(price.service, ()):
            known = book.find("us-east-1", price.service, price.sku)
            assert known
            assert price.usd == known.usd, price


def test_the_next_steps_of_an_idle_platform_are_its_first_model_and_a_load_balancer() -> None:
    dev = estimate(tier_graph("dev"), BY_TIER["dev"], load())
    steps = {step.what: float(step.usd) for step in next_steps(dev, load())}
    assert idle_groups(dev) == ("models (spot)",)
    assert 50 < steps["the first node of models (spot)"] < 60
    assert 15 < steps["a load balancer"] < 30


def test_a_step_is_what_the_estimate_of_the_grown_stack_says() -> None:
    group = {"instanceTypes": ["m7i.large"], "scalingConfig": {"minSize": 1, "desiredSize": 1, "maxSize": 5}}
    more = {**group, "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 5}}
    small, large = (priced(resource("aws:eks/nodeGroup:NodeGroup", "nodes", one)) for one in (group, more))
    [step] = next_steps(small, load())
    assert step.usd == large.total - small.total


def test_a_step_without_a_price_is_the_least() -> None:
    empty = Book(sources={}, regions={"us-east-1": {}})
    group = resource("aws:eks/nodeGroup:NodeGroup", "nodes", {"scalingConfig": {"desiredSize": 1}})
    [step] = next_steps(priced(group), empty)
    assert (step.usd, step.complete) == (0, False)


def test_the_page_is_whole_and_says_what_others_wrote_as_text() -> None:
    evil = priced(KEY, resource("aws:x/y:<script>", "<b>"))
    page = to_html(evil, priced(KEY), load(), Decimal("0.1"))
    assert "<script>" not in page
    assert "<b>" not in page
    assert page.count("<table>") == page.count("</table>")
    assert "http" not in page.split("</style>")[0]
