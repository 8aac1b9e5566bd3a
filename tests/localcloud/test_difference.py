"""What a change of inputs means: an update, or a new resource, and which of the two goes first."""

import json
from typing import Any

import pytest

from localcloud.difference import (
    InputDifference,
    aws_difference,
    kubernetes_difference,
    kubernetes_provider_difference,
)
from localcloud.fakes import Place
from mlops.plan.values import UNKNOWN

NOWHERE = Place()


def of_aws(type_: str, old: dict[str, Any], new: dict[str, Any]) -> InputDifference:
    return aws_difference(type_, old, new, {"tagsAll": new.get("tags") or {}}, NOWHERE)


@pytest.mark.parametrize(
    ("type_", "old", "new", "replacing"),
    [
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, ("cidrBlock",)),
        ("aws:ec2/vpc:Vpc", {"enableDnsHostnames": False}, {"enableDnsHostnames": True}, ()),
        ("aws:s3/bucket:Bucket", {"bucket": "a"}, {"bucket": "b"}, ("bucket",)),
        ("aws:eks/cluster:Cluster", {"version": "1.34"}, {"version": "1.35"}, ()),
        ("aws:eks/nodeGroup:NodeGroup", {"subnetIds": ["a"]}, {"subnetIds": ["a", "b"]}, ("subnetIds",)),
        (
            "aws:eks/nodeGroup:NodeGroup",
            {"launchTemplate": {"id": "a", "version": "1"}},
            {"launchTemplate": {"id": "a", "version": "2"}},
            (),
        ),
        (
            "aws:eks/nodeGroup:NodeGroup",
            {"launchTemplate": {"id": "a"}},
            {"launchTemplate": {"id": "b"}},
            ("launchTemplate.id",),
        ),
        ("aws:rds/instance:Instance", {"multiAz": False}, {"multiAz": True}, ()),
        ("aws:rds/instance:Instance", {"storageEncrypted": False}, {"storageEncrypted": True}, ("storageEncrypted",)),
        ("aws:kinesis/stream:Stream", {"region": "eu-west-1"}, {"region": "us-east-1"}, ("region",)),
        ("aws:xray/group:Group", {"groupName": "a"}, {"groupName": "b"}, ("groupName",)),
        ("aws:nobody/thing:Thing", {"name": "a"}, {"name": "b"}, ("name",)),
    ],
)
def test_which_changes_make_a_new_aws_resource(
    type_: str, old: dict[str, Any], new: dict[str, Any], replacing: tuple[str, ...]
) -> None:
    assert of_aws(type_, old, new).replacing == replacing


def test_no_change_is_none() -> None:
    assert of_aws("aws:ec2/vpc:Vpc", {"cidrBlock": "x"}, {"cidrBlock": "x"}) == InputDifference()


def test_a_changed_default_tag_is_an_update_of_everything_that_takes_tags() -> None:
    inputs = {"cidrBlock": "10.0.0.0/16"}
    outputs = {"tagsAll": {"Owner": "a"}}
    changed = aws_difference("aws:ec2/vpc:Vpc", inputs, inputs, outputs, Place(default_tags={"Owner": "b"}))
    assert (changed.changed, changed.replacing) == (("tagsAll",), ())
    rule = "aws:s3/bucketPolicy:BucketPolicy"
    assert aws_difference(rule, inputs, inputs, {}, Place(default_tags={"Owner": "b"})) == InputDifference()


def test_a_given_name_is_freed_before_the_successor_takes_it_and_a_generated_one_is_not() -> None:
    given = of_aws("aws:iam/role:Role", {"name": "r", "path": "/"}, {"name": "r", "path": "/p/"})
    assert given.delete_first
    generated = of_aws("aws:iam/role:Role", {"path": "/"}, {"path": "/p/"})
    assert generated.replacing == ("path",)
    assert not generated.delete_first


@pytest.mark.parametrize(
    ("kind", "old", "new", "replacing"),
    [
        ("apps/v1:Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, ()),
        (
            "apps/v1:Deployment",
            {"spec": {"selector": {"a": "b"}}},
            {"spec": {"selector": {"a": "c"}}},
            ("spec.selector.a",),
        ),
        ("core/v1:ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, ("data.a",)),
        ("core/v1:ConfigMap", {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, ("metadata.name",)),
        ("batch/v1:Job", {"spec": {"template": {"x": 1}}}, {"spec": {"template": {"x": 2}}}, ("spec.template.x",)),
        ("helm.sh/v3:Release", {"values": {"a": 1}}, {"values": {"a": 2}}, ()),
        ("helm.sh/v3:Release", {"namespace": "a"}, {"namespace": "b"}, ("namespace",)),
    ],
)
def test_which_changes_make_a_new_kubernetes_object(
    kind: str, old: dict[str, Any], new: dict[str, Any], replacing: tuple[str, ...]
) -> None:
    assert kubernetes_difference(f"kubernetes:{kind}", old, new).replacing == replacing


def provider(server: str, token: str = "a", pin: str | None = None) -> dict[str, Any]:
    """Inputs of a Kubernetes provider."""
    cluster = {"name": "k", "cluster": {"server": server, "certificate-authority-data": "CA"}}
    config = {
        "clusters": [cluster],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "current-context": "c",
    }
    text = UNKNOWN if server == UNKNOWN else json.dumps(config)
    return {"kubeconfig": text, **({"clusterIdentifier": pin} if pin else {})}


@pytest.mark.parametrize(
    ("old", "new", "replacing"),
    [
        (provider("https://a"), provider("https://a", token="b"), ()),
        (provider("https://a"), provider("https://b"), ("kubeconfig",)),
        (provider("https://a"), provider(UNKNOWN), ("kubeconfig",)),
        (provider("https://a", pin="one"), provider("https://b", pin="one"), ()),
        (provider("https://a", pin="one"), provider(UNKNOWN, pin="one"), ()),
        (provider("https://a", pin="one"), provider("https://a", pin="two"), ("clusterIdentifier",)),
        (provider("https://a", pin="one"), provider("https://a", pin=UNKNOWN), ("clusterIdentifier",)),
        (provider("https://a"), provider("https://a", pin="one"), ()),
        (provider("https://a", pin="one"), provider("https://a"), ()),
        (provider("https://a"), provider("https://b", pin="one"), ("kubeconfig",)),
    ],
)
def test_only_another_cluster_replaces_what_runs_on_it_and_a_pin_says_which_it_is(
    old: dict[str, Any], new: dict[str, Any], replacing: tuple[str, ...]
) -> None:
    assert kubernetes_provider_difference(old, new).replacing == replacing
