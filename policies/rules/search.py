"""OpenSearch: encryption, network, log-in, logs, and enough nodes."""

from collections.abc import Iterable

from mlops.plan.graph import Node
from policies.answers import all_of, answer, any_of, elements
from policies.conditions import closed
from policies.model import Judgement, judge, look, say
from policies.registry import resource_rule
from policies.rules.evidence import at_least, demand, given, not_off, not_on, yes

_LOGS = ("ES_APPLICATION_LOGS", "AUDIT_LOGS")
DOMAIN = "aws:opensearch/domain:Domain"
_NODES = 3
_CALLERS = ("aws:principalorgid", "aws:sourcevpce", "aws:sourcevpc", "aws:principalaccount", "aws:sourceaccount")

demand(
    "opensearch-encrypted",
    "encryptAtRest.enabled",
    yes,
    "Indices lie on disk in clear; only a new domain can change it.",
)


@resource_rule("opensearch-in-vpc")
def search_is_in_the_network(node: Node) -> Iterable[Judgement]:
    if node.type == DOMAIN:
        yield judge(node, "vpcOptions.subnetIds", given, "The domain has an address on the internet.")
    message = "The access policy lets everybody in."
    yield from closed(node, message, _CALLERS, path="accessPolicies", absent_is_met=True)


@resource_rule("opensearch-tls")
def search_refuses_plain_http(node: Node) -> Iterable[Judgement]:
    options = "domainEndpointOptions"
    yield judge(node, f"{options}.enforceHttps", yes, "The domain also answers plain HTTP.")
    old = "Clients may use a TLS older than 1.2."
    yield judge(node, f"{options}.tlsSecurityPolicy", lambda value: "TLS-1-2" in str(value), old)
    yield judge(node, "nodeToNodeEncryption.enabled", yes, "Nodes talk to each other in clear.")


@resource_rule("opensearch-fine-grained-access")
def search_asks_who_it_is(node: Node) -> Iterable[Judgement]:
    options = "advancedSecurityOptions"
    yield judge(node, f"{options}.enabled", yes, "Whoever reaches the domain may read and write every index.")
    message = "Users and passwords live in the domain, beside IAM."
    yield judge(node, f"{options}.internalUserDatabaseEnabled", not_on, message, absent_is_met=True)


@resource_rule("opensearch-logs")
def search_keeps_logs(node: Node) -> Iterable[Judgement]:
    options = elements(look(node.inputs, "logPublishingOptions"))
    for kind in _LOGS:
        kept = any_of(
            all_of(
                (
                    answer(look(option, "logType"), lambda value, kind=kind: value == kind),
                    answer(look(option, "enabled"), not_off),
                )
            )
            for option in options
        )
        yield say(node, "logPublishingOptions", kept, f"{kind} are not published.")


@resource_rule("opensearch-fault-tolerant")
def search_survives_a_zone(node: Node) -> Iterable[Judgement]:
    config = "clusterConfig"
    enough = at_least(_NODES)
    yield judge(node, f"{config}.instanceCount", enough, f"Fewer than {_NODES} data nodes.")
    yield judge(node, f"{config}.zoneAwarenessEnabled", yes, "All nodes may stand in one zone.")
    yield judge(node, f"{config}.dedicatedMasterCount", enough, f"Fewer than {_NODES} masters.")
