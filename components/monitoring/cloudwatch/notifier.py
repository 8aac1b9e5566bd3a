"""What brings alarms out of AWS: a small function behind the topics, with the right to read the routes' secrets."""

import json
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base.component import Component
from components.base.identity import Statement
from components.base.logs import log_group
from components.base.service_role import service_role
from components.base.watched import Watched
from components.foundation import Foundation
from components.watch.routes import Route

_RUNTIME = "python3.13"
_CODE = Path(__file__).with_name("notify.py")


class Notifier(Component[Watched]):
    """The function, its role, its log group and its subscriptions."""

    token = "mlops:index:Notifier"

    def __init__(
        self,
        name: str,
        routes: tuple[Route, ...],
        topics: Mapping[str, pulumi.Output[str]],
        foundation: Foundation,
        days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        function = f"{foundation.prefix}-alerts"
        logs = log_group(
            f"{name}-logs",
            days=days,
            key_arn=foundation.keys.logs,
            physical_name=f"/aws/lambda/{function}",
            opts=self.child,
        )
        streams = pulumi.Output.concat(logs.arn, ":log-stream:*")
        write = Statement(actions=("logs:CreateLogStream", "logs:PutLogEvents"), resources=(streams,))
        rights = [statement for route in routes for statement in route.secret.value.read()]
        role_arn = service_role(
            name,
            service="lambda.amazonaws.com",
            description="Hands alarms of the MLOps platform on",
            statements=[write, *rights],
            key_arn=foundation.keys.logs,
            opts=self.child,
        )
        made = aws.lambda_.Function(
            f"{name}-function",
            name=function,
            description="Hands alarms on to PagerDuty and Slack",
            runtime=_RUNTIME,
            architectures=["arm64"],
            handler="notify.handler",
            # Through the group as well: the first call would make one of its own.
            role=pulumi.Output.all(role_arn, logs.id).apply(lambda values: str(values[0])),
            timeout=30,
            memory_size=128,
            code=_code(routes, topics),
            opts=self.child,
        )
        for severity, topic in topics.items():
            aws.lambda_.Permission(
                f"{name}-{severity}-permission",
                function=made.name,
                action="lambda:InvokeFunction",
                principal="sns.amazonaws.com",
                source_arn=topic,
                opts=self.child,
            )
            aws.sns.TopicSubscription(
                f"{name}-{severity}", topic=topic, protocol="lambda", endpoint=made.arn, opts=self.child
            )
        self.publish(Watched(what="notifier", namespace="AWS/Lambda", dimensions={"FunctionName": made.name}))


def _code(routes: tuple[Route, ...], topics: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[pulumi.AssetArchive]:
    """The program, and beside it by the ARN of a topic: along which ways its alarms go, and where the secrets lie."""

    def archive(arns: Mapping[str, str]) -> pulumi.AssetArchive:
        table = {
            arn: [
                {"name": route.name, "arn": route.secret.arn, "key": route.secret.key}
                for route in routes
                if severity in route.severities
            ]
            for severity, arn in arns.items()
        }
        program = pulumi.StringAsset(_CODE.read_text())
        return pulumi.AssetArchive(
            {"notify.py": program, "routes.json": pulumi.StringAsset(json.dumps(table, sort_keys=True))}
        )

    return pulumi.Output.all(**topics).apply(archive)
