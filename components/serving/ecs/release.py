"""How ECS lets a new image of a service take over: at once, or by weights of two target groups.

ECS itself moves the weights, waits, and goes back when an alarm rings. Source: ECS developer guide, "Amazon ECS canary
deployments" and "linear deployments"; ECS API, CanaryConfiguration and LinearConfiguration.
"""

import pulumi
import pulumi_aws as aws

from components.base.release import ReleaseConfig, ReleaseStep

MOST_BAKE_MINUTES = 1440
LEAST_STEP_PERCENT = 3
INFRASTRUCTURE_POLICY = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
"""Rights to move weights of a listener's rules. Source: AWS managed policy reference."""


def steps(release: ReleaseConfig) -> tuple[ReleaseStep, ...]:
    """The steps that ECS takes: those that are given, else the first of the strategy's own."""
    return release.steps or release.stages[:1]


def misfits(what: str, release: ReleaseConfig, *, balanced: bool) -> tuple[str, ...]:
    """Why ECS cannot release an image so, one sentence each."""
    if release.strategy == "rolling":
        return ()
    found: list[str] = []
    taken = steps(release)
    if not balanced:
        found.append(
            f"{what} has release.strategy {release.strategy}, for which ECS moves weights of a load balancer, and "
            "there is none; set serving.domain and serving.certificate_arn, or strategy to rolling"
        )
    if any(step.bake_minutes > MOST_BAKE_MINUTES for step in taken):
        found.append(f"{what} bakes a step for more than {MOST_BAKE_MINUTES} minutes, the longest that ECS waits")
    shares, first = [step.percent for step in taken], taken[0]
    even = [round(first.percent * place, 3) for place in range(1, len(taken) + 1)]
    if len(taken) > 1 and (
        shares != even
        or first.percent < LEAST_STEP_PERCENT
        or any(step.bake_minutes != first.bake_minutes for step in taken)
    ):
        found.append(
            f"{what} has release.steps of {', '.join(f'{share:g}' for share in shares)} %, and ECS takes one step, or "
            f"equal ones of {LEAST_STEP_PERCENT} % or more with the same bake_minutes: {first.percent:g}, "
            f"{2 * first.percent:g}, {3 * first.percent:g} %"
        )
    return tuple(found)


def deployment(release: ReleaseConfig) -> "aws.ecs.ServiceDeploymentConfigurationArgs | None":
    """How ECS moves requests over; None replaces tasks one after another."""
    if release.strategy == "rolling":
        return None
    ecs, (first, *more) = aws.ecs, steps(release)
    bake = str(first.bake_minutes)
    if more:
        linear = ecs.ServiceDeploymentConfigurationLinearConfigurationArgs(
            step_percent=first.percent, step_bake_time_in_minutes=bake
        )
        return ecs.ServiceDeploymentConfigurationArgs(
            strategy="LINEAR", bake_time_in_minutes=bake, linear_configuration=linear
        )
    canary = ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
        canary_percent=first.percent, canary_bake_time_in_minutes=bake
    )
    return ecs.ServiceDeploymentConfigurationArgs(
        strategy="CANARY", bake_time_in_minutes=bake, canary_configuration=canary
    )


def alarm(
    name: str,
    release: ReleaseConfig,
    balancer: pulumi.Output[str],
    targets: "list[aws.lb.TargetGroup]",
    opts: pulumi.ResourceOptions,
) -> "aws.cloudwatch.MetricAlarm | None":
    """Rings when more requests fail than the guards allow, over both target groups; None where they allow any."""
    most = release.guards.most_error_percent
    if most is None:
        return None
    args = aws.cloudwatch.MetricAlarmMetricQueryArgs
    queries = [
        args(
            id=f"{kind}{place}",
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/ApplicationELB",
                metric_name=metric,
                stat="Sum",
                period=60,
                dimensions={"LoadBalancer": balancer, "TargetGroup": target.arn_suffix},
            ),
        )
        for kind, metric in (("failed", "HTTPCode_Target_5XX_Count"), ("all", "RequestCount"))
        for place, target in enumerate(targets)
    ]
    share = "100 * (FILL(failed0, 0) + FILL(failed1, 0)) / (FILL(all0, 0) + FILL(all1, 0))"
    return aws.cloudwatch.MetricAlarm(
        f"{name}-errors",
        alarm_description=f"More than {most:g} % of the requests fail: the deployment goes back",
        comparison_operator="GreaterThanThreshold",
        threshold=most,
        evaluation_periods=3,
        datapoints_to_alarm=2,
        treat_missing_data="notBreaching",
        metric_queries=[
            args(id="share", expression=share, label="failed requests, percent", return_data=True),
            *queries,
        ],
        opts=opts,
    )
