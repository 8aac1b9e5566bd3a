"""Rights on the Kubernetes API: what lets somebody have more of them.

Source: Kubernetes documentation, "Role Based Access Control Good Practices", section "privilege escalation risks".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, any_of, as_list, is_unknown, negated
from policies.model import Answer, Judgement, judge, look, say
from policies.pods import entries
from policies.registry import resource_rule

_GROUPS = ("system:masters", "system:anonymous", "system:unauthenticated", "system:authenticated")
_EVERY_ACCOUNT = "system:serviceaccounts"
_READ = ("get", "list", "watch")
_CHANGE = ("create", "update", "patch")
_ESCALATING = ("bind", "escalate", "impersonate")
_WORKLOADS = (
    *("pods", "replicationcontrollers", "deployments", "daemonsets", "statefulsets", "replicasets"),
    *("jobs", "cronjobs"),
)
_DANGEROUS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*_WORKLOADS, "persistentvolumes", "serviceaccounts/token"), ("create",)),
    **dict.fromkeys(("pods/exec", "pods/attach"), ("get", "create")),
    "pods/ephemeralcontainers": ("update", "patch"),
    # Reading through a kubelet is enough to run commands in its pods.
    "nodes/proxy": (*_READ, *_CHANGE),
    **dict.fromkeys(("validatingwebhookconfigurations", "mutatingwebhookconfigurations"), _CHANGE),
    **dict.fromkeys(("validatingadmissionpolicies", "validatingadmissionpolicybindings"), _CHANGE),
    "certificatesigningrequests/approval": ("update", "patch"),
    "signers": ("approve", "sign"),
}
"""Resource -> the verbs on it that lead to more rights."""


def _rules(node: Node) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in entries(node, "rules"):
        rule = look(node.inputs, path)
        yield path, rule if isinstance(rule, Mapping) else {"verbs": UNKNOWN, "resources": UNKNOWN}


def _names(rule: Mapping[str, Any], key: str, *wanted: str) -> Answer:
    """Whether a rule names one of these words, or all words."""
    return any_of(None if is_unknown(word) else word in (*wanted, "*") for word in as_list(rule.get(key)))


@resource_rule("k8s-rbac-no-wildcards")
def rbac_no_wildcards(node: Node) -> Iterator[Judgement]:
    for path, _ in _rules(node):
        for key in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
            message = f"the role has all {key}, those of tomorrow included"
            yield judge(node, f"{path}.{key}", lambda words: "*" not in words, message, absent_is_met=True)


@resource_rule("k8s-rbac-secret-access")
def rbac_secret_access(node: Node) -> Iterator[Judgement]:
    """Reading Secrets is for roles that name them."""
    message = "whoever has the role reads every Secret in its reach"
    for path, rule in _rules(node):
        reads = all_of([_names(rule, "verbs", *_READ), _names(rule, "resources", "secrets")])
        names = rule.get("resourceNames")
        named = None if is_unknown(names) or UNKNOWN in as_list(names) else bool(names)
        yield say(node, path, any_of([negated(reads), named]), message)


@resource_rule("k8s-rbac-dangerous-verbs")
def rbac_dangerous_verbs(node: Node) -> Iterator[Judgement]:
    message = "whoever has the role can give itself more rights"
    for path, rule in _rules(node):
        ways = [
            all_of([_names(rule, "resources", resource), _names(rule, "verbs", *verbs)])
            for resource, verbs in _DANGEROUS.items()
        ]
        yield say(node, path, negated(any_of([_names(rule, "verbs", *_ESCALATING), *ways])), message)


@resource_rule("k8s-rbac-no-cluster-admin")
def rbac_no_cluster_admin(node: Node) -> Iterator[Judgement]:
    message = "the subject may do everything on the cluster"
    yield judge(node, "roleRef.name", lambda name: name != "cluster-admin", message)
    for path in entries(node, "subjects"):
        message = "rights for a group that has no owner"
        yield judge(node, f"{path}.name", lambda name: name not in (*_GROUPS, _EVERY_ACCOUNT), message)
