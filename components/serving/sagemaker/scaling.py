"""How instances of an endpoint follow the load: by requests, or by what waits in the queue, down to none.

Source: SageMaker developer guide, "Automatic scaling of models" and "Autoscale an asynchronous endpoint", with the
step that brings the first instance of a queue that has none.
"""

import pulumi
import pulumi_aws as aws

from components.serving import ModelConfig
from components.serving.sagemaker.modes import Asynchronous, RealTime

_DIMENSION, _SERVICE = "sagemaker:variant:DesiredInstanceCount", "sagemaker"
_IN_SECONDS, _OUT_SECONDS = 300, 60
"""Between two steps down, and between two up."""


def follow(
    name: str,
    endpoint: pulumi.Output[str],
    variant: str,
    model: ModelConfig,
    mode: RealTime | Asynchronous,
    opts: pulumi.ResourceOptions,
) -> None:
    """Let the number of a variant's instances follow the load, within the replicas of the model."""
    target = aws.appautoscaling.Target(
        f"{name}-{variant}-target",
        service_namespace=_SERVICE,
        scalable_dimension=_DIMENSION,
        resource_id=pulumi.Output.concat("endpoint/", endpoint, f"/variant/{variant}"),
        min_capacity=model.min_replicas,
        max_capacity=model.max_replicas,
        opts=opts,
    )
    aas = aws.appautoscaling
    if isinstance(mode, RealTime):
        tracked = aas.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=mode.requests_per_minute,
            scale_in_cooldown=_IN_SECONDS,
            scale_out_cooldown=_OUT_SECONDS,
            predefined_metric_specification=aas.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type="SageMakerVariantInvocationsPerInstance"
            ),
        )
    else:
        tracked = aas.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=mode.backlog_per_instance,
            scale_in_cooldown=_IN_SECONDS,
            scale_out_cooldown=_OUT_SECONDS,
            customized_metric_specification=aas.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs(
                metric_name="ApproximateBacklogSizePerInstance",
                namespace="AWS/SageMaker",
                statistic="Average",
                dimensions=[
                    aas.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs(
                        name="EndpointName", value=endpoint
                    )
                ],
            ),
        )
    _policy(f"{name}-{variant}-scaling", target, "TargetTrackingScaling", opts, tracking=tracked)
    if isinstance(mode, Asynchronous) and model.min_replicas == 0:
        _wake(f"{name}-{variant}", endpoint, target, opts)


def _wake(
    name: str, endpoint: pulumi.Output[str], target: "aws.appautoscaling.Target", opts: pulumi.ResourceOptions
) -> None:
    """Without an instance there is no backlog of each: one comes as soon as anything waits."""
    aas = aws.appautoscaling
    step = aas.PolicyStepScalingPolicyConfigurationArgs(
        adjustment_type="ChangeInCapacity",
        metric_aggregation_type="Average",
        cooldown=_IN_SECONDS,
        step_adjustments=[
            aas.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs(
                metric_interval_lower_bound="0", scaling_adjustment=1
            )
        ],
    )
    policy = _policy(f"{name}-wake", target, "StepScaling", opts, step=step)
    aws.cloudwatch.MetricAlarm(
        f"{name}-waiting",
        alarm_description="A request waits for an endpoint that has no instance",
        namespace="AWS/SageMaker",
        metric_name="HasBacklogWithoutCapacity",
        dimensions={"EndpointName": endpoint},
        statistic="Average",
        period=60,
        evaluation_periods=2,
        datapoints_to_alarm=2,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="missing",
        alarm_actions=[policy.arn],
        opts=opts,
    )


def _policy(
    name: str,
    target: "aws.appautoscaling.Target",
    kind: str,
    opts: pulumi.ResourceOptions,
    *,
    tracking: "aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs | None" = None,
    step: "aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgs | None" = None,
) -> "aws.appautoscaling.Policy":
    return aws.appautoscaling.Policy(
        name,
        policy_type=kind,
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=tracking,
        step_scaling_policy_configuration=step,
        opts=opts,
    )
