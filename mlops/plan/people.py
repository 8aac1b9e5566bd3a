"""What people may do on the cluster: the principals that EKS lets in, by access policy or by Kubernetes group."""

from collections.abc import Iterator

from mlops.plan.graph import Graph

ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
_RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
BINDINGS = (f"{_RBAC}RoleBinding", f"{_RBAC}ClusterRoleBinding")
TEAM = "mlops.platform/team"
"""Label of a team's namespace."""
WHOLE_CLUSTER = "every namespace"


def teams(graph: Graph) -> tuple[str, ...]:
    """Names of the stack's teams, sorted."""
    labels = (node.at("metadata.labels").key(TEAM) for node in graph.of_type("kubernetes:core/v1:Namespace"))
    return tuple(sorted(name for label in labels if (name := label.text())))


def rights_of_people(graph: Graph) -> Iterator[tuple[str, str, str, str, str]]:
    """Each right as principal, what gives it, module, namespace, and `kubernetes:` with the role's name."""
    for node in graph.of_type(ASSOCIATION):
        policy = node.at("policyArn").text().rpartition("/")[2]
        spaces = [one.text() for one in node.at("accessScope.namespaces")] or [WHOLE_CLUSTER]
        for space in spaces:
            yield _name(node.at("principalArn").text()), node.name, graph.module(node), space, f"kubernetes:{policy}"
    members: dict[str, list[str]] = {}
    for node in graph.of_type(ENTRY):
        for group in node.at("kubernetesGroups"):
            members.setdefault(group.text(), []).append(_name(node.at("principalArn").text()))
    for node in graph.of_type(*BINDINGS):
        role = f"kubernetes:{node.at('roleRef.name').text()}"
        space = node.at("metadata.namespace").text() or WHOLE_CLUSTER
        for subject in node.at("subjects"):
            if subject.at("kind").text() == "Group":
                for principal in members.get(subject.at("name").text(), ()):
                    yield principal, node.name, graph.module(node), space, role


def _name(arn: str) -> str:
    """`role/fraud` of an ARN."""
    return arn.rpartition(":")[2]
