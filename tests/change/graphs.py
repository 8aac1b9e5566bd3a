"""Small graphs for tests of changes."""

from dataclasses import replace
from typing import Any

from mlops.plan.graph import Graph, Node

STACK = "urn:pulumi:prod::mlops::"
BUCKET, KEY, DATABASE = "aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:rds/instance:Instance"
REPOSITORY, NODES, ROLE = "aws:ecr/repository:Repository", "aws:eks/nodeGroup:NodeGroup", "aws:iam/role:Role"
POLICY, VPC = "aws:s3/bucketPolicy:BucketPolicy", "aws:ec2/vpc:Vpc"
STORAGE = "mlops:index:Storage"


def resource(type_: str, name: str = "it", *, parent: Node | None = None, **options: Any) -> Node:
    """A resource with its URN; `inputs` and other fields of a node are options."""
    line = f"{parent.key.partition('::')[0]}$" if parent else ""
    custom = not type_.startswith("mlops:")
    node = Node(
        urn=f"{STACK}{line}{type_}::{name}",
        type=type_,
        name=name,
        parent=parent.urn if parent else "",
        custom=custom,
        id=f"{name}-0123456789" if custom else "",
    )
    return replace(node, **options)


def graph(*nodes: Node) -> Graph:
    return Graph(project="mlops", stack="prod", nodes=nodes)


def nested(path: str, value: Any) -> dict[str, Any]:
    """Inputs with a value at a dotted path."""
    top, _, rest = path.partition(".")
    return {top: nested(rest, value) if rest else value}
