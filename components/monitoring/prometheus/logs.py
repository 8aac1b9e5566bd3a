"""Fluent Bit on every node: what containers write goes to one encrypted log group of CloudWatch, or to Loki."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.identity import Grant, Statement
from components.kubernetes.placement import requested
from components.kubernetes.scraping import announced

ACCOUNT = "fluent-bit"
_INPUTS = """[INPUT]
    Name tail
    Path /var/log/containers/*.log
    Exclude_Path /var/log/containers/fluent-bit-*
    multiline.parser docker, cri
    Tag kube.*
    DB /var/log/flb_kube.db
    Mem_Buf_Limit 16MB
    Skip_Long_Lines On
"""
_FILTERS = """[FILTER]
    Name kubernetes
    Match kube.*
    Merge_Log On
    Keep_Log Off
    Labels Off
    Annotations Off
    K8S-Logging.Exclude On
"""
_STREAMS = """
    log_stream_prefix container-
    log_stream_template $kubernetes['namespace_name'].$kubernetes['pod_name'].$kubernetes['container_name']
    auto_create_group Off
    Retry_Limit 5
"""
_LABELS = """
    labels job=fluent-bit, namespace=$kubernetes['namespace_name'], pod=$kubernetes['pod_name'], \
container=$kubernetes['container_name']
    line_format json
    Retry_Limit 5
"""


def write_into(group: "aws.cloudwatch.LogGroup") -> Grant:
    """Write into one log group that is there already: Fluent Bit neither makes groups nor sets how long they keep."""
    streams = pulumi.Output.concat(group.arn, ":log-stream:*")
    actions = ("logs:CreateLogStream", "logs:PutLogEvents")
    statements = (
        Statement(actions=actions, resources=(streams,)),
        Statement(actions=("logs:DescribeLogStreams",), resources=(pulumi.Output.concat(group.arn, ":*"),)),
    )
    return Grant(resource="monitoring/logs", access="write", statements=statements)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Where Fluent Bit sends what it reads."""

    output: pulumi.Output[str]
    """Its section of the settings."""
    grants: tuple[Grant, ...] = ()


def to_cloudwatch(group: pulumi.Output[str], region: str) -> pulumi.Output[str]:
    """One stream a container, named by namespace, pod and container; a line that is JSON stays so, for Logs Insights to
    read."""
    return pulumi.Output.concat(
        f"[OUTPUT]\n    Name cloudwatch_logs\n    Match kube.*\n    region {region}\n    log_group_name ",
        group,
        _STREAMS,
    )


def to_loki(host: pulumi.Output[str], port: int) -> pulumi.Output[str]:
    """One stream a container, with labels that tell namespace, pod and container; the line is a record as JSON.

    Source: Fluent Bit manual, "Loki" output.
    """
    return pulumi.Output.concat(
        "[OUTPUT]\n    Name loki\n    Match kube.*\n    Host ", host, f"\n    Port {port}", _LABELS
    )


def fluent_bit_values(account: pulumi.Input[str] | None, output: pulumi.Output[str]) -> dict[str, object]:
    """Values of chart fluent-bit 0.58.1. Without an account of the platform's it has one without rights in AWS."""
    return {
        "fullnameOverride": ACCOUNT,
        "serviceAccount": {"create": True, "name": account or ACCOUNT},
        "resources": requested("fluent-bit"),
        "tolerations": [{"operator": "Exists"}],
        "testFramework": {"enabled": False},
        "podAnnotations": announced(2020, "/api/v2/metrics/prometheus"),
        "config": {"inputs": _INPUTS, "filters": _FILTERS, "outputs": output},
    }
