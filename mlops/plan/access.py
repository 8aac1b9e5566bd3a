"""Who may do what on which resource, read from the policies in a graph.

Identity policies (of roles) and resource policies (of buckets, keys, repositories) both count. Denials are left
out: they narrow every right in the same way. So is the statement that lets IAM of the account decide.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops.plan.graph import Graph, Node
from mlops.plan.people import rights_of_people
from mlops.plan.reading import reading

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
POLICY = "aws:iam/policy:Policy"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ADDON = "aws:eks/addon:Addon"

_POD_IDENTITY_SERVICE = "pods.eks.amazonaws.com"
_KAFKA_PART = re.compile(r"^(arn:[^:]+:kafka:.*?):(?:topic|group|transactional-id)/")


@dataclass(frozen=True, kw_only=True, order=True)
class Principal:
    """Who: a person (`role/NAME` of IAM), a Kubernetes service account (`namespace/name`), an AWS service, or whoever
    comes through a service."""

    kind: Literal["person", "service account", "AWS service", "through a service"]
    name: str


@dataclass(frozen=True, kw_only=True)
class Right:
    """What one principal may do on one resource, all its policies taken together."""

    principal: Principal
    role: str
    """Logical name of the IAM role, or of what binds a person to a role of Kubernetes; empty where the resource's own
    policy lets the principal in."""
    module: str
    """Module of the role, or of the resource policy."""
    resource: str
    """Logical name of the resource; the ARN or pattern itself where the stack holds no such resource."""
    resource_type: str
    actions: tuple[str, ...]
    """IAM actions, sorted; `managed:NAME` stands for all that an AWS managed policy allows."""
    conditional: bool
    """Every statement that grants it carries a condition."""


@dataclass(frozen=True)
class _Statement:
    """One resource of one Allow statement, for one principal."""

    principal: Principal
    role: str
    module: str
    resource: str
    actions: tuple[str, ...]
    conditional: bool


def rights(graph: Graph) -> tuple[Right, ...]:
    """Every right in the graph, by principal and resource."""
    index = _Index(graph)
    grouped: dict[tuple[Principal, str, str, str, str], list[_Statement]] = defaultdict(list)
    for statement in (*_from_roles(graph, index), *_from_resource_policies(graph, index)):
        resource = index.resource(statement.resource)
        name, type_ = (resource.name, resource.type) if resource else (statement.resource, "")
        grouped[(statement.principal, statement.role, statement.module, name, type_)].append(statement)
    found = [
        Right(
            principal=principal,
            role=role,
            module=module,
            resource=name,
            resource_type=type_,
            actions=tuple(sorted({action for one in statements for action in one.actions})),
            conditional=all(one.conditional for one in statements),
        )
        for (principal, role, module, name, type_), statements in grouped.items()
    ]
    return tuple(sorted([*found, *_of_people(graph)], key=lambda right: (right.principal, right.role, right.resource)))


def _of_people(graph: Graph) -> Iterator[Right]:
    for principal, granted_by, module, namespace, action in rights_of_people(graph):
        yield Right(
            principal=Principal(kind="person", name=principal),
            role=granted_by,
            module=module,
            resource=namespace,
            resource_type="",
            actions=(action,),
            conditional=False,
        )


class _Index:
    """Resources by what policies call them: ARN, id."""

    def __init__(self, graph: Graph) -> None:
        self._by_id: dict[str, Node] = {}
        self._by_arn: dict[str, Node] = {}
        for node in graph:
            if node.custom and node.package == "aws":
                self._by_id.setdefault(node.id, node)
                arn = node.outputs.get("arn")
                # Sub-resources repeat the ARN of what they belong to, and come after it.
                if isinstance(arn, str) and arn.startswith("arn:"):
                    self._by_arn.setdefault(arn, node)

    def resource(self, pattern: str) -> Node | None:
        """The resource that an ARN or a pattern below one names: the longest match."""
        pattern = _KAFKA_PART.sub(r"\1:cluster/", pattern)
        while pattern:
            if found := self._by_arn.get(pattern):
                return found
            pattern = pattern[: max(pattern.rfind("/"), pattern.rfind(":"), 0)]
        return None

    def attached_to(self, node: Node) -> str:
        """ARN of the resource that a resource policy belongs to, found by the ids among its inputs."""
        for key, value in node.inputs.items():
            owner = self._by_id.get(value) if key != "policy" and isinstance(value, str) else None
            if owner and "arn" in owner.outputs:
                return str(owner.outputs["arn"])
            if isinstance(value, str) and value in self._by_arn:
                return value
        return node.name


def _from_roles(graph: Graph, index: _Index) -> Iterator[_Statement]:
    policies = _policies_by_role(graph)
    bound = _service_accounts_by_role_arn(graph)
    for role in graph.of_type(ROLE):
        arn = str(role.outputs.get("arn", ""))
        principals = (*bound.get(arn, ()), *_trusted(role, with_pods=arn not in bound))
        for principal in principals:
            for policy in policies.get(role.id, ()):
                for resource, actions, conditional in policy:
                    yield _Statement(principal, role.name, graph.module(role), resource, actions, conditional)


_Allowed = list[tuple[str, tuple[str, ...], bool]]
"""Resource, actions and whether under a condition, for each resource that a policy's Allow statements name."""


def _policies_by_role(graph: Graph) -> dict[str, list[_Allowed]]:
    documents = {
        str(node.outputs.get("arn")): _allowed(_statements(node.inputs.get("policy"))) for node in graph.of_type(POLICY)
    }
    found: dict[str, list[_Allowed]] = defaultdict(list)
    for node in graph.of_type(ROLE_POLICY):
        found[node.at("role").text()].append(_allowed(_statements(node.inputs.get("policy"))))
    for node in graph.of_type(ATTACHMENT):
        arn = node.at("policyArn").text()
        managed: _Allowed = [("*", (f"managed:{arn.partition(':policy/')[2]}",), False)]
        found[node.at("role").text()].append(documents.get(arn, managed))
    return found


def _service_accounts_by_role_arn(graph: Graph) -> dict[str, list[Principal]]:
    found: dict[str, list[Principal]] = defaultdict(list)
    for node in graph.of_type(ASSOCIATION):
        account = f"{node.at('namespace').text()}/{node.at('serviceAccount').text()}"
        found[node.at("roleArn").text()].append(Principal(kind="service account", name=account))
    for node in graph.of_type(ADDON):
        # EKS installs its add-ons into kube-system.
        for entry in node.at("podIdentityAssociations"):
            account = f"kube-system/{entry.at('serviceAccount').text()}"
            found[entry.at("roleArn").text()].append(Principal(kind="service account", name=account))
    return found


def _trusted(role: Node, *, with_pods: bool) -> Iterator[Principal]:
    """Who may take a role on, by its trust policy."""
    for statement in _statements(role.inputs.get("assumeRolePolicy")):
        for kind, name in _principals(statement):
            if kind == "Service" and (with_pods or name != _POD_IDENTITY_SERVICE):
                yield Principal(kind="AWS service", name=name)
            elif kind == "Federated":
                for subject in _condition_values(statement, ":sub"):
                    account = subject.removeprefix("system:serviceaccount:").replace(":", "/", 1)
                    yield Principal(kind="service account", name=account)


def _from_resource_policies(graph: Graph, index: _Index) -> Iterator[_Statement]:
    for node in graph:
        if node.package != "aws" or node.type in (ROLE_POLICY, POLICY):
            continue
        for statement in _statements(node.inputs.get("policy")):
            for principal in _let_in(statement):
                for resource, actions, conditional in _allowed([statement]):
                    named = index.attached_to(node) if resource == "*" else resource
                    yield _Statement(principal, "", graph.module(node), named, actions, conditional)


def _let_in(statement: Mapping[str, Any]) -> Iterator[Principal]:
    for kind, name in _principals(statement):
        if kind == "Service":
            yield Principal(kind="AWS service", name=name)
        elif name == "*":
            for service in _condition_values(statement, "kms:ViaService"):
                yield Principal(kind="through a service", name=service)


def _statements(document: Any) -> list[Mapping[str, Any]]:
    """The Allow statements of a policy document, given as JSON text; none for anything else."""
    try:
        content = json.loads(document) if isinstance(document, str) else document
    except json.JSONDecodeError:
        return []
    statements = content.get("Statement", ()) if isinstance(content, Mapping) else ()
    return [one for one in _listed(statements) if isinstance(one, Mapping) and one.get("Effect") == "Allow"]


def _allowed(statements: Iterable[Mapping[str, Any]]) -> _Allowed:
    return [
        (str(resource), tuple(map(str, _listed(one.get("Action", ())))), bool(one.get("Condition")))
        for one in statements
        for resource in _listed(one.get("Resource", "*"))
    ]


def _principals(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    principal = statement.get("Principal", {})
    by_kind = principal if isinstance(principal, Mapping) else {"AWS": principal}
    for kind, names in by_kind.items():
        for name in _listed(names):
            yield str(kind), str(name)


def _condition_values(statement: Mapping[str, Any], suffix: str) -> Iterator[str]:
    for operator in reading(statement).at("Condition").entries().values():
        for key, values in operator.entries().items():
            if key.endswith(suffix):
                yield from values.texts()


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)
