"""The address of a function: one of Lambda's own, or an HTTP API's. Both ask callers for a signature."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from components.base.logs import log_group
from components.foundation import Foundation

_ACCESS = {
    "requestId": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.identity.caller",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latencyMs": "$context.responseLatency",
}
"""Source: API Gateway developer guide, "Customize HTTP API access logs"."""


@dataclass(frozen=True, kw_only=True)
class FrontParts:
    """What an HTTP API writes its log with."""

    foundation: Foundation
    log_days: int


def function_url(
    name: str,
    function: "aws.lambda_.Function",
    alias: "aws.lambda_.Alias",
    parts: FrontParts,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], tuple[Statement, ...]]:
    """Lambda's own address for an alias, and what a caller needs. Answers come whole, not as a stream.

    Both actions are asked for since October 2025 (Lambda developer guide, "Control access to Lambda function URLs").
    """
    url = aws.lambda_.FunctionUrl(
        f"{name}-url",
        function_name=function.name,
        qualifier=alias.name,
        authorization_type="AWS_IAM",
        invoke_mode="BUFFERED",
        opts=opts,
    )
    call = Statement(actions=("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"), resources=(alias.arn,))
    return url.function_url.apply(lambda text: text.rstrip("/")), (call,)


def http_api(
    name: str,
    function: "aws.lambda_.Function",
    alias: "aws.lambda_.Alias",
    parts: FrontParts,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], tuple[Statement, ...]]:
    """An HTTP API that leads every path to an alias, and what a caller needs."""
    foundation = parts.foundation
    api = aws.apigatewayv2.Api(
        f"{name}-api", protocol_type="HTTP", description=f"{name} of the MLOps platform", opts=opts
    )
    integration = aws.apigatewayv2.Integration(
        f"{name}-integration",
        api_id=api.id,
        integration_type="AWS_PROXY",
        integration_uri=alias.invoke_arn,
        integration_method="POST",
        payload_format_version="2.0",
        opts=opts,
    )
    aws.apigatewayv2.Route(
        f"{name}-route",
        api_id=api.id,
        route_key="$default",
        authorization_type="AWS_IAM",
        target=pulumi.Output.concat("integrations/", integration.id),
        opts=opts,
    )
    logs = log_group(f"{name}-api-logs", days=parts.log_days, key_arn=foundation.keys.logs, opts=opts)
    aws.apigatewayv2.Stage(
        f"{name}-stage",
        api_id=api.id,
        name="$default",
        auto_deploy=True,
        access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
            destination_arn=logs.arn, format=json.dumps(_ACCESS)
        ),
        opts=opts,
    )
    aws.lambda_.Permission(
        f"{name}-from-api",
        function=function.name,
        qualifier=alias.name,
        action="lambda:InvokeFunction",
        principal="apigateway.amazonaws.com",
        source_arn=pulumi.Output.concat(api.execution_arn, "/*"),
        opts=opts,
    )
    call = Statement(actions=("execute-api:Invoke",), resources=(pulumi.Output.concat(api.execution_arn, "/*"),))
    return api.api_endpoint, (call,)
