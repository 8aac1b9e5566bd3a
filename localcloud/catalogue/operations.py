"""What watches and notifies: CloudWatch, EventBridge, SNS, SQS, Managed Prometheus and Grafana, budgets."""

from localcloud.catalogue.kind import Kind, Name

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"

_LOGS = "arn:aws:logs:{region}:{account}:log-group:"

KINDS = {
    LOG_GROUP: Kind(
        id="{name}",
        arn=_LOGS + "{name}",
        outputs={"name": "{name}", "retentionInDays": 0, "logGroupClass": "STANDARD"},
        name=Name(longest=512, pattern=r"[a-zA-Z0-9_/.\-#]+", prefix="namePrefix"),
    ),
    "aws:cloudwatch/logStream:LogStream": Kind(
        id="{logGroupName}:{name}",
        arn=_LOGS + "{logGroupName}:log-stream:{name}",
        outputs={"name": "{name}"},
        name=Name(longest=512, pattern=r"[^:*]+"),
        tags=False,
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Kind(
        id="{logGroupName}:{name}", name=Name(longest=512), tags=False
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Kind(id="{policyName}", tags=False),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        id="{name}",
        arn="arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
        outputs={"name": "{name}"},
        name=Name(longest=255),
    ),
    "aws:cloudwatch/dashboard:Dashboard": Kind(
        id="{dashboardName}",
        outputs={"dashboardArn": "arn:aws:cloudwatch::{account}:dashboard/{dashboardName}"},
        tags=False,
    ),
    EVENT_RULE: Kind(
        id="{name}",
        arn="arn:aws:events:{region}:{account}:rule/{name}",
        outputs={"name": "{name}", "eventBusName": "default"},
        name=Name(longest=64, pattern=r"[\w.\-]+", prefix="namePrefix"),
        kept_by=("aws:cloudwatch/eventTarget:EventTarget",),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Kind(id="{rule}-{short}", outputs={"targetId": "{short}"}, tags=False),
    TOPIC: Kind(
        id="{arn}",
        arn="arn:aws:sns:{region}:{account}:{name}",
        outputs={"name": "{name}", "owner": "{account}"},
        name=Name(longest=256, pattern=r"[a-zA-Z0-9_\-]+(?:\.fifo)?", prefix="namePrefix"),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Kind(id="{arn}", outputs={"owner": "{account}"}, tags=False),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        id="{topic}:{uuid}",
        arn="{id}",
        outputs={"ownerId": "{account}", "pendingConfirmation": False},
        tags=False,
    ),
    QUEUE: Kind(
        id="https://sqs.{region}.amazonaws.com/{account}/{name}",
        arn="arn:aws:sqs:{region}:{account}:{name}",
        outputs={"name": "{name}", "url": "{id}"},
        name=Name(longest=80, pattern=r"[a-zA-Z0-9_\-]+(?:\.fifo)?", prefix="namePrefix"),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Kind(id="{queueUrl}", tags=False),
    "aws:amp/workspace:Workspace": Kind(
        id="ws-{uuid}",
        arn="arn:aws:aps:{region}:{account}:workspace/{id}",
        outputs={"prometheusEndpoint": "https://aps-workspaces.{region}.amazonaws.com/workspaces/{id}/"},
    ),
    "aws:grafana/workspace:Workspace": Kind(
        id="g-{short}",
        arn="arn:aws:grafana:{region}:{account}:/workspaces/{id}",
        outputs={"name": "{name}", "endpoint": "{id}.grafana-workspace.{region}.amazonaws.com"},
        trust={"roleArn": "grafana.amazonaws.com"},
    ),
    "aws:budgets/budget:Budget": Kind(
        id="{account}:{name}",
        arn="arn:aws:budgets::{account}:budget/{name}",
        outputs={"name": "{name}", "accountId": "{account}"},
        name=Name(longest=100, pattern=r"[^:\\]+", prefix="namePrefix"),
    ),
    "aws:acm/certificate:Certificate": Kind(
        id="{arn}",
        arn="arn:aws:acm:{region}:{account}:certificate/{uuid}",
        outputs={"status": "PENDING_VALIDATION"},
    ),
    "aws:resourcegroups/group:Group": Kind(
        id="{name}",
        arn="arn:aws:resource-groups:{region}:{account}:group/{name}",
        outputs={"name": "{name}"},
        name=Name(longest=128, pattern=r"(?!(?i:aws))[a-zA-Z0-9_.\-]+"),
    ),
    "aws:scheduler/schedule:Schedule": Kind(
        id="{groupName}/{name}",
        arn="arn:aws:scheduler:{region}:{account}:schedule/{groupName}/{name}",
        outputs={"name": "{name}", "groupName": "default"},
        name=Name(longest=64, pattern=r"[a-zA-Z0-9_.\-]+", prefix="namePrefix"),
        tags=False,
    ),
}
