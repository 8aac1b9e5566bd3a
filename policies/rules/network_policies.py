"""Network policies: what all policies of a namespace, together, let through. Policies add up: none takes away.

Source: Kubernetes documentation, "Network Policies" and the API reference of NetworkPolicySpec: a rule without peers
is for every peer, one without ports for every port.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.addresses import is_internet
from policies.answers import all_of, any_of, as_list, holds_unknown, is_unknown, negated
from policies.model import ABSENT, Answer, Judgement, Verdict, look
from policies.pods import namespace, object_name
from policies.registry import stack_rule

_NAMESPACE = "kubernetes:core/v1:Namespace"
_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_PEERS = {"Ingress": "from", "Egress": "to"}
_EVERY_PORT = 60_000
"""So many ports in one rule are every port, less a few."""


@stack_rule("k8s-namespace-network-policy")
def namespace_network_policy(graph: Graph) -> Iterator[Judgement]:
    """Each namespace needs policies that take all of its pods and, together, close both directions."""
    policies = graph.of_type(_POLICY)
    for space in graph.of_type(_NAMESPACE):
        placed = [(policy, own) for policy in policies if (own := _lies_in(policy, space)) is not False]
        for direction in _PEERS:
            yield _closed(space, direction, placed)


def _lies_in(policy: Node, space: Node) -> Answer:
    """Whether a policy is the namespace's own. A preview leaves out what it cannot know yet; then the namespace that
    the value comes from says it."""
    given, name = look(policy.inputs, "metadata.namespace"), object_name(space)
    if given in (ABSENT, UNKNOWN) and space.urn in policy.property_dependencies.get("metadata", ()):
        return True
    return None if UNKNOWN in (given, name) else namespace(policy) == name


def _closed(space: Node, direction: str, placed: Iterable[tuple[Node, Answer]]) -> Judgement:
    states = [(policy, own, _closes(policy, direction), _opens(policy, direction)) for policy, own in placed]
    for policy, own, _, opens in states:
        if own and opens:
            message = f"lets all pods of the namespace have any {direction.lower()}, whatever other policies close"
            return _say(policy, f"spec.{direction.lower()}", Verdict.BROKEN, message)
    sure = next((policy for policy, own, closes, _ in states if own and closes), None)
    doubtful = any(opens is not False for *_, opens in states)
    if sure and not doubtful:
        return _say(sure, "spec.policyTypes", Verdict.MET)
    unclear = sure or any(closes is not False for _, _, closes, _ in states)
    message = f"no network policy closes the {direction.lower()} of all pods of the namespace"
    return _say(space, "metadata.name", Verdict.UNKNOWN if unclear else Verdict.BROKEN, message)


def _say(node: Node, path: str, verdict: Verdict, message: str = "") -> Judgement:
    value = look(node.inputs, path)
    return Judgement(
        verdict=verdict,
        path=path,
        value=None if value is ABSENT else value,
        message=message if verdict is Verdict.BROKEN else "",
        urn=node.urn,
    )


def _closes(policy: Node, direction: str) -> Answer:
    """Whether a policy takes every pod of its namespace, and so lets through only what some policy lists."""
    spec = look(policy.inputs, "spec")
    if not isinstance(spec, Mapping):
        return None if spec == UNKNOWN else False
    return all_of([_is_of(spec, direction), _takes_all(spec.get("podSelector"))])


def _is_of(spec: Mapping[str, Any], direction: str) -> Answer:
    """Whether a policy is about a direction. Without types it is for ingress, and for egress where it states some
    (NetworkPolicySpec.policyTypes)."""
    types = spec.get("policyTypes")
    if holds_unknown(types):
        return None
    return direction in (types or ["Ingress", *(["Egress"] if spec.get("egress") else [])])


def _takes_all(selector: Any) -> Answer:
    if holds_unknown(selector) or selector == SECRET:
        return None
    return not any((selector or {}).get(key) for key in ("matchLabels", "matchExpressions"))


def _opens(policy: Node, direction: str) -> Answer:
    """Whether a policy lets all pods of its namespace have everything in a direction."""
    spec = look(policy.inputs, "spec")
    if not isinstance(spec, Mapping):
        return None if spec == UNKNOWN else False
    rules = spec.get(direction.lower())
    if is_unknown(rules):
        return None
    lets_all = any_of(_lets_everything(rule, _PEERS[direction]) for rule in as_list(rules))
    # A selector by expressions may take all pods as well as an empty one does.
    wide = any_of([_takes_all(spec.get("podSelector")), None if look(spec, "podSelector.matchExpressions") else False])
    return all_of([_is_of(spec, direction), lets_all, wide])


def _lets_everything(rule: Any, peers: str) -> Answer:
    if not isinstance(rule, Mapping):
        return None
    return all_of([_every_peer(rule.get(peers)), _every_port(rule.get("ports"))])


def _every_peer(peers: Any) -> Answer:
    """No peers are all; so are all addresses, and all namespaces."""
    if is_unknown(peers):
        return None
    return not peers or any_of(map(_is_everybody, peers))


def _is_everybody(peer: Any) -> Answer:
    if not isinstance(peer, Mapping):
        return None
    block = look(peer, "ipBlock.cidr")
    spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    everywhere = all_of([spaces is not None, _takes_all(spaces), _takes_all(pods)])
    return any_of([False if block is ABSENT else is_internet(block), everywhere if block is ABSENT else False])


def _every_port(ports: Any) -> Answer:
    if is_unknown(ports):
        return None
    return not ports or any_of(map(_is_every_port, ports))


def _is_every_port(port: Any) -> Answer:
    if not isinstance(port, Mapping):
        return None
    first, last = look(port, "port"), look(port, "endPort")
    if is_unknown(first) or is_unknown(last):
        return None
    wide = isinstance(first, int) and isinstance(last, int) and last - first >= _EVERY_PORT
    return negated(first is not ABSENT) or wide
