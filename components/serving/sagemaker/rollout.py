"""How an endpoint comes to another model: AWS moves the requests in steps, and back when an alarm rings.

Source: SageMaker developer guide, "Deployment guardrails" and its page of exclusions; bounds: the API's model
(botocore 1.44.5), TrafficRoutingConfig and BlueGreenUpdatePolicy.
"""

from collections.abc import Iterator

import pulumi
import pulumi_aws as aws

from components.base.release import ReleaseStep
from components.serving import ModelConfig
from components.serving.sagemaker.modes import Asynchronous, RealTime, Serverless

MOST_BAKE_MINUTES = 60
MOST_STEP_PERCENT = 50
LEAST_LINEAR_PERCENT = 10
_MOST_SECONDS, _ROOM_SECONDS = 28_800, 3_600
"""Longest deployment, and what instances need to start beside the waiting."""


def steps(model: ModelConfig) -> tuple[ReleaseStep, ...]:
    """The steps that AWS takes: those that are given, else the first of the strategy's own. With a candidate none,
    because variants of other names are no deployment."""
    if model.release.strategy != "canary" or model.candidate_uri:
        return ()
    return model.release.steps or model.release.stages[:1]


def problems(model: ModelConfig, mode: RealTime | Serverless | Asynchronous) -> Iterator[str]:
    """Why AWS cannot move requests so, one sentence each."""
    taken = steps(model)
    if not taken:
        return
    name, first, shares = f"model {model.name}", taken[0], [step.percent for step in taken]
    if isinstance(mode, Serverless):
        yield f"{name} has release.strategy canary, and a serverless endpoint moves all requests at once; {_INSTEAD}"
    elif model.min_replicas < 2:
        yield (
            f"{name} has release.strategy canary and min_replicas {model.min_replicas}: the first step is at most "
            f"{MOST_STEP_PERCENT} % of the instances. Set min_replicas to 2 or more, give a candidate_uri, or set "
            "strategy to rolling"
        )
    if any(step.bake_minutes > MOST_BAKE_MINUTES for step in taken):
        yield f"{name} bakes a step for more than {MOST_BAKE_MINUTES} minutes, the longest that SageMaker waits"
    even = [round(first.percent * place, 3) for place in range(1, len(taken) + 1)]
    least = 1 if len(taken) == 1 else LEAST_LINEAR_PERCENT
    if (
        shares != even
        or first.percent != int(first.percent)
        or not least <= first.percent <= MOST_STEP_PERCENT
        or any(step.bake_minutes != first.bake_minutes for step in taken)
    ):
        yield (
            f"{name} has release.steps of {', '.join(f'{share:g}' for share in shares)} %, and SageMaker takes one "
            f"step of 1 to {MOST_STEP_PERCENT} %, or equal ones of {LEAST_LINEAR_PERCENT} to {MOST_STEP_PERCENT} %, "
            "with the same bake_minutes; all of them whole"
        )
    elif _seconds(taken) > _MOST_SECONDS:
        yield (
            f"{name} takes {_seconds(taken) // 60} minutes from one model to the next, and SageMaker gives up after "
            f"{_MOST_SECONDS // 60}; take fewer steps, or shorten bake_minutes"
        )


_INSTEAD = "set its mode to real-time, or strategy to rolling"


def _seconds(taken: tuple[ReleaseStep, ...]) -> int:
    """Longest time that a deployment may take: each step bakes, the last included, and instances have to start."""
    stages = 2 if len(taken) == 1 else -(-100 // int(taken[0].percent))
    return stages * taken[0].bake_minutes * 60 + _ROOM_SECONDS


def deployment(
    name: str, endpoint: str, variant: str, model: ModelConfig, opts: pulumi.ResourceOptions
) -> "aws.sagemaker.EndpointDeploymentConfigArgs | None":
    """How AWS moves requests to another model; None moves all at once, when the new instances are there."""
    taken = steps(model)
    if not taken:
        return None
    sm, first = aws.sagemaker, taken[0]
    sizes = sm.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationCanarySizeArgs
    even = sm.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationLinearStepSizeArgs
    kind, percent = "CAPACITY_PERCENT", int(first.percent)
    routing = sm.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationArgs(
        type="CANARY" if len(taken) == 1 else "LINEAR",
        wait_interval_in_seconds=first.bake_minutes * 60,
        canary_size=sizes(type=kind, value=percent) if len(taken) == 1 else None,
        linear_step_size=even(type=kind, value=percent) if len(taken) > 1 else None,
    )
    rings = list(_alarms(name, endpoint, variant, model, opts))
    back = sm.EndpointDeploymentConfigAutoRollbackConfigurationArgs(
        alarms=[sm.EndpointDeploymentConfigAutoRollbackConfigurationAlarmArgs(alarm_name=one.name) for one in rings]
    )
    return sm.EndpointDeploymentConfigArgs(
        blue_green_update_policy=sm.EndpointDeploymentConfigBlueGreenUpdatePolicyArgs(
            traffic_routing_configuration=routing,
            maximum_execution_timeout_in_seconds=_seconds(taken),
        ),
        auto_rollback_configuration=back if rings and model.release.rollback == "automatic" else None,
    )


def _alarms(
    name: str, endpoint: str, variant: str, model: ModelConfig, opts: pulumi.ResourceOptions
) -> "Iterator[aws.cloudwatch.MetricAlarm]":
    """One for each limit that is set. Source of the metrics: SageMaker developer guide, "Metrics for monitoring with
    Amazon CloudWatch"; ModelLatency is in microseconds."""
    guards, of = model.release.guards, {"EndpointName": endpoint, "VariantName": variant}
    if guards.most_error_percent is not None:
        query, metric = aws.cloudwatch.MetricAlarmMetricQueryArgs, aws.cloudwatch.MetricAlarmMetricQueryMetricArgs
        sums = {"failed": "Invocation5XXErrors", "asked": "Invocations"}
        queries = [
            query(
                id=word,
                metric=metric(namespace=_NAMESPACE, metric_name=counted, stat="Sum", period=60, dimensions=of),
            )
            for word, counted in sums.items()
        ]
        share = "100 * FILL(failed, 0) / asked"
        yield aws.cloudwatch.MetricAlarm(
            f"{name}-errors",
            alarm_description=f"More than {guards.most_error_percent:g} % of requests fail: the deployment goes back",
            comparison_operator="GreaterThanThreshold",
            threshold=guards.most_error_percent,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data="notBreaching",
            metric_queries=[
                query(id="share", expression=share, label="failed requests, percent", return_data=True),
                *queries,
            ],
            opts=opts,
        )
    if guards.most_p95_ms is not None:
        yield aws.cloudwatch.MetricAlarm(
            f"{name}-slow",
            alarm_description=f"Answers take longer than {guards.most_p95_ms:g} ms: the deployment goes back",
            namespace=_NAMESPACE,
            metric_name="ModelLatency",
            dimensions=of,
            extended_statistic="p95",
            period=60,
            comparison_operator="GreaterThanThreshold",
            threshold=guards.most_p95_ms * 1000,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data="notBreaching",
            opts=opts,
        )


_NAMESPACE = "AWS/SageMaker"
