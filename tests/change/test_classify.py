"""What a change does to each resource, and what of it costs data."""

from dataclasses import replace
from typing import Any

import pytest

from mlops.change.classify import classify
from mlops.change.model import Danger, Kind, ResourceChange
from mlops.plan.graph import Node, from_export
from tests.change.graphs import (
    BUCKET,
    DATABASE,
    KEY,
    NODES,
    POLICY,
    REPOSITORY,
    ROLE,
    STACK,
    VPC,
    graph,
    resource,
)
from tests.platforms import platform, tier_graph


def change_of(before: Node | None, after: Node | None) -> ResourceChange:
    """The one change between two graphs of at most one resource."""
    (only,) = classify(graph(*[before] if before else []), graph(*[after] if after else [])).changes
    return only


def test_what_is_new_is_added_without_danger() -> None:
    change = change_of(None, resource(BUCKET))
    assert (change.kind, change.danger) == (Kind.ADD, Danger.NONE)


def test_what_stays_as_it_is_does_not_appear() -> None:
    node = resource(DATABASE, inputs={"instanceClass": "db.m7g.large"})
    assert classify(graph(node), graph(node)).changes == ()


def test_a_larger_database_is_updated_in_place() -> None:
    small, large = (resource(DATABASE, inputs={"instanceClass": size}) for size in ("db.m7g.large", "db.m7g.xlarge"))
    change = change_of(small, large)
    assert (change.kind, change.danger) == (Kind.UPDATE, Danger.WAITS)
    assert [(one.path, one.before, one.after) for one in change.properties] == [
        ("instanceClass", "db.m7g.large", "db.m7g.xlarge")
    ]


def test_a_database_under_another_key_is_another_database() -> None:
    before, after = (resource(DATABASE, inputs={"kmsKeyId": key, "engine": "postgres"}) for key in ("one", "two"))
    change = change_of(before, after)
    assert (change.kind, change.danger, change.holds) == (Kind.REPLACE, Danger.LOSS, "the database")
    assert [one.path for one in change.replacing] == ["kmsKeyId"]
    assert "terraform-provider-aws" in change.source
    assert "snapshot" in change.instead


def test_a_database_is_renamed_in_place_and_a_bucket_is_not() -> None:
    for type_, path, kind in ((DATABASE, "identifier", Kind.UPDATE), (BUCKET, "bucket", Kind.REPLACE)):
        before, after = (resource(type_, inputs={path: name}) for name in ("one", "two"))
        assert change_of(before, after).kind is kind


def test_a_deleted_bucket_is_a_loss_and_an_iam_role_is_none() -> None:
    assert change_of(resource(BUCKET), None).danger is Danger.LOSS
    role = change_of(resource(ROLE), None)
    assert (role.kind, role.danger) == (Kind.DELETE, Danger.NONE)


def test_what_somebody_protects_is_stateful_whatever_its_type() -> None:
    change = change_of(resource(ROLE, protect=True), None)
    assert (change.danger, change.holds) == (Danger.LOSS, "what somebody protected")


UNREAD = "aws:lex/v2modelsIntent:V2modelsIntent"
"""A type whose sources nobody read."""


def test_a_type_that_nobody_looked_up_is_not_guessed() -> None:
    before, after = (resource(UNREAD, inputs={"description": text}) for text in "ab")
    change = change_of(before, after)
    assert (change.kind, change.danger) == (Kind.NOT_KNOWN, Danger.NOT_KNOWN)


def test_a_replacement_reaches_types_that_nobody_looked_up() -> None:
    def stack(block: str) -> tuple[Node, Node]:
        vpc = resource(VPC, "vpc", inputs={"cidrBlock": block})
        return vpc, resource(UNREAD, inputs={"network": vpc.id}, property_dependencies={"network": (vpc.urn,)})

    changes = classify(graph(*stack("10.0.0.0/16")), graph(*stack("10.1.0.0/16"))).changes
    assert {change.node.type: change.kind for change in changes} == {VPC: Kind.REPLACE, UNREAD: Kind.NOT_KNOWN}


def test_new_tags_update_whatever_carries_them() -> None:
    before, after = (resource(ROLE, inputs={"tags": {"Owner": text}}) for text in "ab")
    assert change_of(before, after).kind is Kind.UPDATE


def test_a_property_that_the_source_does_not_mention_is_not_guessed() -> None:
    before, after = (resource(DATABASE, inputs={"upgradeStorageConfig": value}) for value in (False, True))
    change = change_of(before, after)
    assert (change.kind, change.danger, change.holds) == (Kind.NOT_KNOWN, Danger.NOT_KNOWN, "the database")


def test_other_instance_types_replace_a_node_group_and_evict_its_pods() -> None:
    before, after = (resource(NODES, inputs={"instanceTypes": [size]}) for size in ("m7i.large", "m7i.xlarge"))
    change = change_of(before, after)
    assert (change.kind, change.danger) == (Kind.REPLACE, Danger.STOPS)
    assert "pod" in change.fate


def test_subnets_in_another_order_are_the_same_subnets() -> None:
    before, after = (resource(NODES, inputs={"subnetIds": ids}) for ids in (["subnet-a", "subnet-b"],) * 2)
    after = replace(after, inputs={"subnetIds": ["subnet-b", "subnet-a"]})
    assert classify(graph(before), graph(after)).changes == ()


def test_a_value_that_is_the_default_anyway_replaces_nothing() -> None:
    before, after = resource(KEY, inputs={}), resource(KEY, inputs={"keyUsage": "ENCRYPT_DECRYPT"})
    assert change_of(before, after).kind is Kind.UPDATE


def test_dropping_a_value_that_aws_would_choose_replaces_nothing() -> None:
    before, after = resource(DATABASE, inputs={"availabilityZone": "us-east-1a"}), resource(DATABASE)
    assert change_of(before, after).kind is Kind.UPDATE


def test_stating_what_aws_may_have_chosen_already_replaces_perhaps_and_says_so() -> None:
    before, after = resource(DATABASE), resource(DATABASE, inputs={"availabilityZone": "us-east-1a"})
    (one,) = change_of(before, after).replacing
    assert one.note == "unless it is what was chosen for it already"


def test_stating_what_the_deployed_one_really_has_replaces_nothing() -> None:
    deployed = resource(DATABASE, outputs={"availabilityZone": "us-east-1a"})
    after = resource(DATABASE, inputs={"availabilityZone": "us-east-1a"})
    (change,) = classify(graph(deployed), graph(after), deployed=True).changes
    assert change.kind is Kind.UPDATE


def test_an_ignored_property_changes_nothing() -> None:
    before = resource(DATABASE, inputs={"identifier": "one"})
    after = resource(DATABASE, inputs={"identifier": "two"}, ignore_changes=("identifier",))
    assert classify(graph(before), graph(after)).changes == ()


def test_a_replaced_key_replaces_what_cannot_live_without_it() -> None:
    def stack(usage: str) -> tuple[Node, Node]:
        key = resource(KEY, "keys-data", inputs={"keyUsage": usage})
        inputs = {"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": f"arn:aws:kms:::key/{key.id}"}]}
        depends = {"encryptionConfigurations": (key.urn,)}
        return key, resource(REPOSITORY, inputs=inputs, dependencies=(key.urn,), property_dependencies=depends)

    changes = classify(graph(*stack("ENCRYPT_DECRYPT")), graph(*stack("SIGN_VERIFY"))).changes
    assert [(change.node.type, change.kind) for change in changes] == [(KEY, Kind.REPLACE), (REPOSITORY, Kind.REPLACE)]
    assert changes[1].replacing[0].note == "keys-data is replaced, so this is new"


def test_what_keeps_its_given_name_is_deleted_first_and_takes_along_what_names_it() -> None:
    def stack(lock: bool) -> tuple[Node, ...]:
        bucket = resource(BUCKET, "lake", inputs={"bucket": "lake", "objectLockEnabled": lock}, id="lake")
        named = {"bucket": "lake"}
        policy = resource(POLICY, "policy", inputs=named, property_dependencies={"bucket": (bucket.urn,)})
        role = resource(ROLE, inputs={"description": "lake"}, property_dependencies={"description": (bucket.urn,)})
        return bucket, policy, role

    changes = classify(graph(*stack(False)), graph(*stack(True))).changes
    assert {change.node.name: change.kind for change in changes} == {"lake": Kind.REPLACE, "policy": Kind.REPLACE}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"protect": True}, "blocked by protect"),
        ({"retain_on_delete": True}, "kept by retainOnDelete"),
        ({"inputs": {"deletionProtection": True}}, "RDS refuses while deletionProtection is on"),
        ({"inputs": {"skipFinalSnapshot": True}}, "deleted without a final snapshot"),
        ({"inputs": {"finalSnapshotIdentifier": "last"}}, "the final snapshot last is left"),
    ],
)
def test_the_words_say_what_stands_between_a_database_and_its_end(options: dict[str, Any], words: str) -> None:
    assert words in change_of(resource(DATABASE, **options), None).fate


def test_taking_protection_away_is_said_although_nothing_goes_yet() -> None:
    change = change_of(resource(BUCKET, protect=True), resource(BUCKET, protect=False))
    assert (change.kind, change.danger) == (Kind.UPDATE, Danger.UNGUARDED)
    forced = change_of(resource(BUCKET), resource(BUCKET, inputs={"forceDestroy": True}))
    assert forced.danger is Danger.UNGUARDED
    assert "forceDestroy is on" in forced.fate


def test_protecting_something_is_no_danger() -> None:
    assert change_of(resource(BUCKET), resource(BUCKET, protect=True)).danger is Danger.NONE


def test_a_deleted_bucket_with_a_newcomer_of_its_type_hints_at_an_alias() -> None:
    changes = classify(graph(resource(BUCKET, "raw")), graph(resource(BUCKET, "landing"))).changes
    lost = next(change for change in changes if change.kind is Kind.DELETE)
    assert 'aliases=[pulumi.Alias(name="raw")]' in lost.instead
    assert "landing" in lost.instead


def test_the_worst_comes_first() -> None:
    before = graph(resource(BUCKET, "lost"), resource(NODES, "nodes", inputs={"diskSize": 20}))
    after = graph(resource(ROLE, "new"), resource(NODES, "nodes", inputs={"diskSize": 40}))
    assert [change.danger for change in classify(before, after).changes] == [Danger.LOSS, Danger.STOPS, Danger.NONE]


def test_another_address_range_of_the_network_is_followed_to_the_data_that_stands_in_it() -> None:
    after = platform("prod", {"network": {"cidr": "10.77.0.0/16"}})
    changes = classify(tier_graph("prod"), after)
    by_name = {change.node.name: change for change in changes.changes}
    assert by_name["network-vpc"].kind is Kind.REPLACE
    brokers = by_name["data-pipeline-brokers"]
    assert (brokers.kind, brokers.danger) == (Kind.REPLACE, Danger.LOSS)
    assert any("network-private-0 is replaced" in one.note for one in brokers.replacing)


@pytest.mark.parametrize(("identifier", "kind"), [("mlops", Kind.UPDATE), ("", Kind.REPLACE)])
def test_a_new_kubeconfig_is_another_cluster_unless_its_identifier_says_otherwise(identifier: str, kind: Kind) -> None:
    before, after = (
        resource("pulumi:providers:kubernetes", inputs={"kubeconfig": text, "clusterIdentifier": identifier})
        for text in ("one", "two")
    )
    assert change_of(before, after).kind is kind


@pytest.mark.parametrize("tier", ["prod", "enterprise"])
def test_a_tier_against_itself_changes_nothing(tier: str) -> None:
    assert classify(tier_graph(tier), tier_graph(tier)).changes == ()


def test_another_stream_variant_costs_the_first_one_s_topics() -> None:
    after = platform("prod", {"data_pipeline": {"kind": "kinesis"}})
    losses = classify(tier_graph("prod"), after).of(Danger.LOSS)
    assert "data-pipeline-brokers" in {change.node.name for change in losses}
    assert all(change.kind is Kind.DELETE for change in losses)


def test_a_deployed_stack_with_real_ids_and_filled_in_defaults_is_the_same_stack() -> None:
    key = resource(KEY, "keys-data", inputs={"enableKeyRotation": True}, outputs={"arn": "arn:aws:kms:::key/planned"})
    repository = resource(
        REPOSITORY, inputs={"name": "models", "encryptionConfigurations": [{"kmsKey": "arn:aws:kms:::key/planned"}]}
    )
    bucket = resource(BUCKET, "storage-raw", inputs={"forceDestroy": False}, outputs={"bucket": "storage-raw-planned"})
    root = f"{STACK}pulumi:pulumi:Stack::mlops-prod"

    def row(node: Node, **changed: object) -> dict[str, object]:
        common = {"urn": node.urn, "type": node.type, "custom": True, "parent": root, "outputs": {}}
        return {**common, "inputs": node.inputs, **changed}

    rows = [
        {"urn": root, "type": "pulumi:pulumi:Stack"},
        row(key, id="real-key-id", outputs={"arn": "arn:aws:kms:::key/real"}),
        row(
            repository,
            id="models",
            inputs={
                "__defaults": [],
                "name": "models",
                "encryptionConfigurations": [{"kmsKey": "arn:aws:kms:::key/real"}],
            },
        ),
        row(
            bucket,
            id="storage-raw-1a2b3c4",
            inputs={"__defaults": ["bucket"], "bucket": "storage-raw-1a2b3c4", "forceDestroy": False},
            outputs={"bucket": "storage-raw-1a2b3c4"},
        ),
    ]
    state = from_export({"version": 3, "deployment": {"resources": rows}})
    assert classify(state, graph(key, repository, bucket), deployed=True).changes == ()


def test_what_somebody_tainted_is_replaced() -> None:
    node = resource(DATABASE)
    change = change_of(replace(node, tainted=True), node)
    assert (change.kind, change.danger) == (Kind.REPLACE, Danger.LOSS)
    assert "untaint" in change.replacing[0].note
