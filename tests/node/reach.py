"""Who reaches whom on a cluster, worked out from a stack's NetworkPolicies by the rules of the Kubernetes API: a second
opinion, beside the packet filter's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """One end of a connection."""

    address: str
    namespace: str = ""
    """Of a pod; empty for what is no pod."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])


def reaches(policies: Sequence[Policy], source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out of one end and into the other."""
    return all(
        _admitted(policies, own, other, direction, port, protocol)
        for own, other, direction in ((source, target, "egress"), (target, source, "ingress"))
    )


def _admitted(policies: Sequence[Policy], own: Place, other: Place, direction: str, port: int, protocol: str) -> bool:
    if not own.namespace:
        return True
    binding = [one for one in policies if _binds(one, own, direction)]
    if not binding:
        return True
    return any(
        _peer(rule.get("to" if direction == "egress" else "from"), own, other) and _port(rule, port, protocol)
        for one in binding
        for rule in one["spec"].get(direction) or ()
    )


def _binds(policy: Policy, pod: Place, direction: str) -> bool:
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and direction.capitalize() in kinds and selects(spec.get("podSelector"), pod.labels)


def _peer(peers: Sequence[Mapping[str, Any]] | None, own: Place, other: Place) -> bool:
    """Nobody named means anybody."""
    return not peers or any(_is(peer, own, other) for peer in peers)


def _is(peer: Mapping[str, Any], own: Place, other: Place) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(other.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(one) for one in block.get("except") or ()
        )
    if not other.namespace:
        return False
    there = (
        selects(peer["namespaceSelector"], other.namespace_labels)
        if "namespaceSelector" in peer
        else other.namespace == own.namespace
    )
    return there and selects(peer.get("podSelector"), other.labels)


def _port(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        one.get("protocol", "TCP") == protocol
        and ("port" not in one or one["port"] <= port <= one.get("endPort", one["port"]))
        for one in ports
    )


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector means something with these labels; an empty one means all."""
    return all(_holds(labels, *one) for one in _demands(selector or {}))


def _demands(selector: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str]]]:
    for key, value in (selector.get("matchLabels") or {}).items():
        yield key, "In", [value]
    for one in selector.get("matchExpressions") or ():
        yield one["key"], one["operator"], one.get("values") or ()


def _holds(labels: Mapping[str, str], key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
