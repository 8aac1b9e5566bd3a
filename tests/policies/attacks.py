"""Ways to write the same thing otherwise, and ways to undo what is right, for any resource.

Each takes resources and gives others. `RESPELT`, `RENAMED` and `MOVED` change nothing that AWS or Kubernetes would do:
what broke a rule still breaks it. None knows a rule.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN

Nodes = tuple[Node, ...]
Change = Callable[[str, Any], Any]
"""Key and value -> the value as it is written otherwise."""
FREE = ("tags", "variables", "parameters", "labels", "annotations", "data", "stringData", "environment")


def every(nodes: Nodes, change: Change, *, kubernetes: bool = False) -> Nodes:
    """Resources with each value of their inputs changed, the innermost first."""
    return tuple(
        replace(node, inputs=walked(node.inputs, change)) if kubernetes or node.package == "aws" else node
        for node in nodes
    )


def walked(value: Any, change: Change, key: str = "") -> Any:
    if key in FREE:
        return value
    if isinstance(value, Mapping):
        value = {name: walked(item, change, name) for name, item in value.items()}
    elif isinstance(value, list):
        value = [walked(item, change, key) for item in value]
    return change(key, value)


def flags_as_text(nodes: Nodes) -> Nodes:
    return every(nodes, lambda _, value: str(value).lower() if isinstance(value, bool) else value)


def numbers_as_text(nodes: Nodes) -> Nodes:
    def change(_: str, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return every(nodes, change)


def protocols(spell: Callable[[str], str]) -> Callable[[Nodes], Nodes]:
    names = ("protocol", "ipProtocol", "action", "ruleAction")

    def attack(nodes: Nodes) -> Nodes:
        inside = tuple(node for node in nodes if "ec2/" in node.type or "vpc/" in node.type)
        changed = every(inside, lambda key, value: spell(str(value)) if key in names else value)
        return tuple(next((one for one in changed if one.urn == node.urn), node) for node in nodes)

    return attack


def _number(name: str) -> str:
    return {"tcp": "6", "udp": "17", "-1": "all"}.get(name, name)


RESPELT: Mapping[str, Callable[[Nodes], Nodes]] = {
    "flags as text": flags_as_text,
    "numbers as text": numbers_as_text,
    "protocols in capitals": protocols(str.upper),
    "protocols with a capital": protocols(str.title),
    "protocols by number": protocols(_number),
}


def _retyped(names: Mapping[str, str]) -> Callable[[Nodes], Nodes]:
    return lambda nodes: tuple(replace(node, type=names.get(node.type, node.type)) for node in nodes)


_BUCKET_PARTS = ("bucketAcl:BucketAcl", "bucketVersioning:BucketVersioning", "bucketLogging:BucketLogging")
RENAMED: Mapping[str, Callable[[Nodes], Nodes]] = {
    "load balancers of another module": lambda nodes: tuple(
        replace(node, type=node.type.replace("aws:lb/", "aws:alb/")) for node in nodes
    ),
    "buckets of the second version": _retyped(
        {
            "aws:s3/bucket:Bucket": "aws:s3/bucketV2:BucketV2",
            **{f"aws:s3/{part}": f"aws:s3/{part.replace(':', 'V2:')}V2" for part in _BUCKET_PARTS},
        }
    ),
    "the default network ACL": _retyped(
        {"aws:ec2/networkAcl:NetworkAcl": "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"}
    ),
    "older versions of Kubernetes": _retyped(
        {
            "kubernetes:rbac.authorization.k8s.io/v1:Role": "kubernetes:rbac.authorization.k8s.io/v1beta1:Role",
            "kubernetes:networking.k8s.io/v1:Ingress": "kubernetes:extensions/v1beta1:Ingress",
            "kubernetes:storage.k8s.io/v1:StorageClass": "kubernetes:storage.k8s.io/v1beta1:StorageClass",
        }
    ),
}
"""Other names of the same types."""


def separate_rules(nodes: Nodes) -> Nodes:
    """What a security group opens, as resources of their own."""
    found: list[Node] = []
    for node in nodes:
        rows = node.inputs.get("ingress") if node.type == "aws:ec2/securityGroup:SecurityGroup" else None
        if not isinstance(rows, list):
            found.append(node)
            continue
        found.append(replace(node, inputs={**node.inputs, "ingress": []}))
        for index, row in enumerate(rows):
            inputs = {**row, "type": "ingress", "securityGroupId": UNKNOWN, "description": "it"}
            made = replace(node, urn=f"{node.urn}-{index}", type="aws:ec2/securityGroupRule:SecurityGroupRule")
            found.append(replace(made, inputs=inputs, property_dependencies={"securityGroupId": (node.urn,)}))
    return tuple(found)


def inline_policy(nodes: Nodes) -> Nodes:
    """A role's policies in the role itself."""
    return tuple(
        replace(node, type="aws:iam/role:Role", inputs={"inlinePolicies": [{"policy": node.inputs.get("policy")}]})
        if node.type in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
        else node
        for node in nodes
    )


def in_the_bucket(nodes: Nodes) -> Nodes:
    """Policies and lists of access in the bucket itself."""
    moved = {"aws:s3/bucketPolicy:BucketPolicy": "policy", "aws:s3/bucketAcl:BucketAcl": "acl"}
    found = list(nodes)
    for node in nodes:
        key = moved.get(node.type)
        if key and key in node.inputs:
            owners = [urn for urn in node.property_dependencies.get("bucket", ()) if urn in {one.urn for one in found}]
            inputs = {key: node.inputs[key]}
            found.remove(node)
            if owners:
                place = next(at for at, one in enumerate(found) if one.urn == owners[0])
                found[place] = replace(found[place], inputs={**found[place].inputs, **inputs})
            else:
                found.append(replace(node, type="aws:s3/bucket:Bucket", inputs=inputs))
    return tuple(found)


MOVED: Mapping[str, Callable[[Nodes], Nodes]] = {
    "rules of a security group beside it": separate_rules,
    "policies in the role": inline_policy,
    "settings in the bucket": in_the_bucket,
}


def keys_of_aws(nodes: Nodes, spelling: str) -> Nodes:
    """Every key replaced."""

    def change(key: str, value: Any) -> Any:
        names = key.lower()
        is_key = "kms" in names or names in ("keyarn", "kmskey", "kmskeyid")
        return spelling if is_key and isinstance(value, str) and value and value != UNKNOWN else value

    inside = (every((node,), change, kubernetes=True)[0] for node in nodes)
    free = ("kubernetes:storage.k8s.io/v1:StorageClass",)
    return tuple(
        replace(node, inputs={**node.inputs, "parameters": walked(node.inputs["parameters"], change)})
        if node.type in free and isinstance(node.inputs.get("parameters"), Mapping)
        else node
        for node in inside
    )


Path = tuple[str | int, ...]


def scalars(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The paths of all values that hold no others, with the values."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from scalars(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from scalars(item, (*path, index))
    elif path and value != UNKNOWN:
        yield path, value


def others(value: Any) -> tuple[Any, ...]:
    """Other values of the same kind."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value - 1, value + 1, -1, 0)
    return ("another",)


def edited(value: Any, path: Path, put: Any) -> Any:
    """A structure with another value at a path."""
    step, *rest = path
    items: dict[Any, Any] = dict(enumerate(value)) if isinstance(value, list) else dict(value)
    items[step] = edited(items[step], tuple(rest), put) if rest else put
    return list(items.values()) if isinstance(value, list) else items
