"""Renewing prices from the AWS Price List API.

Only what a query below names is renewed; the rest keeps its price and its age. A price whose unit is not the one
that a query expects is refused rather than misread. Shape of the answers: `pricing:GetProducts` in the AWS Price
List guide.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from mlops.cost.book import Book
from mlops.cost.exports import usage_names
from mlops.cost.model import Sku

SOURCE = "price-list"
"""Key of the source that renewed prices name."""


class Client(Protocol):
    """What is used of boto3's `pricing` client."""

    def get_products(self, **arguments: Any) -> Mapping[str, Any]:
        """One page of products."""
        ...


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question to the Price List, and how its answers become prices."""

    service_code: str
    filters: Mapping[str, str]
    sku_of: Callable[[Mapping[str, str]], Sku | None]
    """Our SKU by a product's attributes; None for products that are not wanted."""
    units: tuple[str, ...]
    """AWS's units that are expected."""
    unit: str
    """Ours."""
    scale: Decimal = Decimal(1)
    """How many of AWS's units make one of ours."""


@dataclass
class Renewal:
    """What came of a refresh."""

    region: str
    prices: dict[Sku, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Answers that could not be read, one sentence each."""

    def as_book(self, today: str) -> dict[str, Any]:
        """The renewed prices in the shape of a price book."""
        services: dict[str, dict[str, Any]] = {}
        for (service, sku), row in sorted(self.prices.items()):
            services.setdefault(service, {})[sku] = {**row, "source": SOURCE, "as_of": today}
        return {
            "currency": "USD",
            "sources": {SOURCE: "AWS Price List API, read by `mlops prices refresh`"},
            "regions": {self.region: services},
        }


def refresh(client: Client, region: str, book: Book) -> Renewal:
    """Ask for every query's prices in a region. Instance types that the book does not know are left out."""
    renewal = Renewal(region=region)
    wanted = {(price.service, price.sku) for known in book.regions for price in book.prices(known)}
    for query in QUERIES:
        filters = {**query.filters, "regionCode": region}
        for product in _products(client, query.service_code, filters):
            sku = query.sku_of(product["product"]["attributes"])
            if sku in wanted and sku is not None:
                _read(product, query, sku, renewal)
    return renewal


def merged(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """A project's own book with a region's renewed prices in it."""
    regions = {region: dict(services) for region, services in older.get("regions", {}).items()}
    for region, services in newer["regions"].items():
        kept = regions.setdefault(region, {})
        for service, rows in services.items():
            kept[service] = {**kept.get(service, {}), **rows}
    return {"currency": "USD", "sources": {**older.get("sources", {}), **newer["sources"]}, "regions": regions}


def _products(client: Client, service_code: str, filters: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    terms = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in filters.items()]
    token: dict[str, str] = {}
    while True:
        page = client.get_products(ServiceCode=service_code, Filters=terms, FormatVersion="aws_v1", **token)
        for text in page.get("PriceList", ()):
            yield json.loads(text) if isinstance(text, str) else text
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _read(product: Mapping[str, Any], query: Query, sku: Sku, renewal: Renewal) -> None:
    for dimension in _dimensions(product):
        if dimension.get("beginRange", "0") != "0":
            continue
        unit, text = str(dimension.get("unit")), dimension.get("pricePerUnit", {}).get("USD")
        if unit not in query.units or text is None:
            expected = " or ".join(query.units)
            renewal.refused.append(f"{sku[0]} {sku[1]}: AWS names it per {unit}; expected was {expected}.")
            continue
        price = Decimal(text) * query.scale
        if price > 0:
            renewal.prices[sku] = {"price": float(price), "unit": query.unit}


def _dimensions(product: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        yield from term.get("priceDimensions", {}).values()


def _instances(service: str, suffix: str = "") -> Callable[[Mapping[str, str]], Sku | None]:
    return lambda attributes: (service, attributes["instanceType"] + suffix) if "instanceType" in attributes else None


def _by_usage(names: Mapping[str, Sku]) -> Callable[[Mapping[str, str]], Sku | None]:
    return lambda attributes: next(
        (names[name] for name in usage_names(attributes.get("usagetype", "")) if name in names), None
    )


def _one(
    service_code: str,
    usage: str,
    sku: Sku,
    units: tuple[str, ...],
    unit: str,
    scale: int = 1,
    **filters: str,
) -> Query:
    """A single price, found by its usage type."""
    return Query(
        service_code=service_code,
        filters=filters,
        sku_of=_by_usage({usage: sku}),
        units=units,
        unit=unit,
        scale=Decimal(scale),
    )


_HOURS = ("Hrs", "hours")
_GB = ("GB", "gigabytes")
_GB_MONTH = ("GB-Mo", "GB-month")
_COUNT = ("Requests", "API Requests")
_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}

QUERIES: tuple[Query, ...] = (
    Query(
        service_code="AmazonEC2",
        filters=_LINUX,
        sku_of=_instances("ec2_on_demand_linux"),
        units=_HOURS,
        unit="hour",
    ),
    *(
        Query(
            service_code="AmazonRDS",
            filters={"databaseEngine": "PostgreSQL", "deploymentOption": option},
            sku_of=_instances("rds_postgres", f":{placing}"),
            units=_HOURS,
            unit="hour",
        )
        for option, placing in (("Single-AZ", "single_az"), ("Multi-AZ", "multi_az"))
    ),
    *(
        Query(
            service_code="AmazonElastiCache",
            filters={"cacheEngine": engine},
            sku_of=_instances(f"elasticache_{engine.lower()}"),
            units=_HOURS,
            unit="hour",
        )
        for engine in ("Redis", "Valkey")
    ),
    Query(
        service_code="AmazonMSK",
        filters={},
        sku_of=lambda attributes: (
            ("msk", "kafka." + attributes["usagetype"].rpartition("Kafka.")[2])
            if "Kafka." in attributes.get("usagetype", "")
            else None
        ),
        units=_HOURS,
        unit="hour",
    ),
    _one("AmazonEKS", "AmazonEKS-Hours:perCluster", ("eks", "cluster_standard_support"), _HOURS, "hour"),
    _one("AmazonEC2", "NatGateway-Hours", ("nat_gateway", "hour"), _HOURS, "hour"),
    _one("AmazonEC2", "NatGateway-Bytes", ("nat_gateway", "data_processed"), _GB, "GB"),
    _one("AmazonEC2", "EBS:VolumeUsage.gp3", ("ebs", "gp3_storage"), _GB_MONTH, "GB-month"),
    _one("AmazonEC2", "EBS:VolumeUsage.gp2", ("ebs", "gp2_storage"), _GB_MONTH, "GB-month"),
    _one("AmazonEC2", "EBS:SnapshotUsage", ("ebs", "snapshot"), _GB_MONTH, "GB-month"),
    _one("AmazonVPC", "PublicIPv4:InUseAddress", ("public_ipv4", "idle_or_in_use"), _HOURS, "hour"),
    _one("AmazonVPC", "VpcEndpoint-Hours", ("vpc_endpoint", "interface_per_az"), _HOURS, "hour"),
    _one("AmazonVPC", "VpcEndpoint-Bytes", ("vpc_endpoint", "interface_data_first_1pb"), _GB, "GB"),
    _one(
        "AWSELB",
        "LoadBalancerUsage",
        ("elb", "alb"),
        _HOURS,
        "hour",
        productFamily="Load Balancer-Application",
    ),
    _one("AWSELB", "LoadBalancerUsage", ("elb", "nlb"), _HOURS, "hour", productFamily="Load Balancer-Network"),
    _one("AmazonS3", "TimedStorage-ByteHrs", ("s3", "standard_storage_first_50tb"), _GB_MONTH, "GB-month"),
    _one("AmazonS3", "Requests-Tier1", ("s3", "standard_put_copy_post_list"), _COUNT, "1k requests", 1000),
    _one("AmazonS3", "Requests-Tier2", ("s3", "standard_get_and_other"), _COUNT, "1k requests", 1000),
    _one("AmazonECR", "TimedStorage-ByteHrs", ("ecr", "private_storage"), _GB_MONTH, "GB-month"),
    _one("AmazonCloudWatch", "DataProcessing-Bytes", ("cloudwatch", "logs_ingest_standard"), _GB, "GB"),
    _one("AmazonCloudWatch", "TimedStorage-ByteHrs", ("cloudwatch", "logs_archive_storage"), _GB_MONTH, "GB-month"),
    _one("awskms", "KMS-Keys", ("kms", "customer_key"), ("Keys", "keys"), "key-month"),
    _one("awskms", "KMS-Requests", ("kms", "requests_symmetric"), _COUNT, "10k requests", 10_000),
    _one("AWSSecretsManager", "AWSSecretsManager-Secrets", ("secrets_manager", "secret"), ("Secrets",), "secret-month"),
    _one("AmazonKinesis", "Storage-ShardHour", ("kinesis", "provisioned_shard"), _HOURS, "shard-hour"),
    _one("AmazonECS", "Fargate-vCPU-Hours:perCPU", ("fargate", "vcpu_linux_x86"), _HOURS, "vCPU-hour"),
    _one("AmazonECS", "Fargate-GB-Hours", ("fargate", "memory_linux_x86"), _HOURS, "GB-hour"),
)
"""Everything that a refresh asks for."""
