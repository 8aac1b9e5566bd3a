"""What runs code and answers requests: Lambda, ECS, load balancers, API Gateway, SageMaker, autoscaling."""

from localcloud.catalogue.kind import ANYTHING, Kind, Name

FUNCTION = "aws:lambda/function:Function"
ECS_CLUSTER = "aws:ecs/cluster:Cluster"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
ECS_SERVICE = "aws:ecs/service:Service"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
SAGEMAKER_MODEL = "aws:sagemaker/model:Model"
ENDPOINT_CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
DOMAIN = "aws:sagemaker/domain:Domain"
USER_PROFILE = "aws:sagemaker/userProfile:UserProfile"
SPACE = "aws:sagemaker/space:Space"

_ELB = "arn:aws:elasticloadbalancing:{region}:{account}:"
_ELB_NAME = r"(?!internal-)[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?"
_WORD = r"[a-zA-Z0-9][a-zA-Z0-9\-]*"
_SAGEMAKER_TRUST = "sagemaker.amazonaws.com"


def _sagemaker(resource: str, name_property: str = "name", *, role: str = "") -> Kind:
    return Kind(
        id="{name}",
        arn=f"arn:aws:sagemaker:{{region}}:{{account}}:{resource}/{{name}}",
        outputs={name_property: "{name}"},
        name=Name(property=name_property, longest=63, pattern=_WORD),
        trust={role: _SAGEMAKER_TRUST} if role else {},
    )


def _in_domain(resource: str, name_property: str, *, kept_by: tuple[str, ...] = ()) -> Kind:
    return Kind(
        id="{arn}",
        arn=f"arn:aws:sagemaker:{{region}}:{{account}}:{resource}/{{domainId}}/{{name}}",
        outputs={name_property: "{name}", "homeEfsFileSystemUid": "200005"},
        name=Name(property=name_property, longest=63, pattern=_WORD),
        unique=("domainId", name_property),
        kept_by=kept_by,
    )


KINDS = {
    FUNCTION: Kind(
        id="{name}",
        arn="arn:aws:lambda:{region}:{account}:function:{name}",
        outputs={
            "name": "{name}",
            "version": "$LATEST",
            "qualifiedArn": "{arn}:$LATEST",
            "invokeArn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
            "lastModified": "2026-01-01T00:00:00Z",
            "memorySize": 128,
            "timeout": 3,
        },
        name=Name(longest=64, pattern=r"[a-zA-Z0-9\-_]+"),
        trust={"role": "lambda.amazonaws.com"},
    ),
    "aws:lambda/permission:Permission": Kind(id="{name}", tags=False),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(
        id="{uuid}",
        arn="arn:aws:lambda:{region}:{account}:event-source-mapping:{id}",
        outputs={"uuid": "{id}", "state": "Enabled"},
    ),
    "aws:lambda/functionUrl:FunctionUrl": Kind(
        id="{functionName}",
        outputs={"functionUrl": "https://{hash}.lambda-url.{region}.on.aws/", "urlId": "{hash}"},
        tags=False,
    ),
    ECS_CLUSTER: Kind(
        id="{arn}",
        arn="arn:aws:ecs:{region}:{account}:cluster/{name}",
        outputs={"name": "{name}"},
        name=Name(longest=255, pattern=r"[a-zA-Z0-9\-_]+"),
        kept_by=(ECS_SERVICE,),
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Kind(id="{clusterName}", tags=False),
    TASK_DEFINITION: Kind(
        id="{family}",
        arn="arn:aws:ecs:{region}:{account}:task-definition/{family}:1",
        outputs={
            "revision": 1,
            "arnWithoutRevision": "arn:aws:ecs:{region}:{account}:task-definition/{family}",
            "networkMode": "bridge",
        },
        trust={"executionRoleArn": "ecs-tasks.amazonaws.com", "taskRoleArn": "ecs-tasks.amazonaws.com"},
    ),
    ECS_SERVICE: Kind(
        id="{arn}",
        arn="arn:aws:ecs:{region}:{account}:service/{name}",
        outputs={"name": "{name}", "desiredCount": 0, "launchType": "EC2"},
        name=Name(longest=255, pattern=r"[a-zA-Z0-9\-_]+"),
    ),
    LOAD_BALANCER: Kind(
        id="{arn}",
        arn=_ELB + "loadbalancer/app/{name}/{hex16}",
        outputs={
            "name": "{name}",
            "arnSuffix": "app/{name}/{hex16}",
            "dnsName": "{name}-{octet}.{region}.elb.amazonaws.com",
            "zoneId": "Z{SHORT}",
            "loadBalancerType": "application",
        },
        name=Name(longest=32, pattern=_ELB_NAME, prefix="namePrefix"),
        unique=("name",),
    ),
    TARGET_GROUP: Kind(
        id="{arn}",
        arn=_ELB + "targetgroup/{name}/{hex16}",
        outputs={"name": "{name}", "arnSuffix": "targetgroup/{name}/{hex16}", "targetType": "instance"},
        name=Name(longest=32, pattern=_ELB_NAME, prefix="namePrefix"),
        unique=("name",),
        kept_by=(LISTENER, "aws:lb/listenerRule:ListenerRule"),
    ),
    LISTENER: Kind(
        id="{arn}",
        arn="{loadBalancerArn}/listener/{hex16}",
        unique=("loadBalancerArn", "port"),
    ),
    "aws:lb/listenerRule:ListenerRule": Kind(
        id="{arn}",
        arn="{listenerArn}/rule/{hex16}",
        unique=("listenerArn", "priority"),
    ),
    "aws:apigatewayv2/api:Api": Kind(
        id="{short}",
        arn="arn:aws:apigateway:{region}::/apis/{id}",
        outputs={
            "apiEndpoint": "https://{id}.execute-api.{region}.amazonaws.com",
            "executionArn": "arn:aws:execute-api:{region}:{account}:{id}",
            "name": "{name}",
        },
    ),
    "aws:apigatewayv2/stage:Stage": Kind(
        id="{apiId}/{name}",
        arn="arn:aws:apigateway:{region}::/apis/{apiId}/stages/{name}",
        outputs={"name": "{name}", "invokeUrl": "https://{apiId}.execute-api.{region}.amazonaws.com/{name}"},
        name=Name(longest=128),
    ),
    SAGEMAKER_MODEL: _sagemaker(
        "model",
        role="executionRoleArn",
    ),
    ENDPOINT_CONFIGURATION: _sagemaker(
        "endpoint-config",
    ),
    ENDPOINT: _sagemaker("endpoint"),
    DOMAIN: Kind(
        id="d-{short}",
        arn="arn:aws:sagemaker:{region}:{account}:domain/{id}",
        outputs={
            "url": "https://{id}.studio.{region}.sagemaker.aws",
            "homeEfsFileSystemId": "fs-{hash}",
            "securityGroupIdForDomainBoundary": "sg-{hash}",
        },
        name=Name(property="domainName", longest=63, pattern=_WORD),
        kept_by=(USER_PROFILE, SPACE),
        trust={"defaultUserSettings.executionRole": _SAGEMAKER_TRUST},
    ),
    USER_PROFILE: _in_domain("user-profile", "userProfileName", kept_by=(SPACE,)),
    SPACE: _in_domain("space", "spaceName"),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": Kind(
        id="{name}",
        arn="arn:aws:sagemaker:{region}:{account}:mlflow-tracking-server/{name}",
        outputs={"trackingServerUrl": "https://{short}.mlflow.sagemaker.{region}.app.aws"},
        name=Name(property="trackingServerName", longest=256, pattern=_WORD),
        trust={"roleArn": _SAGEMAKER_TRUST},
    ),
    "aws:sagemaker/mlflowApp:MlflowApp": _sagemaker("mlflow-app", role="roleArn"),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": _sagemaker(
        "model-package-group",
        "modelPackageGroupName",
    ),
    "aws:sagemaker/pipeline:Pipeline": _sagemaker("pipeline", "pipelineName", role="roleArn"),
    "aws:sagemaker/featureGroup:FeatureGroup": _sagemaker(
        "feature-group",
        "featureGroupName",
        role="roleArn",
    ),
    "aws:sagemaker/monitoringSchedule:MonitoringSchedule": _sagemaker("monitoring-schedule"),
    "aws:appautoscaling/target:Target": Kind(
        id="{resourceId}/{scalableDimension}",
        arn="arn:aws:application-autoscaling:{region}:{account}:scalable-target/{short}",
        kept_by=(ANYTHING,),
    ),
    "aws:appautoscaling/policy:Policy": Kind(
        id="{resourceId}/{scalableDimension}/{name}",
        arn="arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:policyName/{name}",
        name=Name(longest=256),
        outputs={"name": "{name}"},
        tags=False,
    ),
}
