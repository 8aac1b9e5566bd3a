"""Roles that services take: on behalf of this account only."""

from collections.abc import Callable

import pulumi
import pytest

from components.base.trust import account_of, trust_policy
from components.database.monitoring import monitoring_role
from components.network.flow_logs import flow_logs
from mlops.plan.graph import Graph
from tests.support import only, recorded, statements

ACCOUNT = "123456789012"
KEY = f"arn:aws-us-gov:kms:us-gov-west-1:{ACCOUNT}:key/one"


def monitored() -> Graph:
    return recorded(lambda opts: monitoring_role("database", pulumi.Output.from_input(KEY), opts))


def logged() -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        flow_logs("network", pulumi.Output.from_input("vpc-1"), pulumi.Output.from_input(KEY), 365, opts)

    return recorded(build)


@pytest.mark.parametrize(
    ("graph", "service"), [(monitored, "monitoring.rds.amazonaws.com"), (logged, "vpc-flow-logs.amazonaws.com")]
)
def test_a_service_takes_the_role_for_this_account_only(graph: Callable[[], Graph], service: str) -> None:
    (trust,) = statements(only(graph(), "aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": service}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_account_is_read_from_a_key_so_that_nobody_looks_it_up() -> None:
    assert account_of(KEY) == ACCOUNT
    assert "aws:SourceAccount" in str(trust_policy("config.amazonaws.com", account_of(KEY)))
