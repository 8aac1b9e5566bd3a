"""A renamed resource with an alias is the same resource, and so is what refers to it."""

from dataclasses import replace

from mlops.change.classify import classify
from mlops.change.model import Kind
from mlops.plan.graph import Node
from tests.change.graphs import BUCKET, KEY, REPOSITORY, STACK, STORAGE, graph, resource

LAKE = "mlops:index:Lake"


def alias(node: Node) -> tuple[str, ...]:
    return (node.urn,)


def test_a_rename_with_an_alias_is_no_change() -> None:
    before = resource(BUCKET, "raw", inputs={"forceDestroy": False})
    after = resource(BUCKET, "landing", inputs={"forceDestroy": False}, aliases=alias(before))
    assert classify(graph(before), graph(after)).changes == ()


def test_a_rename_without_one_deletes_and_adds() -> None:
    changes = classify(graph(resource(BUCKET, "raw")), graph(resource(BUCKET, "landing"))).changes
    assert {change.kind for change in changes} == {Kind.DELETE, Kind.ADD}


def test_a_renamed_resource_that_also_changes_says_what_it_was() -> None:
    before = resource(BUCKET, "raw", inputs={"forceDestroy": False})
    after = resource(BUCKET, "landing", inputs={"forceDestroy": True}, aliases=alias(before))
    (change,) = classify(graph(before), graph(after)).changes
    assert (change.kind, change.former_name) == (Kind.UPDATE, "raw")


def test_children_follow_a_renamed_parent() -> None:
    old = resource(STORAGE, "storage")
    new = resource(LAKE, "lake", aliases=alias(old))
    before = graph(old, resource(BUCKET, "storage-raw", parent=old))
    for name in ("storage-raw", "lake-raw"):
        assert classify(before, graph(new, resource(BUCKET, name, parent=new))).changes == ()


def test_what_refers_to_a_renamed_key_is_not_touched() -> None:
    def repository(key: Node) -> Node:
        inputs = {"name": "models", "encryptionConfigurations": [{"kmsKey": key.outputs["arn"]}]}
        return resource(REPOSITORY, inputs=inputs, property_dependencies={"encryptionConfigurations": (key.urn,)})

    old = resource(KEY, "keys-data", outputs={"arn": "arn:aws:kms:us-east-1:1:key/one"})
    new = resource(KEY, "keys-lake", outputs={"arn": "arn:aws:kms:us-east-1:1:key/two"}, aliases=alias(old))
    assert classify(graph(old, repository(old)), graph(new, repository(new))).changes == ()


def test_a_moved_resource_keeps_its_identity_by_the_urn_of_its_alias() -> None:
    parent = resource(STORAGE, "storage")
    before = resource(BUCKET, "raw")
    after = resource(BUCKET, "raw", parent=parent, aliases=(f"{STACK}{BUCKET}::raw",))
    changes = classify(graph(before), graph(parent, after)).changes
    assert changes == ()


def test_an_alias_of_what_still_exists_takes_nothing_away() -> None:
    first = resource(BUCKET, "raw")
    second = resource(BUCKET, "copy", aliases=alias(first))
    (change,) = classify(graph(first), graph(first, second)).changes
    assert (change.kind, change.node.name) == (Kind.ADD, "copy")
    assert classify(graph(first), graph(replace(first))).changes == ()
