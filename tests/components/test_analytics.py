"""Athena over the lake, Redshift Serverless, and the Valkey cache."""

import json

import pytest
from pydantic import ValidationError

from components.cache.valkey import ValkeyConfig
from components.lake_query.athena import AthenaConfig, every
from components.settings import PlatformConfig
from components.warehouse.redshift_serverless import RedshiftServerlessConfig
from mlops.plan.graph import Graph
from tests.foundations import foundation, module_options
from tests.support import names, only, recorded, statements

CRAWLER = "aws:glue/crawler:Crawler"
POLICY = "aws:iam/rolePolicy:RolePolicy"


def athena(**settings: object) -> Graph:
    return recorded(
        lambda opts: AthenaConfig.model_validate(settings).build(
            "lake-query", base := foundation(opts, cluster=False, database=False), module_options(base, opts)
        )
    )


def warehouse(**settings: object) -> Graph:
    return recorded(
        lambda opts: RedshiftServerlessConfig.model_validate(settings).build(
            "warehouse", base := foundation(opts, cluster=False, database=False), module_options(base, opts)
        )
    )


def cache(**settings: object) -> Graph:
    return recorded(
        lambda opts: ValkeyConfig.model_validate(settings).build(
            "cache", base := foundation(opts, cluster=False, database=False), module_options(base, opts)
        )
    )


def test_queries_reach_what_was_checked_and_not_what_came_in() -> None:
    graph = athena()
    assert names(graph, CRAWLER) == ["lake-query-curated-crawler", "lake-query-features-crawler"]
    allowed = json.dumps(statements(only(graph, POLICY, "lake-query-crawler-policy").inputs["policy"]))
    assert "curated" in allowed
    assert "-raw" not in allowed


def test_no_query_reads_more_than_the_limit_and_none_can_leave_the_workgroups_settings() -> None:
    configuration = only(athena(most_scanned_gb=2), "aws:athena/workgroup:Workgroup").inputs["configuration"]
    assert configuration["bytesScannedCutoffPerQuery"] == 2_000_000_000
    assert configuration["enforceWorkgroupConfiguration"] is True
    assert configuration["managedQueryResultsConfiguration"] == {"enabled": True}


def test_a_catalogues_names_are_such_as_sql_reads_without_quotes() -> None:
    databases = athena(zones=["curated"]).of_type("aws:glue/catalogDatabase:CatalogDatabase")
    assert all(database.inputs["name"].replace("_", "").isalnum() for database in databases)


def test_crawlers_write_into_a_log_group_that_was_made_for_them() -> None:
    """The name that Glue builds of role and security configuration; a group it made itself would outlive the stack."""
    graph = athena()
    role = only(graph, "aws:iam/role:Role", "lake-query-crawler-role")
    security = only(graph, "aws:glue/securityConfiguration:SecurityConfiguration")
    expected = f"/aws-glue/crawlers-role/{role.outputs['name']}-{security.outputs['name']}"
    assert only(graph, "aws:cloudwatch/logGroup:LogGroup", "lake-query-crawler-logs").inputs["name"] == expected
    assert {crawler.inputs["securityConfiguration"] for crawler in graph.of_type(CRAWLER)} == {security.outputs["name"]}


@pytest.mark.parametrize(("hours", "cron"), [(24, "cron(20 3 * * ? *)"), (6, "cron(20 0/6 * * ? *)")])
def test_crawlers_look_as_often_as_is_asked_for(hours: int, cron: str) -> None:
    assert every(hours) == cron


def test_the_warehouse_lets_nobody_in_but_clients_and_none_of_them_in_clear() -> None:
    graph = warehouse(client_security_groups=["sg-0123456789abcdef0"])
    workgroup = only(graph, "aws:redshiftserverless/workgroup:Workgroup")
    assert workgroup.inputs["publiclyAccessible"] is False
    assert workgroup.inputs["configParameters"] == [{"parameterKey": "require_ssl", "parameterValue": "true"}]
    ways = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {(way.inputs["fromPort"], way.inputs["toPort"]) for way in ways} == {(5439, 5439)}


def test_nobody_holds_the_warehouses_password_and_its_work_has_an_end() -> None:
    graph = warehouse(most_rpu_hours=50)
    namespace = only(graph, "aws:redshiftserverless/namespace:Namespace")
    assert namespace.inputs["manageAdminPassword"] is True
    assert "adminUserPassword" not in namespace.inputs
    assert namespace.protect
    limit = only(graph, "aws:redshiftserverless/usageLimit:UsageLimit").inputs
    assert (limit["amount"], limit["breachAction"]) == (50, "deactivate")
    assert not warehouse(most_rpu_hours=None).of_type("aws:redshiftserverless/usageLimit:UsageLimit")


def test_a_warehouse_in_two_zones_is_refused_before_aws_refuses_it() -> None:
    with pytest.raises(ValidationError, match=r"3 availability zones and network\.zones is 2; set it to 3"):
        PlatformConfig.model_validate({"network": {"zones": 2}, "warehouse": {"kind": "redshift_serverless"}})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_rpu": 12}, "multiple of 8"),
        ({"base_rpu": 0}, "greater than or equal to 8"),
        ({"base_rpu": 128, "most_rpu": 64}, "set most_rpu to 128 or more"),
    ],
)
def test_capacity_that_redshift_does_not_have_is_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RedshiftServerlessConfig.model_validate(settings)


def test_clients_of_the_cache_log_in_by_their_role_and_cannot_administer_it() -> None:
    graph = cache()
    user = only(graph, "aws:elasticache/user:User").inputs
    assert user["authenticationMode"] == {"type": "iam"}
    assert user["userId"] == user["userName"]
    assert {"-@admin", "-@dangerous"} <= set(user["accessString"].split())
    assert only(graph, "aws:elasticache/serverlessCache:ServerlessCache").inputs["engine"] == "valkey"


def test_what_a_cache_can_cost_has_an_end() -> None:
    limits = only(cache(most_gb=3), "aws:elasticache/serverlessCache:ServerlessCache").inputs["cacheUsageLimits"]
    assert limits["dataStorage"] == {"maximum": 3, "unit": "GB"}
    assert limits["ecpuPerSeconds"] == [{"maximum": 5000}]
