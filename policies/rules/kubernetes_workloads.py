"""What a workload needs to run well and to be known: images, resources, probes, copies, and where secrets go."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import as_list
from policies.facts import facts
from policies.model import ABSENT, Judgement, Verdict, judge, look, say
from policies.pods import (
    RUN_TO_COMPLETION,
    containers,
    entries,
    namespace,
    object_name,
    pod_labels,
    selects,
    spec_path,
)
from policies.registry import resource_rule, stack_rule
from policies.rules.secrets import holds_secret

OWN_REGISTRIES = re.compile(r"(\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?|public\.ecr\.aws)/")
"""The account's own registry and AWS's public one, which mirrors Docker's official images."""
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|(?:^|_)(?:pass|pwd)(?:_|$)|secret|token|(?:api|access|private)_?key|credential",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"(_(FILE|PATH|DIR|NAME|ARN|URL|URI|ENDPOINT|TTL|SECONDS)$)|^(true|false|\d*)$|^\$\(", re.IGNORECASE
)
_REPLICATED = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet")
_AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
_BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
_ACCOUNT = "kubernetes:core/v1:ServiceAccount"


@resource_rule("k8s-resource-requests")
def resource_requests(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        for name in ("cpu", "memory"):
            yield judge(node, f"{container}.resources.requests.{name}", bool, f"the scheduler does not know its {name}")


@resource_rule("k8s-resource-limits")
def resource_limits(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        message = "one container can take the memory of the whole node"
        yield judge(node, f"{container}.resources.limits.memory", bool, message)


def image_tag(image: str) -> str:
    """The tag of an image's name, or the digest where it has one; empty where it has neither."""
    name, _, digest = image.partition("@")
    return digest or name.rpartition("/")[2].partition(":")[2]


@resource_rule("k8s-image-not-latest")
def image_not_latest(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        message = "what runs tomorrow need not be what runs today"
        yield judge(node, f"{container}.image", lambda image: image_tag(image) not in ("", "latest"), message)


@resource_rule("k8s-image-digest")
def image_digest(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        message = "a tag can be moved to another image"
        yield judge(node, f"{container}.image", lambda image: "@sha256:" in image, message)


@resource_rule("k8s-image-registry-allowed")
def image_registry_allowed(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        message = "the image comes from a registry that is not ours or AWS's: not scanned, not kept"
        yield judge(node, f"{container}.image", lambda image: OWN_REGISTRIES.match(image) is not None, message)


@resource_rule("k8s-probes")
def probes(node: Node) -> Iterator[Judgement]:
    if node.type in RUN_TO_COMPLETION:
        return
    for container in containers(node, lists=("containers",)):
        if look(node.inputs, f"{container}.ports"):
            for name in ("readinessProbe", "livenessProbe"):
                yield judge(node, f"{container}.{name}", bool, "nobody notices when it no longer answers")


@resource_rule("k8s-no-secrets-in-env")
def no_secrets_in_env(node: Node) -> Iterator[Judgement]:
    """Literal secrets break the rule; references to a Secret are met, with the advice to mount files instead."""
    for container in containers(node):
        found = [_variable(node, path) for path in entries(node, f"{container}.env")]
        found += [
            _advice(node, path)
            for path in entries(node, f"{container}.envFrom")
            if look(node.inputs, f"{path}.secretRef")
        ]
        worth_saying = [one for one in found if one.verdict is not Verdict.MET]
        yield from worth_saying or [judge(node, f"{container}.env", lambda _: True, "", absent_is_met=True)]


def _variable(node: Node, path: str) -> Judgement:
    name = look(node.inputs, f"{path}.name")
    if look(node.inputs, f"{path}.valueFrom.secretKeyRef"):
        return _advice(node, path)
    named = isinstance(name, str) and bool(_SECRET_NAME.search(name)) and not _NO_SECRET.search(name)
    message = "a secret stands in the object for everybody who may read it"
    judged = judge(node, f"{path}.value", lambda text: not _is_secret(named, str(text)), message, absent_is_met=True)
    if judged.verdict is Verdict.BROKEN:
        return Judgement(verdict=judged.verdict, path=judged.path, value=SECRET, message=message, urn=node.urn)
    return judged


def _is_secret(named: bool, value: str) -> bool:
    return value == SECRET or holds_secret(value) or (named and not _NO_SECRET.search(value))


def _advice(node: Node, path: str) -> Judgement:
    message = "every child process inherits the variable; a mounted file is read by who needs it"
    return judge(node, path, lambda _: False, message, advisory=True)


@stack_rule("k8s-no-automount-token")
def no_automount_token(graph: Graph) -> Iterator[Judgement]:
    """A pod that says nothing follows its service account."""
    message = "the pod holds a token for the API server that it may not need"
    accounts = {(namespace(one), object_name(one)): one for one in graph.of_type(_ACCOUNT)}
    for account in accounts.values():
        yield judge(account, "automountServiceAccountToken", lambda value: value is False, message)
    for pod in graph.of_type(*facts().pod_specs):
        spec = spec_path(pod)
        account = accounts.get((namespace(pod), look(pod.inputs, f"{spec}.serviceAccountName")))
        closed = account is not None and look(account.inputs, "automountServiceAccountToken") is False
        path = f"{spec}.automountServiceAccountToken"
        yield judge(pod, path, lambda value: value is False, message, absent_is_met=closed)


def _autoscaler(graph: Graph, workload: Node) -> Node | None:
    for scaler in graph.of_type(_AUTOSCALER):
        target = look(scaler.inputs, "spec.scaleTargetRef")
        if isinstance(target, dict) and namespace(scaler) == namespace(workload):
            kind = workload.type.rpartition(":")[2]
            if (target.get("kind"), target.get("name")) == (kind, object_name(workload)):
                return scaler
    return None


def _copies(graph: Graph, workload: Node) -> tuple[Node, str]:
    """Where the least number of copies stands: with the autoscaler, else with the workload."""
    scaler = _autoscaler(graph, workload)
    return (scaler, "spec.minReplicas") if scaler else (workload, "spec.replicas")


@stack_rule("k8s-pdb")
def disruption_budget(graph: Graph) -> Iterator[Judgement]:
    for workload in graph.of_type(*_REPLICATED):
        owner, path = _copies(graph, workload)
        copies = look(owner.inputs, path)
        if copies == UNKNOWN:
            yield Judgement(verdict=Verdict.UNKNOWN, path=path, value=copies, urn=owner.urn)
        elif isinstance(copies, int) and copies > 1:
            yield from _budgets(workload, copies, graph.of_type(_BUDGET))


def _budgets(workload: Node, copies: int, budgets: Iterable[Node]) -> Iterator[Judgement]:
    """Each budget that selects the copies has to leave room; two of them keep the API server from evicting any."""
    near = [one for one in budgets if namespace(one) == namespace(workload)]
    matching = {one.urn: selects(look(one.inputs, "spec.selector"), pod_labels(workload)) for one in near}
    chosen = [one for one in near if matching[one.urn]]
    if not chosen:
        message = "a drained node may take all copies at once: no PodDisruptionBudget selects them"
        yield say(workload, "spec.replicas", None if None in matching.values() else False, message)
    for number, budget in enumerate(chosen):
        name = "minAvailable" if look(budget.inputs, "spec.minAvailable") is not ABSENT else "maxUnavailable"
        if number:
            message = "a second budget for the same pods: the API server refuses to evict any of them"
            yield say(budget, "spec.selector", False, message)
        message = "the budget allows no disruption: a node can never be drained"
        yield judge(budget, f"spec.{name}", lambda value, name=name: _leaves_room(name, value, copies), message)


def _leaves_room(name: str, value: Any, copies: int) -> bool:
    """Shares are rounded up, as the disruption controller does."""
    text = str(value)
    share = text.removesuffix("%")
    if not share.lstrip("-").isdigit():
        return False
    number = -(-copies * int(share) // 100) if text.endswith("%") else int(share)
    return number < copies if name == "minAvailable" else number >= 1


@stack_rule("k8s-replicas-and-spread")
def replicas_and_spread(graph: Graph) -> Iterator[Judgement]:
    for workload in graph.of_type("kubernetes:apps/v1:Deployment"):
        owner, path = _copies(graph, workload)
        copies = look(owner.inputs, path)
        enough = None if copies in (UNKNOWN, SECRET) else copies is not ABSENT and copies >= 2
        yield say(owner, path, enough, "one copy: a lost node is an outage")
        spec = spec_path(workload)
        message = "all copies may run in one zone"
        spread, affinity = f"{spec}.topologySpreadConstraints", f"{spec}.affinity.podAntiAffinity"
        if look(workload.inputs, affinity) is not ABSENT and look(workload.inputs, spread) is ABSENT:
            yield judge(workload, affinity, bool, message)
        else:
            constraints = look(workload.inputs, spread)
            known = UNKNOWN not in as_list(constraints) or _over_zones(as_list(constraints))
            yield judge(workload, spread, _over_zones, message) if known else say(workload, spread, None, message)


def _over_zones(constraints: Any) -> bool:
    return any(look(one, "topologyKey") == "topology.kubernetes.io/zone" for one in constraints)
