"""Settings that one resource states for another: a bucket's own policy, list of access, versions and logs.

The AWS provider takes them in the bucket as well as in resources beside it. Rules look at the resources beside it, so
those in the bucket come out as such.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops.plan.behind import Part
from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN

BUCKET = "aws:s3/bucket:Bucket"


def stated(node: Node) -> Iterator[Part]:
    """The resources that a bucket states in itself; an empty setting states nothing."""
    if node.type != BUCKET:
        return
    for key, (type_, inputs, places) in _BUCKET.items():
        value = node.inputs.get(key)
        if value not in (None, "", [], {}):
            yield _part(node, key, type_, inputs(value), places)
    if node.inputs.get("acl") in (None, "") and node.inputs.get("grants"):
        grants = {"accessControlPolicy": {"grants": _grants(node.inputs["grants"])}}
        yield _part(node, "grants", "bucketAcl:BucketAcl", grants, {"accessControlPolicy.grants": "grants"})


def _part(node: Node, key: str, type_: str, inputs: Mapping[str, Any], places: Mapping[str, str]) -> Part:
    made = replace(
        node,
        urn=f"{node.urn}#{key}",
        type=f"aws:s3/{type_}",
        id="",
        inputs={"bucket": UNKNOWN, **inputs},
        outputs={},
        # The bucket's other references are its settings' too.
        property_dependencies={
            "bucket": (node.urn,),
            **{name: node.property_dependencies.get(key, ()) for name in inputs},
        },
    )
    return Part(node=made, places={**places, "": key})


def _known(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader of a structure; one that is not known stays so."""
    return lambda value: read(value) if isinstance(value, Mapping | list) else UNKNOWN


def _versions(value: Any) -> Any:
    enabled = value.get("enabled")
    return {"status": UNKNOWN if enabled == UNKNOWN else "Enabled" if enabled in (True, "true") else "Suspended"}


def _lifecycle(rules: Any) -> Any:
    return [_lifecycle_rule(rule) if isinstance(rule, Mapping) else rule for rule in rules]


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    enabled = rule.get("enabled")
    old = rule.get("noncurrentVersionExpiration")
    days = {"noncurrentDays": old.get("days")} if isinstance(old, Mapping) else old
    status = UNKNOWN if enabled == UNKNOWN else "Enabled" if enabled in (True, "true") else "Disabled"
    return {**rule, "status": status, **({"noncurrentVersionExpiration": days} if old is not None else {})}


def _grants(value: Any) -> Any:
    if not isinstance(value, list):
        return UNKNOWN
    return [{"grantee": {"uri": row.get("uri", "")}} if isinstance(row, Mapping) else row for row in value]


_Setting = tuple[str, Callable[[Any], Mapping[str, Any]], Mapping[str, str]]
_BUCKET: Mapping[str, _Setting] = {
    "policy": ("bucketPolicy:BucketPolicy", lambda value: {"policy": value}, {}),
    "acl": ("bucketAcl:BucketAcl", lambda value: {"acl": value}, {}),
    "versioning": (
        "bucketVersioning:BucketVersioning",
        lambda value: {"versioningConfiguration": _known(_versions)(value)},
        {"versioningConfiguration.status": "versioning.enabled"},
    ),
    "serverSideEncryptionConfiguration": (
        "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        lambda value: {"rules": _known(lambda one: [one.get("rule", UNKNOWN)])(value)},
        {"rules[0]": "serverSideEncryptionConfiguration.rule"},
    ),
    "logging": ("bucketLogging:BucketLogging", lambda value: value if isinstance(value, Mapping) else {}, {}),
    "lifecycleRules": (
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lambda value: {"rules": _known(_lifecycle)(value)},
        {"rules": "lifecycleRules"},
    ),
    "objectLockConfiguration": (
        "bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        lambda value: {"rule": _known(lambda one: one.get("rule") or {})(value)},
        {"rule": "objectLockConfiguration.rule"},
    ),
}
"""Setting of a bucket -> the resource that states the same, its inputs, and where what it says stands in the bucket."""
