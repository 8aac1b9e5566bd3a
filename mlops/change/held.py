"""What cannot go because something that stays still uses it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mlops.change.cascade import Replaced
from mlops.change.model import Danger, Kind, ResourceChange
from mlops.plan.graph import Graph

_DB_PARAMETERS = (
    "InvalidDBParameterGroupState: One or more database instances are still members of this parameter group, so the "
    "group cannot be deleted"
)
_CACHE_PARAMETERS = (
    "InvalidCacheParameterGroupState: One or more cache clusters are still members of this parameter group"
)
REFUSALS: Mapping[str, str] = {
    "aws:rds/parameterGroup:ParameterGroup": _DB_PARAMETERS,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _DB_PARAMETERS,
    "aws:rds/subnetGroup:SubnetGroup": "InvalidDBSubnetGroupStateFault: at least one database instance still uses it",
    "aws:elasticache/parameterGroup:ParameterGroup": _CACHE_PARAMETERS,
    "aws:elasticache/subnetGroup:SubnetGroup": "CacheSubnetGroupInUse: the subnet group is still used by a cache",
    "aws:msk/configuration:Configuration": "BadRequestException: the configuration is in use by a cluster",
    "aws:ec2/securityGroup:SecurityGroup": "DependencyViolation: the group has a dependent object",
    "aws:lb/targetGroup:TargetGroup": "ResourceInUse: the target group is in use by a listener or a rule",
}
"""Type -> what its service answers to a deletion while it is in use. Sources: error lists of the API references."""


def held(
    change: ResourceChange, changes: Sequence[ResourceChange], before: Graph, after: Graph, replaced: Replaced
) -> ResourceChange:
    """The change; refused where what it deletes is still in use."""
    words = REFUSALS.get(change.node.type)
    if words is None or change.danger is Danger.LOSS or change.kind not in (Kind.REPLACE, Kind.DELETE):
        return change
    if change.kind is Kind.REPLACE and replaced.goes_first(change.node.urn):
        going = {one.node.urn for one in changes if one.kind in (Kind.REPLACE, Kind.DELETE)}
        users = [
            node.name for node in after if node.custom and node.urn not in going and _uses(change, node.urn, after)
        ]
        if users:
            return replace(
                change,
                danger=Danger.REFUSED,
                fate=f"it keeps its name, so that the old one has to go first, and {', '.join(users)} uses it: {words}",
                instead="Give it another name in the same change: then the new one is made first, and the users move.",
                source="API reference of the service, errors of the deletion",
            )
    for other in _waiting(changes):
        if any(_uses(change, other, graph) for graph in (before, after)):
            name = next(one.node.name for one in changes if one.node.urn == other)
            return replace(
                change,
                danger=Danger.REFUSED,
                fate=f"{name} uses the old one until its upgrade in the maintenance window: {words}",
                instead="Bring the new version with applyImmediately (database.apply_immediately) for this change.",
                source="hashicorp/terraform-provider-aws issue 6448; ministryofjustice/cloud-platform issue 2222",
            )
    return change


def _waiting(changes: Sequence[ResourceChange]) -> Iterator[str]:
    """URNs of what gets another version of its engine in its maintenance window."""
    for change in changes:
        if change.danger is Danger.WAITS and any(one.path == "engineVersion" for one in change.properties):
            yield change.node.urn


def _uses(change: ResourceChange, urn: str, graph: Graph) -> bool:
    if urn not in graph:
        return False
    return any(change.node.urn in urns for urns in graph[urn].property_dependencies.values())
