"""What the stand-in cloud refuses of a change although both ends are valid: the same table as `mlops diff`."""

from typing import Any

import pytest

from localcloud.provider import RefusedError
from tests.change.graphs import nested
from tests.change.test_transitions import CASES
from tests.localcloud.clouds import Cloud

BY_PATH = [case[:5] for case in CASES if case[0].startswith("aws:")]


@pytest.mark.parametrize(("type_", "path", "before", "after", "words"), BY_PATH)
def test_the_stand_in_refuses_what_the_table_says(
    cloud: Cloud, type_: str, path: str, before: Any, after: Any, words: str
) -> None:
    for name in (before, after):
        if isinstance(name, str):
            cloud.world.adopt(name)
    made = cloud.aws(type_, "one", **nested(path, before))
    with pytest.raises(RefusedError, match=words):
        cloud.change(made, **nested(path, after))


def test_a_subnet_group_does_not_move_to_another_network(cloud: Cloud) -> None:
    subnets = []
    for number in (1, 2):
        vpc = cloud.aws("aws:ec2/vpc:Vpc", f"vpc-{number}", cidrBlock=f"10.{number}.0.0/16")
        block = f"10.{number}.0.0/24"
        subnets.append(cloud.aws("aws:ec2/subnet:Subnet", f"subnet-{number}", vpcId=vpc.id, cidrBlock=block).id)
    group = cloud.aws("aws:rds/subnetGroup:SubnetGroup", "group", name="group", subnetIds=[subnets[0]])
    with pytest.raises(RefusedError, match="not in the same Vpc"):
        cloud.change(group, subnetIds=[subnets[1]])


@pytest.mark.parametrize("at_once", [True, False])
def test_parameters_that_a_waiting_database_uses_cannot_go(cloud: Cloud, at_once: bool) -> None:
    old, new = (
        cloud.aws("aws:rds/parameterGroup:ParameterGroup", f"of-{major}", name=f"of-{major}", family=f"postgres{major}")
        for major in (17, 18)
    )
    inputs = {"engine": "postgres", "allowMajorVersionUpgrade": True, "applyImmediately": at_once}
    instance = "aws:rds/instance:Instance"
    database = cloud.aws(instance, "db", **inputs, engineVersion="17.5", parameterGroupName="of-17", identifier="db")
    cloud.change(database, engineVersion="18.1", parameterGroupName="of-18")
    assert new.id
    if at_once:
        cloud.delete(old)
    else:
        with pytest.raises(RefusedError, match="InvalidDBParameterGroupState"):
            cloud.delete(old)
