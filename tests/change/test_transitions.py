"""What is legal at both ends and not on the way: refused in AWS's words, with the way that works."""

from dataclasses import replace
from typing import Any

import pytest

from mlops.change.classify import classify
from mlops.change.model import Danger, Kind, ResourceChange
from mlops.change.report import Report
from mlops.change.transitions import RULES, Step, refusals
from mlops.plan.graph import Graph, Node
from tests.change.graphs import DATABASE, NODES, graph, nested, resource
from tests.platforms import platform, tier_graph

EKS, MSK, STREAM = "aws:eks/cluster:Cluster", "aws:msk/cluster:Cluster", "aws:kinesis/stream:Stream"
CACHE, VERSIONING = "aws:elasticache/replicationGroup:ReplicationGroup", "aws:s3/bucketVersioning:BucketVersioning"
DAEMON_SET, STORAGE_CLASS = "kubernetes:apps/v1:DaemonSet", "kubernetes:storage.k8s.io/v1:StorageClass"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"

CASES = [
    # type, path, before, after, what the answer says, what the way out says
    (EKS, "version", "1.33", "1.36", "minor version update from 1.33 to 1.36", "1.34, 1.35, 1.36"),
    (EKS, "version", "1.35", "1.34", "from 1.35 to 1.34", "does not go back"),
    (EKS, "accessConfig.authenticationMode", "API", "API_AND_CONFIG_MAP", "authentication mode", "never back"),
    (EKS, "accessConfig.authenticationMode", "CONFIG_MAP", "API", "authentication mode", "API_AND_CONFIG_MAP"),
    (NODES, "version", "1.35", "1.34", "not rolled back", "second group"),
    (DATABASE, "engineVersion", "17.5", "18.1", "AllowMajorVersionUpgrade", "allow_major_upgrade"),
    (DATABASE, "engineVersion", "17", "18", "AllowMajorVersionUpgrade", "allow_major_upgrade"),
    (DATABASE, "engineVersion", "17.5", "16.9", "Cannot upgrade", "does not go back"),
    (DATABASE, "engineVersion", "17.5", "17.4", "Cannot upgrade", "does not go back"),
    (DATABASE, "allocatedStorage", 200, 100, "cannot shrink", "second"),
    (DATABASE, "dbSubnetGroupName", "one", "two", "same VPC", "subnets of the group"),
    (DATABASE, "performanceInsightsKmsKeyId", "one", "two", "cannot be changed", "off"),
    (MSK, "kafkaVersion", "3.9.x", "4.0.x.kraft", "ZooKeeper and KRaft", "Replicator"),
    (MSK, "brokerNodeGroupInfo.instanceType", "kafka.m7g.large", "express.m7g.large", "Express", "second cluster"),
    (MSK, "brokerNodeGroupInfo.storageInfo.ebsStorageInfo.volumeSize", 500, 100, "cannot shrink", "Keep the size"),
    (MSK, "storageMode", "TIERED", "LOCAL", "from TIERED to LOCAL", "topic by topic"),
    (STREAM, "shardCount", 2, 8, "more than double", "to 4 first"),
    (STREAM, "shardCount", 9, 2, "less than half", "to 5 first"),
    (CACHE, "clusterMode", "disabled", "enabled", "from disabled to enabled", "compatible"),
    (VERSIONING, "versioningConfiguration.status", "Enabled", "Disabled", "to Disabled", "Suspended"),
    ("aws:ebs/volume:Volume", "size", 100, 50, "smaller", "copy the files"),
    (DAEMON_SET, "spec.selector", {"matchLabels": {"a": "1"}}, {"matchLabels": {"a": "2"}}, "immutable", "new name"),
    (STORAGE_CLASS, "reclaimPolicy", "Delete", "Retain", "immutable", "new name"),
    ("kubernetes:scheduling.k8s.io/v1:PriorityClass", "value", 1000, 2000, "immutable", "new name"),
]
ALLOWED = [
    (EKS, "version", "1.34", "1.35"),
    (EKS, "accessConfig.authenticationMode", "CONFIG_MAP", "API_AND_CONFIG_MAP"),
    (NODES, "version", "1.34", "1.35"),
    (DATABASE, "engineVersion", "17.5", "17.6"),
    (DATABASE, "engineVersion", "17.5", "17"),
    (DATABASE, "allocatedStorage", 100, 200),
    (MSK, "kafkaVersion", "3.8.x", "3.9.x"),
    (MSK, "kafkaVersion", "3.9.x.kraft", "4.0.x.kraft"),
    (MSK, "storageMode", "LOCAL", "TIERED"),
    (STREAM, "shardCount", 2, 4),
    (STREAM, "shardCount", 9, 5),
    (CACHE, "clusterMode", "disabled", "compatible"),
    (VERSIONING, "versioningConfiguration.status", "Enabled", "Suspended"),
    ("aws:ebs/volume:Volume", "size", 50, 100),
]


def only(before: Node, after: Node) -> ResourceChange:
    (change,) = classify(graph(before), graph(after)).changes
    return change


@pytest.mark.parametrize(("type_", "path", "before", "after", "words", "way"), CASES)
def test_what_is_refused_on_the_way_is_said_with_the_way_that_works(
    type_: str, path: str, before: Any, after: Any, words: str, way: str
) -> None:
    change = only(*(resource(type_, inputs=nested(path, value)) for value in (before, after)))
    assert (change.kind, change.danger) == (Kind.UPDATE, Danger.REFUSED)
    assert words in change.fate
    assert way in change.instead
    assert change.source


@pytest.mark.parametrize(("type_", "path", "before", "after"), ALLOWED)
def test_what_aws_takes_is_not_refused(type_: str, path: str, before: Any, after: Any) -> None:
    change = only(*(resource(type_, inputs=nested(path, value)) for value in (before, after)))
    assert change.danger is not Danger.REFUSED


@pytest.mark.parametrize("type_", RULES)
@pytest.mark.parametrize("hidden", ["[unknown]", "[secret]"])
def test_a_value_that_is_not_told_is_refused_by_nobody(type_: str, hidden: str) -> None:
    for path in ("version", "engineVersion", "kafkaVersion", "shardCount", "scalingConfig", "spec", "size"):
        for values in ((hidden, "1.30"), ("9.9", hidden), (hidden, None)):
            before, after = (nested(path, value) for value in values)
            assert not list(refusals(type_, Step(before=before, after=after)))


def test_a_major_version_that_is_allowed_expressly_is_not_refused() -> None:
    old, new = ({"engine": "postgres", "engineVersion": version} for version in ("17.5", "18.1"))
    allowed = {**new, "allowMajorVersionUpgrade": True, "applyImmediately": True}
    change = only(resource(DATABASE, inputs=old), resource(DATABASE, inputs=allowed))
    assert (change.danger, "at once" in change.fate) == (Danger.STOPS, True)


def test_storage_that_grows_by_itself_is_left_as_large_as_it_grew() -> None:
    old, new = ({"allocatedStorage": size, "maxAllocatedStorage": 500} for size in (200, 100))
    assert only(resource(DATABASE, inputs=old), resource(DATABASE, inputs=new)).danger is not Danger.REFUSED


def test_a_smallest_size_above_the_running_one_that_the_program_ignores_is_refused() -> None:
    def group(least: int, desired: int) -> Node:
        sizes = {"minSize": least, "desiredSize": desired, "maxSize": 9}
        return resource(NODES, inputs={"scalingConfig": sizes}, ignore_changes=("scalingConfig.desiredSize",))

    change = only(group(1, 2), group(3, 3))
    assert change.danger is Danger.REFUSED
    assert "Minimum capacity 3 can't be greater than desired size 2" in change.fate
    assert "desiredSize=3" in change.instead
    told = replace(group(3, 3), ignore_changes=())
    assert only(replace(group(1, 2), ignore_changes=()), told).danger is not Danger.REFUSED


def test_tls_of_a_cache_is_switched_by_way_of_preferred() -> None:
    def cache(on: bool, mode: str) -> Node:
        inputs = {"engineVersion": "7.1", "transitEncryptionEnabled": on, "transitEncryptionMode": mode}
        return resource(CACHE, inputs=inputs)

    assert only(cache(False, ""), cache(True, "required")).danger is Danger.REFUSED
    assert only(cache(False, ""), cache(True, "preferred")).danger is not Danger.REFUSED
    assert only(cache(True, "preferred"), cache(True, "required")).danger is not Danger.REFUSED


def upgraded(at_once: bool) -> tuple[Graph, Graph]:
    """A database and its group of parameters, before and after a major version."""

    def stack(major: int) -> Graph:
        parameters = resource(GROUP, "parameters", inputs={"family": f"postgres{major}"})
        inputs = {
            "engine": "postgres",
            "engineVersion": f"{major}.1",
            "allowMajorVersionUpgrade": True,
            "applyImmediately": at_once,
            "maintenanceWindow": "sun:04:30-sun:05:30",
            "parameterGroupName": parameters.id,
        }
        needs = {"parameterGroupName": (parameters.urn,)}
        return graph(
            parameters,
            resource(DATABASE, inputs=inputs, dependencies=(parameters.urn,), property_dependencies=needs),
        )

    return stack(17), stack(18)


def test_the_old_parameters_cannot_go_while_the_upgrade_waits_for_its_window() -> None:
    changes = {change.node.type: change for change in classify(*upgraded(at_once=False)).changes}
    assert (changes[GROUP].kind, changes[GROUP].danger) == (Kind.REPLACE, Danger.REFUSED)
    assert "InvalidDBParameterGroupState" in changes[GROUP].fate
    assert changes[DATABASE].danger is Danger.WAITS
    assert "sun:04:30-sun:05:30" in changes[DATABASE].fate
    changes = {change.node.type: change for change in classify(*upgraded(at_once=True)).changes}
    assert changes[GROUP].danger is not Danger.REFUSED


def test_a_class_that_waits_for_the_window_says_so_with_the_window() -> None:
    inputs = {"maintenanceWindow": "sun:04:30-sun:05:30"}
    small, large = (
        resource(DATABASE, inputs={**inputs, "instanceClass": one}) for one in ("db.m7g.large", "db.m7g.xlarge")
    )
    change = only(small, large)
    assert (change.kind, change.danger) == (Kind.UPDATE, Danger.WAITS)
    assert "sun:04:30-sun:05:30" in change.fate
    assert "applyImmediately" in change.instead


def test_a_feature_that_is_taken_out_of_the_list_stays_on_and_one_that_goes_with_its_detector_does_not() -> None:
    detector = resource("aws:guardduty/detector:Detector", "detector")
    feature = resource(FEATURE, inputs={"status": "ENABLED"}, dependencies=(detector.urn,))
    (stays,) = classify(graph(detector, feature), graph(detector)).changes
    assert (stays.kind, stays.danger) == (Kind.DELETE, Danger.STAYS)
    assert "DISABLED" in stays.instead
    assert {change.danger for change in classify(graph(detector, feature), graph()).changes} == {Danger.NONE}


def test_another_network_reaches_everything_in_it_and_what_cannot_move_is_refused() -> None:
    before, after = tier_graph("dev"), platform("dev", {"network": {"cidr": "10.77.0.0/16"}})
    found = {change.node.name: change for change in classify(before, after).changes}
    replaced = {name for name, change in found.items() if change.kind is Kind.REPLACE}
    # The internet gateway is hung into the other network.
    bound = {node.name for node in after if "vpcId" in node.inputs and node.custom} - {"network-internet-gateway"}
    routes = after.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/route:Route")
    bound |= {node.name for node in (*routes, *after.of_type("aws:ec2/natGateway:NatGateway", NODES))}
    assert bound <= replaced
    assert {"cluster-control-eksCluster", "database-subnets"} <= {
        name for name, change in found.items() if change.danger is Danger.REFUSED
    }
    made = Report(stack="dev", base="", head="", changes=classify(before, after), acknowledged={})
    assert not made.stands
    assert {change.node.name for change in made.refused} >= {"database-subnets"}


@pytest.mark.parametrize("named", [True, False])
def test_what_keeps_its_name_cannot_go_first_while_something_uses_it(named: bool) -> None:
    def stack(family: str) -> Graph:
        name = {"name": "parameters"} if named else {}
        parameters = resource(GROUP, "parameters", inputs={"family": family, **name}, id="parameters")
        uses = {"parameterGroupName": (parameters.urn,)}
        user = resource(DATABASE, inputs={"parameterGroupName": "parameters"}, property_dependencies=uses)
        return graph(parameters, user)

    changes = {change.node.type: change for change in classify(stack("postgres17"), stack("postgres18")).changes}
    assert changes[GROUP].danger is (Danger.REFUSED if named else Danger.NONE)
    if named:
        assert "another name" in changes[GROUP].instead
