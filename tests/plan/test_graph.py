"""The graph: navigation, order, differences, and the three places that it is read from."""

import json
from typing import Any

import pytest

from mlops.plan.graph import PLATFORM_TYPE, Graph, Node, difference, from_export, from_preview, is_default_provider
from mlops.plan.recorder import record
from mlops.plan.values import SIGNATURE, UNKNOWN_VALUE, Signature, masked, normalise, unwrapped
from tests.plan.programs import PROJECT, STACK, flat

ROOT = f"urn:pulumi:{STACK}::{PROJECT}::"
STACK_URN = f"{ROOT}pulumi:pulumi:Stack::{PROJECT}-{STACK}"


def node(name: str, parent: str = "", type_: str = "aws:s3/bucket:Bucket", **more: Any) -> Node:
    return Node(urn=f"{ROOT}{type_}::{name}", type=type_, name=name, parent=parent, **more)


def graph(*nodes: Node, stack: str = STACK) -> Graph:
    return Graph(project=PROJECT, stack=stack, nodes=nodes)


def test_a_graph_survives_being_written_as_json() -> None:
    recorded = record(flat(), project=PROJECT, stack=STACK, config={})
    assert Graph.from_json(json.loads(json.dumps(recorded.to_json()))) == recorded


def test_a_resource_belongs_to_the_module_under_the_platform() -> None:
    platform = node("platform", type_=PLATFORM_TYPE, custom=False)
    storage = node("storage", platform.urn, "mlops:index:Storage", custom=False)
    lake = node("lake", storage.urn, "mlops:index:Lake", custom=False)
    bucket = node("bucket", lake.urn)
    provider = node("aws", type_="pulumi:providers:aws")
    whole = graph(provider, platform, storage, lake, bucket)
    assert [whole.module(each) for each in whole] == ["", "", "storage", "storage", "storage"]


def test_children_and_ancestors_are_found_from_either_side() -> None:
    outer = node("outer", type_="mlops:index:Outer", custom=False)
    inner = node("inner", outer.urn)
    whole = graph(outer, inner)
    assert whole.children() == (outer,)
    assert whole.children(outer.urn) == (inner,)
    assert list(whole.ancestors(inner)) == [outer]
    assert whole[inner.urn] is inner
    assert "urn:of:nobody" not in whole


def test_what_is_needed_comes_first_whatever_the_order_of_registration() -> None:
    last = node("last", dependencies=(f"{ROOT}aws:s3/bucket:Bucket::first",))
    first = node("first")
    assert graph(last, first).topological() == (first, last)


def test_resources_that_need_each_other_are_named() -> None:
    one = node("one", dependencies=(f"{ROOT}aws:s3/bucket:Bucket::two",))
    two = node("two", dependencies=(f"{ROOT}aws:s3/bucket:Bucket::one",))
    with pytest.raises(ValueError, match="depend on each other: one, two"):
        graph(one, two).topological()


def test_the_difference_of_two_stacks_does_not_stumble_over_their_names() -> None:
    here = node("lake", inputs={"tags": {"Owner": "a"}, "key": f"{ROOT}aws:kms/key:Key::key"})
    there = Node(
        urn=here.urn.replace(f":{STACK}::", ":prod::"),
        type=here.type,
        name=here.name,
        inputs={"tags": {"Owner": "b"}, "key": "urn:pulumi:prod::flat::aws:kms/key:Key::key"},
        protect=True,
    )
    found = difference(graph(here, node("gone")), graph(there, node("new"), stack="prod"))
    assert [each.name for each in found.added] == ["new"]
    assert [each.name for each in found.removed] == ["gone"]
    (changed,) = found.changed
    assert [(change.path, change.before, change.after) for change in changed.changes] == [
        ("tags.Owner", "a", "b"),
        ("protect", False, True),
    ]


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("pulumi:providers:eks::default_4_4_0", True),
        ("pulumi:providers:pulumi::default", True),
        ("pulumi:providers:aws::aws", False),
        ("mlops:index:Cluster$pulumi:providers:kubernetes::default-cluster", False),
        ("aws:ec2/vpc:Vpc::default", False),
    ],
)
def test_the_providers_that_the_engine_adds_for_itself_are_told_apart(key: str, default: bool) -> None:
    assert is_default_provider(f"{ROOT}{key}") is default


def test_a_graph_does_not_differ_from_itself() -> None:
    assert not difference(graph(node("lake")), graph(node("lake")))


def exported(**more: Any) -> dict[str, Any]:
    bucket = {
        "urn": f"{ROOT}aws:s3/bucket:Bucket::lake",
        "type": "aws:s3/bucket:Bucket",
        "custom": True,
        "id": "lake-1",
        "parent": STACK_URN,
        "inputs": {"size": 1.0, "token": {SIGNATURE: Signature.SECRET, "ciphertext": "v1:abc"}},
        "provider": f"{ROOT}pulumi:providers:aws::aws::some-id",
        "propertyDependencies": {"size": None, "token": [f"{ROOT}x::y"]},
        **more,
    }
    stack = {"urn": STACK_URN, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"bucket": "lake-1"}}
    return {"version": 3, "deployment": {"resources": [stack, bucket]}}


def test_a_state_is_read_without_its_secrets_and_with_whole_numbers() -> None:
    read = from_export(exported())
    (bucket,) = read
    assert (read.project, read.stack, read.stack_outputs) == (PROJECT, STACK, {"bucket": "lake-1"})
    assert bucket.inputs == {"size": 1, "token": "[secret]"}
    assert bucket.parent == ""
    assert bucket.provider == f"{ROOT}pulumi:providers:aws::aws"
    assert bucket.property_dependencies == {"token": (f"{ROOT}x::y",)}


def test_what_waits_for_its_deletion_is_not_in_the_graph_of_a_state() -> None:
    assert len(from_export(exported(delete=True))) == 0


def test_an_empty_state_is_an_empty_graph() -> None:
    assert len(from_export({"version": 3, "deployment": {}})) == 0


def test_a_preview_tells_what_will_be_and_leaves_out_what_goes() -> None:
    stack, bucket = exported()["deployment"]["resources"]
    gone = {"urn": f"{ROOT}aws:s3/bucket:Bucket::gone", "op": "delete"}
    steps = [{"op": "create", "urn": row["urn"], "newState": row} for row in (stack, bucket)]
    assert [each.name for each in from_preview({"steps": [*steps, gone]})] == ["lake"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({SIGNATURE: Signature.SECRET, "value": "hunter2"}, "[secret]"),
        ({SIGNATURE: Signature.RESOURCE, "urn": "urn:x", "id": "1"}, "urn:x"),
        ({SIGNATURE: Signature.OUTPUT, "value": [1.0], "dependencies": []}, [1]),
        ({SIGNATURE: Signature.OUTPUT, "value": "hunter2", "secret": True}, "[secret]"),
        ({SIGNATURE: Signature.OUTPUT, "dependencies": []}, "[unknown]"),
        ({SIGNATURE: Signature.ARCHIVE, "hash": "abc", "path": "", "assets": {}}, {"hash": "abc"}),
        ({"a": UNKNOWN_VALUE, "b": None, "c": 1.5}, {"a": "[unknown]", "c": 1.5}),
    ],
)
def test_marked_values_become_plain_json(value: object, expected: object) -> None:
    assert normalise(value) == expected


def test_a_secret_mapping_can_be_shown_with_its_keys_or_handed_on_in_clear() -> None:
    value = {"data": {SIGNATURE: Signature.SECRET, "value": {"password": "hunter2"}}, "kind": "Secret"}
    assert masked(value) == {"data": {"password": "[secret]"}, "kind": "Secret"}
    assert unwrapped(value) == {"data": {"password": "hunter2"}, "kind": "Secret"}
