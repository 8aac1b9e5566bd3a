"""Every entry of the table: what it says replaces does, it speaks the installed SDK's names, and it has a source."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from localcloud.catalogue import KINDS
from mlops.change.classify import classify
from mlops.change.facts import at
from mlops.change.facts_aws import AWS
from mlops.change.model import Danger, Kind
from mlops.change.table import STATEFUL, facts_of, known_types
from mlops.tiers import TIERS
from tests.change.graphs import graph, nested, resource
from tests.platforms import tier_graph

CATALOGUE = sorted({*KINDS, *(node.type for tier in TIERS for node in tier_graph(tier) if node.custom)})
"""Every type that the platform registers or the stand-in cloud knows."""
each_aws_type = pytest.mark.parametrize("type_", AWS, ids=lambda value: value.rpartition(":")[2])


@pytest.mark.parametrize("type_", CATALOGUE)
def test_no_type_of_the_catalogue_is_without_facts(type_: str) -> None:
    facts = facts_of(type_)
    assert facts is not None
    assert facts.source


def test_a_property_of_the_table_replaces() -> None:
    for type_ in known_types():
        facts = facts_of(type_)
        assert facts
        for path in facts.replaced_by:
            values: tuple[Any, Any] = ([{}], [{}, {}]) if path.endswith("#") else (["before"], ["after"])
            before, after = (resource(type_, inputs=nested(path.rstrip("#"), value)) for value in values)
            (change,) = classify(graph(before), graph(after)).changes
            assert change.kind is Kind.REPLACE, (type_, path)
            assert path in [one.path for one in change.replacing]
            expected = Danger.LOSS if facts.holds else Danger.STOPS if facts.stops else Danger.NONE
            assert change.danger is expected
            assert change.source == facts.source


def test_whatever_its_default_a_switch_that_is_turned_replaces_where_the_table_says_so() -> None:
    for type_ in known_types():
        facts = facts_of(type_)
        for path, default in (facts.defaults if facts else {}).items():
            if isinstance(default, bool) and facts and path in facts.replaced_by:
                stated, turned = (resource(type_, inputs=nested(path, value)) for value in (default, not default))
                unset = resource(type_)
                for before, after in ((unset, turned), (stated, turned), (turned, stated), (turned, unset)):
                    (change,) = classify(graph(before), graph(after)).changes
                    assert change.kind is Kind.REPLACE, (type_, path)
                (same,) = classify(graph(unset), graph(stated)).changes
                assert path not in [one.path for one in same.replacing]


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("aws:msk/cluster:Cluster", "encryptionInfo.encryptionInTransit.inCluster"),
        ("aws:eks/cluster:Cluster", "accessConfig.bootstrapClusterCreatorAdminPermissions"),
        ("aws:eks/cluster:Cluster", "bootstrapSelfManagedAddons"),
    ],
)
def test_a_switch_that_is_on_by_default_and_goes_off_is_a_loss(type_: str, path: str) -> None:
    before, after = (resource(type_, inputs=nested(path, on)) for on in (True, False))
    (change,) = classify(graph(before), graph(after)).changes
    assert (change.kind, change.danger) == (Kind.REPLACE, Danger.LOSS)


@pytest.mark.parametrize(
    ("type_", "path", "before", "after"),
    [
        ("aws:cloudtrail/trail:Trail", "name", "one", "two"),
        ("aws:sns/topic:Topic", "fifoTopic", False, True),
        ("aws:ec2/flowLog:FlowLog", "trafficType", "ALL", "REJECT"),
        ("aws:ec2/natGateway:NatGateway", "subnetId", "subnet-1", "subnet-2"),
        ("aws:eks/addon:Addon", "addonName", "coredns", "kube-proxy"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "name", "one", "two"),
        ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "name", "one", "two"),
        ("aws:ec2/vpc:Vpc", "instanceTenancy", "default", "dedicated"),
        ("aws:rds/parameterGroup:ParameterGroup", "family", "postgres17", "postgres18"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "name", "one", "two"),
    ],
)
def test_a_plain_forced_replacement_is_known(type_: str, path: str, before: object, after: object) -> None:
    old, new = (resource(type_, inputs=nested(path, value)) for value in (before, after))
    assert [change.kind for change in classify(graph(old), graph(new)).changes] == [Kind.REPLACE]


def test_a_dedicated_network_becomes_a_shared_one_in_place() -> None:
    old, new = (resource("aws:ec2/vpc:Vpc", inputs={"instanceTenancy": one}) for one in ("dedicated", "default"))
    assert [change.kind for change in classify(graph(old), graph(new)).changes] == [Kind.UPDATE]


@pytest.mark.parametrize("type_", STATEFUL)
def test_every_type_that_holds_data_says_what_happens_to_it_and_what_to_do_instead(type_: str) -> None:
    facts = facts_of(type_)
    assert facts
    assert facts.source
    assert facts.replaced_by
    assert facts.fates
    assert facts.instead
    (change,) = classify(graph(resource(type_)), graph()).changes
    assert (change.kind, change.danger) == (Kind.DELETE, Danger.LOSS)
    assert change.fate


def properties(type_: str) -> set[str]:
    """Input properties of a type in the installed SDK, read and not imported: twenty services take their time."""
    _, module, _ = type_.split(":")
    service, _, name = module.partition("/")
    spec = find_spec("pulumi_aws")
    assert spec
    assert spec.origin
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
    file = Path(spec.origin).parent / service / f"{snake}.py"
    arguments = file.read_text().split("Args:", 1)[1].split("\nclass ", 1)[0]
    renamed = re.findall(r'@pulumi\.getter\(name="(\w+)"\)', arguments)
    return {*renamed, *re.findall(r"\n    def (\w+)\(self\)", arguments)}


WINDOWED = ("dms", "docdb", "elasticache", "memorydb", "mq", "neptune", "rds", "redshift")
"""Services that keep changes for a maintenance window."""


def test_every_type_that_can_be_changed_at_once_says_what_waits_for_its_window_otherwise() -> None:
    for type_ in known_types():
        if type_.startswith(tuple(f"aws:{service}/" for service in WINDOWED)) and "applyImmediately" in properties(
            type_
        ):
            facts = facts_of(type_)
            assert facts
            assert facts.waits, type_
            assert {*facts.waits.properties, facts.waits.window} <= properties(type_)


@each_aws_type
def test_the_table_speaks_the_names_of_the_installed_sdk(type_: str) -> None:
    facts, known = facts_of(type_), properties(type_)
    assert facts
    named = {*facts.replaced_by, *facts.sometimes, *facts.defaults, *(fate.path for fate in facts.fates if fate.path)}
    assert {path.partition(".")[0].rstrip("#") for path in named} <= known
    assert facts.unread <= known
    assert facts.chosen | facts.sets <= set(facts.replaced_by)


@pytest.mark.parametrize(
    ("type_", "path", "before", "after", "replaced"),
    [
        ("aws:msk/cluster:Cluster", "kafkaVersion", "3.9.x", "4.0.x", False),
        ("aws:msk/cluster:Cluster", "kafkaVersion", "3.10.1", "3.9.1", True),
        ("aws:elasticache/replicationGroup:ReplicationGroup", "engineVersion", "7.1", "6.2", True),
        ("aws:elasticache/replicationGroup:ReplicationGroup", "engineVersion", "7.0", "7.1", False),
        ("aws:eks/cluster:Cluster", "encryptionConfig", {"provider": {"keyArn": "one"}}, None, True),
        ("aws:eks/cluster:Cluster", "encryptionConfig", None, {"provider": {"keyArn": "one"}}, False),
        ("aws:rds/cluster:Cluster", "snapshotIdentifier", "last", None, False),
        ("aws:rds/cluster:Cluster", "snapshotIdentifier", None, "last", True),
        ("aws:dynamodb/table:Table", "warmThroughput", {"readUnitsPerSecond": 20}, {"readUnitsPerSecond": 30}, False),
        ("aws:dynamodb/table:Table", "warmThroughput", {"readUnitsPerSecond": 30}, {"readUnitsPerSecond": 20}, True),
    ],
)
def test_some_properties_replace_in_one_direction_only(
    type_: str, path: str, before: object, after: object, replaced: bool
) -> None:
    nodes = [resource(type_, inputs={path: value} if value else {}) for value in (before, after)]
    (change,) = classify(graph(nodes[0]), graph(nodes[1])).changes
    assert change.kind is (Kind.REPLACE if replaced else Kind.UPDATE)


def test_encrypting_an_old_cache_in_transit_replaces_it_and_a_newer_one_not() -> None:
    type_ = "aws:elasticache/replicationGroup:ReplicationGroup"
    for version, kind in (("6.2", Kind.REPLACE), ("7.1", Kind.UPDATE)):
        before, after = (
            resource(type_, inputs={"engineVersion": version, "transitEncryptionEnabled": on}) for on in (False, True)
        )
        (change,) = classify(graph(before), graph(after)).changes
        assert change.kind is kind


def test_an_object_of_kubernetes_without_an_entry_is_patched_unless_it_is_renamed() -> None:
    type_ = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    assert facts_of(type_) is not None
    before = resource(type_, inputs={"metadata": {"name": "one"}, "spec": {"podSelector": {}}})
    patched = resource(
        type_, inputs={"metadata": {"name": "one"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
    )
    renamed = resource(type_, inputs={"metadata": {"name": "two"}, "spec": {"podSelector": {}}})
    kinds = [classify(graph(before), graph(after)).changes[0].kind for after in (patched, renamed)]
    assert kinds == [Kind.UPDATE, Kind.REPLACE]


def test_a_path_leads_to_its_value_or_to_nothing() -> None:
    assert at({"a": {"b": 1}}, "a.b") == 1
    assert at({"a": [1]}, "a.b") is None
    assert at({"a": [{"b": 1}, {}]}, "a.b") == [1, None]
    assert (at({"a": [{}, {}]}, "a#"), at({"a": {}}, "a#"), at({}, "a#")) == (2, 1, 0)
