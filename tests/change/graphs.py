"""Small graphs for tests of changes."""

from dataclasses import replace
from typing import Any

from mlops.plan.graph import Graph, Node
from tests import nodes

STACK = "urn:pulumi:prod::mlops::"
BUCKET, KEY, DATABASE = "aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:rds/instance:Instance"
REPOSITORY, NODES, ROLE = "aws:ecr/repository:Repository", "aws:eks/nodeGroup:NodeGroup", "aws:iam/role:Role"
POLICY, VPC = "aws:s3/bucketPolicy:BucketPolicy", "aws:ec2/vpc:Vpc"
STORAGE = "mlops:index:Storage"


def resource(type_: str, name: str = "it", *, parent: Node | None = None, **options: Any) -> Node:
    """A resource of a deployed stack; `inputs` and other fields of a node are options."""
    deployed: dict[str, Any] = {} if type_.startswith("mlops:") else {"id": f"{name}-0123456789"}
    return replace(nodes.resource(type_, name=name, parent=parent, stack="prod", **deployed), **options)


def graph(*resources: Node) -> Graph:
    return nodes.graph(*resources, stack="prod")


def nested(path: str, value: Any) -> dict[str, Any]:
    """Inputs with a value at a dotted path."""
    top, _, rest = path.partition(".")
    return {top: nested(rest, value) if rest else value}
