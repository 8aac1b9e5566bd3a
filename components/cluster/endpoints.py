"""Which AWS services a cluster's nodes and controllers call, from the rights that they are given."""

from components.cluster.addons import MANAGED_POLICIES
from components.cluster.config import ClusterConfig
from components.cluster.node_groups import node_policies
from components.cluster.policies import encrypt_volumes, manage_load_balancers, scale_node_groups
from components.network import endpoints

_NAME = "any"


def of_cluster(config: ClusterConfig) -> frozenset[str]:
    """Interface endpoints that the cluster needs in a network without a way out: for its nodes, its add-ons, the load
    balancer controller, the autoscaler if there is one, and External Secrets."""
    grants = [manage_load_balancers(_NAME, _NAME), encrypt_volumes(_NAME)]
    if config.scales:
        grants.append(scale_node_groups(_NAME, _NAME))
    actions = (action for grant in grants for statement in grant.statements for action in statement.actions)
    policies = (*MANAGED_POLICIES.values(), *node_policies(session_manager=config.session_manager))
    return endpoints.of_actions(actions).union(
        endpoints.of_managed_policies(policies), endpoints.of_services(["secretsmanager"])
    )
