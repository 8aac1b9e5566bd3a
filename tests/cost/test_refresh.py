"""Renewing prices, with answers in the shape of the AWS Price List API."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mlops.cli.commands.prices import kept
from mlops.cost.book import Book, load
from mlops.cost.refresh import merged, refresh


class PriceList:
    """Answers like the API: a page at a time, each product as JSON text."""

    def __init__(self, products: list[tuple[str, Mapping[str, str], str, str, str]]) -> None:
        self._products = products
        self.asked: list[Mapping[str, Any]] = []

    def get_products(self, **arguments: Any) -> Mapping[str, Any]:
        self.asked.append(arguments)
        wanted = {row["Field"]: row["Value"] for row in arguments["Filters"]}
        found = [
            json.dumps(product(attributes, unit, usd, begin))
            for service, attributes, unit, usd, begin in self._products
            if service == arguments["ServiceCode"]
            and all(attributes.get(key, value) == value for key, value in wanted.items())
        ]
        at = int(arguments.get("NextToken", 0))
        return {"PriceList": found[at : at + 1], **({"NextToken": str(at + 1)} if at + 1 < len(found) else {})}


def product(attributes: Mapping[str, str], unit: str, usd: str, begin: str) -> dict[str, Any]:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}, "beginRange": begin}
    return {"product": {"attributes": attributes}, "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}}


LINUX = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def test_prices_are_renewed_page_by_page_with_units_and_regions_understood() -> None:
    client = PriceList(
        [
            ("AmazonEC2", {**LINUX, "instanceType": "m7i.large", "usagetype": "EUW1-BoxUsage"}, "Hrs", "0.11", "0"),
            ("AmazonEC2", {"usagetype": "EUW1-NatGateway-Hours"}, "Hrs", "0.048", "0"),
            ("awskms", {"usagetype": "EUW1-KMS-Requests"}, "Requests", "0.000003", "0"),
            ("AmazonS3", {"usagetype": "EUW1-TimedStorage-ByteHrs"}, "GB-Mo", "0.022", "51200"),
            ("AmazonS3", {"usagetype": "EUW1-TimedStorage-ByteHrs"}, "GB-Mo", "0.023", "0"),
        ]
    )
    renewal = refresh(client, "eu-west-1", load())
    assert {sku: row["price"] for sku, row in renewal.prices.items()} == {
        ("ec2_on_demand_linux", "m7i.large"): 0.11,
        ("nat_gateway", "hour"): 0.048,
        ("kms", "requests_symmetric"): 0.03,
        ("s3", "standard_storage_first_50tb"): 0.023,
    }
    assert {row["Value"] for call in client.asked for row in call["Filters"] if row["Field"] == "regionCode"} == {
        "eu-west-1"
    }


def test_an_answer_in_another_unit_is_refused_and_not_misread() -> None:
    client = PriceList([("AmazonEC2", {"usagetype": "NatGateway-Hours"}, "Fortnights", "15", "0")])
    renewal = refresh(client, "us-east-1", load())
    assert renewal.prices == {}
    assert renewal.refused == ["nat_gateway hour: AWS names it per Fortnights; expected was Hrs or hours."]


def test_instance_types_that_the_book_does_not_know_stay_out() -> None:
    client = PriceList([("AmazonEC2", {**LINUX, "instanceType": "z99.tiny"}, "Hrs", "0.01", "0")])
    assert refresh(client, "us-east-1", load()).prices == {}


def test_renewed_prices_make_a_region_that_the_book_lacked_and_carry_their_date() -> None:
    client = PriceList([("AmazonEC2", {"usagetype": "EUC1-NatGateway-Hours"}, "Hrs", "0.052", "0")])
    written = merged({}, refresh(client, "eu-central-1", load()).as_book("2026-11-20"))
    again = json.loads(json.dumps(written), parse_float=Decimal)
    book = Book(sources=again["sources"], regions=again["regions"]).over(load())
    price = book.find("eu-central-1", "nat_gateway", "hour")
    assert price is not None
    assert (price.usd, price.as_of, price.verified) == (Decimal("0.052"), "2026-11-20", True)
    assert book.source(price).startswith("AWS Price List API")


def test_renewing_one_region_keeps_what_was_renewed_of_another() -> None:
    older = {"sources": {}, "regions": {"us-east-1": {"kms": {"customer_key": {"price": 1}}}}}
    newer = {"sources": {}, "regions": {"eu-west-1": {"kms": {"customer_key": {"price": 2}}}}}
    assert set(merged(older, newer)["regions"]) == {"us-east-1", "eu-west-1"}


def test_a_refresh_says_how_old_what_it_did_not_ask_for_is() -> None:
    held = list(load().prices("us-east-1"))
    kms, undated = (next(one for one in held if one.service == name) for name in ("kms", "managed_prometheus"))
    day = date.fromisoformat(kms.as_of) + timedelta(days=1_234)
    assert "1 price kept their age, 1,234 to 1,234 days" in kept([kms], day)
    assert "2 prices kept their age, 1,234 to 1,234 days (1 without a date)" in kept([kms, undated], day)
