"""Types that are free in one mode only, versions that leave support inside the month, data that ages. Prices are those
of the price book for us-east-1."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mlops.cost import report
from mlops.cost.book import load
from mlops.cost.rules.modes import NOTHING_ASKED, RULES
from mlops.cost.rules.unread import NO_RULE, UNREAD
from tests.cost.stacks import bill, priced, resource, used

RDS, EKS, BUCKET = "aws:rds/instance:Instance", "aws:eks/cluster:Cluster", "aws:s3/bucket:Bucket"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
USED = used(storage={"data_gb": 10_000, "images_gb": 20, "object_mb": 1}, logs={"flow_gb": 10})
ROLES = tuple(resource("aws:iam/role:Role", name) for name in "abc")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the day on which something is priced."""

    def set_to(year: int, month: int, day: int) -> None:
        moment = datetime(year, month, day, tzinfo=UTC)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))

    return set_to


@pytest.mark.parametrize(
    ("type_", "free", "paid", "monthly"),
    [
        # Infracost ssm_parameter_test: $0.05 a parameter.
        ("aws:ssm/parameter:Parameter", {"tier": "Standard"}, {"tier": "Advanced"}, 0.05),
        ("aws:ssm/parameter:Parameter", {}, {"tier": "Intelligent-Tiering"}, 0.05),
        (
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
            {"scanType": "BASIC"},
            {"scanType": "ENHANCED"},
            20 * 0.09,
        ),
        # Infracost s3_bucket_inventory_test: $0.0025 a million objects; 10 million of them, daily.
        ("aws:s3/inventory:Inventory", {"enabled": False}, {"schedule": {"frequency": "Daily"}}, 0.76),
        ("aws:s3/inventory:Inventory", {"enabled": False}, {"schedule": {"frequency": "Weekly"}}, 0.11),
        ("aws:s3/bucketMetric:BucketMetric", None, {}, 16 * 0.3),
        ("aws:accessanalyzer/analyzer:Analyzer", {"type": "ACCOUNT"}, {"type": "ACCOUNT_UNUSED_ACCESS"}, 3 * 0.2),
        (
            "aws:ecs/cluster:Cluster",
            {"settings": [{"name": "containerInsights", "value": "disabled"}]},
            {"settings": [{"name": "containerInsights", "value": "enabled"}]},
            9 * 0.3,
        ),
        ("aws:budgets/budgetAction:BudgetAction", None, {}, 3.04),
    ],
)
def test_a_type_that_is_free_in_one_mode_costs_in_the_other(
    type_: str, free: Mapping[str, Any] | None, paid: Mapping[str, Any], monthly: float
) -> None:
    buckets = (resource(BUCKET),)
    without = priced(*buckets, *ROLES, usage=USED).total
    costs = priced(*buckets, *ROLES, resource(type_, "it", paid), usage=USED)
    assert (round(float(costs.total - without), 2), costs.complete) == (round(monthly, 2), True)
    if free is not None:
        made = priced(*buckets, *ROLES, resource(type_, "it", free), usage=USED)
        assert (made.total, made.complete) == (without, True)
        assert next(row for row in made.free if row.type == type_).reason == NOTHING_ASKED[type_]


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:acm/certificate:Certificate", {"options": {"export": "ENABLED"}}),
        ("aws:accessanalyzer/analyzer:Analyzer", {"type": "ORGANIZATION_INTERNAL_ACCESS"}),
        ("aws:ec2/flowLog:FlowLog", {"logDestinationType": "s3"}),
        ("aws:ec2/flowLog:FlowLog", {"logDestinationType": "kinesis-data-firehose"}),
    ],
)
def test_a_mode_whose_price_nobody_knows_is_named_and_not_free(type_: str, inputs: Mapping[str, Any]) -> None:
    made = priced(resource(type_, "it", inputs), usage=USED)
    assert [row.resource for row in made.missing] == ["it"]
    assert not made.complete


def test_every_type_that_may_be_free_says_why_it_is() -> None:
    always = {"aws:s3/bucketMetric:BucketMetric", "aws:budgets/budgetAction:BudgetAction"}
    assert set(RULES) - always == set(NOTHING_ASKED)


@pytest.mark.parametrize(
    ("day", "standard", "extended"),
    [((2026, 11, 1), 730, 0), ((2026, 11, 27), 144, 586), ((2026, 12, 2), 24, 706), ((2026, 12, 3), 0, 730)],
)
def test_extended_support_that_begins_inside_the_month_is_priced_from_its_day(
    on: Any, day: tuple[int, int, int], standard: int, extended: int
) -> None:
    on(*day)
    lines = priced(resource(EKS, inputs={"version": "1.34"})).lines  # standard support until 2026-12-02
    hours = {line.price.sku: int(line.quantity) for line in lines}
    assert hours.get("cluster_standard_support", 0) == standard
    assert hours.get("cluster_extended_support", 0) == extended
    said = [line.label for line in lines if "2026-12-02" in line.label]
    assert bool(said) == (0 < extended < 730)


@pytest.mark.parametrize("version", ["1.20", "1.99", "[unknown]"])
def test_a_version_of_kubernetes_that_the_catalogue_does_not_know_is_not_priced_as_the_newest(version: str) -> None:
    made = priced(resource(EKS, "cluster", {"version": version}))
    assert (made.total, made.complete) == (0, False)
    assert version in made.missing[0].label


@pytest.mark.parametrize(
    ("engine", "version", "copies", "monthly"),
    [
        # Infracost db_instance_test: 1,460 vCPU hours of a db with two cores, $146.
        ("postgres", "12.22", 1, 146.0),
        ("postgres", "12", 2, 292.0),
        ("postgres", "11.22", 1, 292.0),  # its third year
        ("mysql", "8.0.46", 1, 146.0),
        ("postgres", "17.4", 1, 0),
        ("mysql", "8.4.8", 1, 0),
        ("mariadb", "10.6", 1, 0),
    ],
)
def test_a_database_past_its_standard_support_costs_by_the_core(
    on: Any, engine: str, version: str, copies: int, monthly: float
) -> None:
    on(2026, 11, 27)
    inputs = {"engine": engine, "engineVersion": version, "instanceClass": "db.m5.large", "multiAz": copies == 2}
    lines = bill(resource(RDS, inputs=inputs))
    assert sum(usd for label, usd in lines.items() if label.startswith("extended support")) == monthly


def test_a_database_that_declines_extended_support_pays_none_and_one_that_enters_it_pays_from_then(on: Any) -> None:
    inputs = {"engine": "postgres", "engineVersion": "14", "instanceClass": "db.m5.large"}
    on(2027, 2, 19)  # ten days before the end
    lines = bill(resource(RDS, inputs=inputs))
    assert lines["extended support of postgres 14, from the day after 2027-02-28"] == round(490 * 2 * 0.1, 2)
    declined = {**inputs, "engineLifecycleSupport": "open-source-rds-extended-support-disabled"}
    assert not any("extended" in label for label in bill(resource(RDS, inputs=declined)))


def test_a_major_version_of_a_database_that_nobody_knows_is_named() -> None:
    inputs = {"engine": "postgres", "engineVersion": "42", "instanceClass": "db.m5.large"}
    assert [row.label for row in priced(resource(RDS, inputs=inputs)).missing if "support" in row.label] == [
        "support of postgres 42"
    ]


@pytest.mark.parametrize(
    ("inputs", "label", "monthly"),
    [
        ({"monitoringInterval": 60}, "logs of enhanced monitoring", 0.09),
        ({"monitoringInterval": 1}, "logs of enhanced monitoring", 5.26),
        ({"monitoringInterval": 60, "multiAz": True}, "logs of enhanced monitoring", 0.18),
        ({"performanceInsightsRetentionPeriod": 731}, "Database Insights, standard, kept longer than 7 days", 7.63),
        # CloudWatch: $0.0125 a vCPU hour, fifteen months of retention included.
        (
            {"databaseInsightsMode": "advanced", "performanceInsightsRetentionPeriod": 465},
            "Database Insights, advanced",
            18.25,
        ),
    ],
)
def test_watching_a_database_costs_by_its_mode(inputs: Mapping[str, Any], label: str, monthly: float) -> None:
    lines = bill(resource(RDS, inputs={"engine": "postgres", "instanceClass": "db.m5.large", **inputs}))
    assert lines[label] == monthly
    assert sum("Insights" in one for one in lines) == ("Insights" in label)


@pytest.mark.parametrize("inputs", [{}, {"monitoringInterval": 0}, {"performanceInsightsRetentionPeriod": 7}])
def test_a_database_that_is_watched_as_all_are_pays_nothing_for_it(inputs: Mapping[str, Any]) -> None:
    lines = bill(resource(RDS, inputs={"engine": "postgres", "instanceClass": "db.m5.large", **inputs}))
    assert not any("Insights" in label or "monitoring" in label for label in lines)


def aging(*transitions: tuple[int, str], expires: int = 0, prefix: str = "") -> dict[str, float]:
    rule: dict[str, Any] = {
        "status": "Enabled",
        "filter": {"prefix": prefix},
        "transitions": [{"days": days, "storageClass": name} for days, name in transitions],
    }
    if expires:
        rule["expiration"] = {"days": expires}
    lake = resource(BUCKET)
    usage = used(storage={"data_gb": 1000, "data_age_days": 100, "object_mb": 1})
    return bill(lake, resource(LIFECYCLE, "rules", {"rules": [rule]}, bucket=lake), usage=usage)


def test_data_that_a_lifecycle_moves_is_priced_in_its_class_with_the_moves() -> None:
    assert aging((20, "STANDARD_IA"), (60, "GLACIER")) == {
        "S3 Standard": 4.6,  # 200 GB at $0.023
        "S3 Standard-IA": 5.0,  # 400 GB at $0.0125
        "S3 Glacier Flexible Retrieval": 1.44,  # 400 GB at $0.0036
        # A month's 300 GB in objects of 1 MB: $0.01 and $0.03 a thousand (infracost s3_bucket_test).
        "transitions to S3 Standard-IA": 3.0,
        "transitions to S3 Glacier Flexible Retrieval": 9.0,
    }


def test_data_that_expires_first_is_never_moved_and_a_rule_for_a_part_moves_nothing() -> None:
    assert aging((60, "STANDARD_IA"), expires=50) == {"S3 Standard": 23.0}
    assert aging((20, "STANDARD_IA"), prefix="old/") == {"S3 Standard": 23.0}
    assert aging() == {"S3 Standard": 23.0}


def test_intelligent_tiering_costs_by_the_object_that_it_watches() -> None:
    lines = aging((0, "INTELLIGENT_TIERING"))
    # Infracost s3_bucket_test: $0.0025 a thousand objects; a million of them.
    assert lines["objects watched by Intelligent-Tiering"] == 2.5
    assert lines["S3 Intelligent-Tiering, frequent access"] == 23.0


def test_data_through_endpoints_gets_cheaper_beyond_a_petabyte_of_all_of_them_together() -> None:
    one, two = (
        resource(ENDPOINT, name, {"vpcEndpointType": "Interface", "serviceName": f"x.{name}"}) for name in ("a", "b")
    )
    usage = used(traffic={"endpoint_gb": 4_000_000})
    data = [line for line in priced(one, two, usage=usage).lines if line.label.endswith("data")]
    # Infracost vpc_endpoint_test: $10,000 for the first petabyte, $24,000 for the next four, $4 a TB beyond.
    assert round(float(sum(line.monthly for line in data))) == 10_000 + 24_000 + 12_000


def test_every_date_of_support_comes_after_the_one_before() -> None:
    from mlops.core.engines import RDS as ENGINES
    from mlops.core.versions import EKS as RELEASES

    for releases in (RELEASES, *ENGINES.values()):
        assert all(one.standard_until < one.extended_until for one in releases.values())
    assert ENGINES["postgres"]["13"].standard_until == date(2026, 2, 28)


def test_the_book_has_a_price_for_both_kinds_of_extended_support_in_the_regions_that_it_offers() -> None:
    book = load()
    for region in book.regions:
        for sku in (("eks", "cluster_extended_support"), ("rds_postgres", "extended_support_year1")):
            assert book.find(region, *sku)


@pytest.mark.parametrize(
    ("type_", "path", "value"), [(type_, path, value) for type_, rows in UNREAD.items() for path, value, _ in rows]
)
def test_what_costs_and_no_rule_reads_is_named_and_makes_the_total_incomplete(
    type_: str, path: str, value: str
) -> None:
    inputs: Any = {"true": True, "": [{"some": "thing"}]}.get(value, value)
    for key in reversed(path.replace("[0]", ".0").split(".")):
        inputs = [inputs] if key == "0" else {key: inputs}
    made = priced(resource(type_, "it", inputs))
    assert [row.sku[1] for row in made.missing if row.sku[0] == NO_RULE] == [path]
    assert not made.complete
    assert any(f"no rule reads {path}" in problem for problem in report.problems(made))
    without = priced(resource(type_, "it", {}))
    assert not [row for row in without.missing if row.sku[0] == NO_RULE]


TIERED = [
    # Infracost: config_config_rule_test, route53_record_test, api_gateway_rest_api_test, lambda_function_test.
    ("aws:cfg/rule:Rule", {"logs": {"config_items": 1_000_000}}, {}, 670),
    ("aws:route53/zone:Zone", {"requests": {"dns": 1_100_000_000}}, {}, 420),
    ("aws:apigateway/restApi:RestApi", {"requests": {"api": 21_000_000_000}}, {}, 49_763.10),
    (
        "aws:lambda/function:Function",
        {"requests": {"functions": 61_440_000_000, "function_ms": 1_000}},
        {"memorySize": 1024},
        100_000.2 + 135_000 + 619_203.1,
    ),
    (
        "aws:lambda/function:Function",
        {"requests": {"functions": 74_752_000_000, "function_ms": 1_000}},
        {"memorySize": 1024, "architectures": ["arm64"]},
        100_000.5 + 135_001.13 + 597_356.53,
    ),
    # GuardDuty pricing page: $1.00, $0.50 and $0.25 a GB.
    ("aws:guardduty/detector:Detector", {"logs": {"threat_log_gb": 3_000}}, {}, 500 + 1_000 + 125),
]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize(("type_", "usage", "inputs", "monthly"), TIERED)
def test_what_gets_cheaper_with_its_amount_does_so_for_all_that_share_it(
    type_: str, usage: Mapping[str, Any], inputs: Mapping[str, Any], monthly: float, copies: int
) -> None:
    nodes = [resource(type_, f"n{index}", inputs) for index in range(copies)]
    made = priced(*nodes, usage=used(**usage))
    labels = ("rule evaluations", "DNS queries", "API Gateway requests", "Lambda GB-seconds", "flow and DNS logs")
    total = sum(line.monthly for line in made.lines if line.label.startswith(labels))
    assert float(total) == pytest.approx(monthly, rel=1e-5)


def test_a_second_copy_of_management_events_is_paid_and_the_first_is_not() -> None:
    data_only = {"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]}
    trails = [resource("aws:cloudtrail/trail:Trail", name) for name in ("one", "two")]
    third = resource("aws:cloudtrail/trail:Trail", "data", data_only)
    # CloudTrail's own example: 150,000 management events to two trails are $3.
    made = priced(*trails, third, usage=used(logs={"management_events": 150_000}))
    assert [(line.resource, line.monthly) for line in made.lines] == [("two", 3)]


@pytest.mark.parametrize("copies", [1, 4])
def test_storage_gets_cheaper_beyond_50_tb_of_all_buckets_together(copies: int) -> None:
    lakes = [resource(BUCKET, f"lake{index}") for index in range(copies)]
    made = priced(*lakes, usage=used(storage={"data_gb": 100_000}))
    # Infracost s3_bucket_test: $0.023 for the first 50 TB; $0.022 beyond.
    assert float(made.total) == pytest.approx(51_200 * 0.023 + 48_800 * 0.022)


@pytest.mark.parametrize(
    ("type_", "inputs", "late"),
    [
        ("aws:elasticache/replicationGroup:ReplicationGroup", {"engineVersion": "5.0.6"}, True),
        ("aws:elasticache/replicationGroup:ReplicationGroup", {"engineVersion": "7.1"}, False),
        ("aws:elasticache/replicationGroup:ReplicationGroup", {"engineVersion": "5.0", "engine": "valkey"}, False),
        ("aws:opensearch/domain:Domain", {"engineVersion": "OpenSearch_2.9"}, True),
        ("aws:opensearch/domain:Domain", {"engineVersion": "Elasticsearch_7.1"}, True),
        ("aws:opensearch/domain:Domain", {"engineVersion": "OpenSearch_3.1"}, False),
    ],
)
def test_extended_support_whose_price_nobody_knows_is_named(
    on: Any, type_: str, inputs: Mapping[str, Any], late: bool
) -> None:
    on(2026, 11, 27)
    named = [row for row in priced(resource(type_, "it", inputs)).missing if row.sku[1] == "extended_support"]
    assert bool(named) == late


def test_an_instance_of_a_cluster_is_watched_at_a_price_as_well() -> None:
    inputs = {"engine": "aurora-postgresql", "instanceClass": "db.r6g.large", "databaseInsightsMode": "advanced"}
    assert (
        bill(resource("aws:rds/clusterInstance:ClusterInstance", inputs=inputs))["Database Insights, advanced"] == 18.25
    )
