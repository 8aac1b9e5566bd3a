"""Which rules look at a type of resource, or why none does. A type is here because somebody looked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlops.plan.behind import CARRYING, DEPLOYMENT, NATIVE, group
from policies import rules
from policies.facts import facts
from policies.kinds import current_type
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS

_WIRING = "ties other resources together; what it ties is judged"
_NAMING = "a name, group or description; it holds no data and opens nothing"
_NETWORK = "a way between networks; who may use it is judged at security groups, network ACLs and subnets"
_PART = "a part of another resource, whose rules look at the whole"
_SERVERLESS = "always encrypted and private; the rule table knows published checks for the provisioned kind only"
_RUN = "starts work or forwards events; what it starts, and the role that it has, are judged"
_OPEN = "the rule table has no published check for it that a program could decide"
_ENGINE = "exists in Pulumi only"

_BY_REASON: Mapping[str, tuple[str, ...]] = {
    _WIRING: (
        "aws:autoscaling/tag:Tag",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:elasticache/subnetGroup:SubnetGroup",
        "aws:elasticache/userGroup:UserGroup",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:kinesis/streamConsumer:StreamConsumer",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:lb/listenerRule:ListenerRule",
        "aws:servicediscovery/service:Service",
        "aws:msk/scramSecretAssociation:ScramSecretAssociation",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:efs/mountTarget:MountTarget",
    ),
    _NAMING: (
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/logStream:LogStream",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:glue/catalogTable:CatalogTable",
        "aws:glue/registry:Registry",
        "aws:glue/schema:Schema",
        "aws:kms/alias:Alias",
        "aws:lambda/alias:Alias",
        "aws:resourcegroups/group:Group",
        "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
        "aws:s3/bucketMetric:BucketMetric",
        "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
    ),
    _NETWORK: (
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/eip:Eip",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/natGateway:NatGateway",
    ),
    _PART: (
        "aws:apigatewayv2/api:Api",
        "aws:efs/accessPoint:AccessPoint",
        "aws:elasticache/parameterGroup:ParameterGroup",
        "aws:lb/targetGroup:TargetGroup",
        "aws:msk/configuration:Configuration",
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "aws:msk/topic:Topic",
        "aws:redshiftserverless/usageLimit:UsageLimit",
        "aws:sagemaker/endpoint:Endpoint",
        "aws:sagemaker/space:Space",
        "aws:sagemaker/userProfile:UserProfile",
    ),
    _SERVERLESS: (
        "aws:elasticache/serverlessCache:ServerlessCache",
        "aws:msk/serverlessCluster:ServerlessCluster",
    ),
    _RUN: (
        "aws:appautoscaling/policy:Policy",
        "aws:autoscaling/schedule:Schedule",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:batch/jobDefinition:JobDefinition",
        "aws:batch/jobQueue:JobQueue",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:sagemaker/pipeline:Pipeline",
        "aws:scheduler/schedule:Schedule",
        "aws:sfn/stateMachine:StateMachine",
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    ),
    _OPEN: (
        "aws:acm/certificate:Certificate",
        "aws:batch/computeEnvironment:ComputeEnvironment",
        "aws:emrserverless/application:Application",
        "aws:amp/workspace:Workspace",
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
        "aws:elasticache/user:User",
        "aws:grafana/workspace:Workspace",
        "aws:kinesisanalyticsv2/application:Application",
        "aws:kms/grant:Grant",
        "aws:msk/clusterPolicy:ClusterPolicy",
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
        "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:s3/inventory:Inventory",
        "aws:sagemaker/featureGroup:FeatureGroup",
        "aws:sagemaker/mlflowApp:MlflowApp",
        "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
        "aws:sagemaker/monitoringSchedule:MonitoringSchedule",
        "aws:ssm/parameter:Parameter",
    ),
    "made through Cloud Control: a secret of the platform's own key, whose value is generated and never seen": (
        "aws:cloudcontrol/resource:Resource",
    ),
    "its secret is judged; the value itself is never shown to a rule": (
        "aws:secretsmanager/secretVersion:SecretVersion",
        "kubernetes:generators.external-secrets.io/v1alpha1:Password",
        "kubernetes:external-secrets.io/v1:ExternalSecret",
        "kubernetes:external-secrets.io/v1:ClusterSecretStore",
        "kubernetes:external-secrets.io/v1alpha1:PushSecret",
    ),
    "settings and scripts for pods, which are judged": ("kubernetes:core/v1:ConfigMap",),
    "hides what AWS's own application makes: a function and its role, which no program shows": (
        "aws:serverlessrepository/cloudFormationStack:CloudFormationStack",
    ),
    "says where backups go and when; the bucket, and the role that writes there, are judged": (
        "kubernetes:velero.io/v1:BackupStorageLocation",
        "kubernetes:velero.io/v1:Schedule",
        "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
    ),
    "hides what the chart makes: those objects are seen on the cluster only, not in the program": (
        "kubernetes:helm.sh/v3:Release",
    ),
    "its operator makes the pods: they are seen on the cluster only, not in the program": (
        "kubernetes:operator.knative.dev/v1beta1:KnativeServing",
    ),
    _ENGINE: ("pulumi:providers:aws", "pulumi:providers:eks", "pulumi:providers:kubernetes"),
}
REASONS: Mapping[str, str] = {type_: reason for reason, types in _BY_REASON.items() for type_ in types}
"""Type -> why no rule looks at it."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What looks at one type."""

    type: str
    rules: tuple[str, ...]
    """Ids of the rules whose check is there."""
    unchecked: tuple[str, ...]
    """Ids of rules of the table that have no check."""
    reason: str
    """Why no rule looks at it; empty where one does."""


def coverage(types: Iterable[str]) -> tuple[Coverage, ...]:
    """For each type what looks at it, sorted by type."""
    rules.load()
    by_type: dict[str, list[str]] = {}
    for rule in facts().rules.values():
        for type_ in rule.types:
            by_type.setdefault(type_, []).append(rule.id)
    return tuple(_row(type_, by_type.get(_judged_as(type_), [])) for type_ in sorted(set(types)))


def _judged_as(type_: str) -> str:
    """The type by which rules know a type; that of the pods which a custom resource may carry."""
    return DEPLOYMENT if group(type_) in CARRYING and type_ not in REASONS else current_type(type_)


def _row(type_: str, ids: list[str]) -> Coverage:
    checked = tuple(id_ for id_ in ids if id_ in RESOURCE_CHECKS or id_ in STACK_CHECKS)
    return Coverage(
        type=type_,
        rules=checked,
        unchecked=tuple(id_ for id_ in ids if id_ not in checked),
        reason="" if checked else REASONS.get(type_) or _by_kind(type_),
    )


def _by_kind(type_: str) -> str:
    """Why no rule looks at a type that nobody has looked at by itself."""
    if type_.startswith("pulumi:") or ":index:" in type_:
        return _ENGINE
    if type_.startswith("aws:"):
        return "outside the platform's catalogue: no published check of it was looked for"
    if group(type_) in NATIVE:
        return "an object of Kubernetes that starts no pods, opens no way in and gives no rights that a rule knows"
    if type_.startswith("kubernetes:"):
        return "a custom resource: pods that it writes out are judged, its operator's own settings are not"
    return "of another provider: the rule table is about AWS and Kubernetes"
