"""The internal load balancer before workloads on Fargate: TLS only, one name for each workload."""

from dataclasses import dataclass, field
from hashlib import sha256

import pulumi
import pulumi_aws as aws

from components.base.balancer_logs import BALANCER_LOGS
from components.base.component import INTERNAL, Component
from components.base.watched import Watched
from components.foundation import Foundation

_HTTPS = 443
_TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@dataclass(frozen=True, kw_only=True)
class BalancerArgs:
    """Where it stands and as what it answers."""

    foundation: Foundation
    domain: str
    certificate_arn: str
    protected: bool
    deregistration_seconds: int


@dataclass(frozen=True, kw_only=True)
class BalancerOutputs:
    """The load balancer."""

    dns_name: pulumi.Output[str]
    """What a DNS record of the domain leads to."""
    security_group_id: pulumi.Output[str]
    watched: Watched = field(metadata=INTERNAL)
    """What CloudWatch has metrics of."""


class Balancer(Component[BalancerOutputs]):
    """An application load balancer in the private subnets, with its listener and its log."""

    token = "mlops:index:Balancer"

    def __init__(self, name: str, args: BalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._args = args
        network = args.foundation.network
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            vpc_id=network.vpc_id,
            description="Load balancer of workloads of the MLOps platform",
            tags={"Name": f"{args.foundation.prefix}-workloads"},
            opts=self.child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-network",
            security_group_id=group.id,
            cidr_ipv4=network.vpc_cidr,
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            description="Clients in the network",
            opts=self.child,
        )
        balancer = aws.lb.LoadBalancer(
            f"{name}-load-balancer",
            name=f"{args.foundation.prefix}-work",
            internal=True,
            load_balancer_type="application",
            subnets=list(network.private_subnet_ids),
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.protected,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(
                bucket=args.foundation.storage.log_bucket, prefix=BALANCER_LOGS, enabled=True
            ),
            opts=self.child,
        )
        self._group, self._suffix = group, balancer.arn_suffix
        self._listener = aws.lb.Listener(
            f"{name}-listener",
            load_balancer_arn=balancer.arn,
            port=_HTTPS,
            protocol="HTTPS",
            ssl_policy=_TLS,
            certificate_arn=args.certificate_arn,
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", message_body="There is no such workload.", status_code="404"
                    ),
                )
            ],
            opts=self.child,
        )
        dimensions = {"LoadBalancer": balancer.arn_suffix}
        watched = Watched(what="balancer", namespace="AWS/ApplicationELB", dimensions=dimensions)
        self.publish(BalancerOutputs(dns_name=balancer.dns_name, security_group_id=group.id, watched=watched))

    @property
    def domain(self) -> str:
        """Below which each workload has its name."""
        return self._args.domain

    @property
    def arn_suffix(self) -> pulumi.Output[str]:
        """As metrics name it."""
        return self._suffix

    def targets(self, name: str, port: int, ready: str, opts: pulumi.ResourceOptions) -> "aws.lb.TargetGroup":
        """A target group for tasks that answer on a port."""
        return aws.lb.TargetGroup(
            name,
            # What is made of the logical name would be too long: 32 characters at most.
            name_prefix="work-",
            vpc_id=self._args.foundation.network.vpc_id,
            target_type="ip",
            port=port,
            protocol="HTTP",
            deregistration_delay=self._args.deregistration_seconds,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=ready, matcher="200", interval=15, timeout=5, healthy_threshold=2, unhealthy_threshold=2
            ),
            opts=opts,
        )

    def put_behind(
        self,
        name: str,
        host: str,
        port: int,
        targets: "list[aws.lb.TargetGroup]",
        group: "aws.ec2.SecurityGroup",
        opts: pulumi.ResourceOptions,
    ) -> "aws.lb.ListenerRule":
        """The rule that leads a host name to target groups: all to the first, until a deployment moves weights."""
        forward, one = aws.lb.ListenerRuleActionForwardArgs, aws.lb.ListenerRuleActionForwardTargetGroupArgs
        several = [one(arn=target.arn, weight=0 if place else 100) for place, target in enumerate(targets)]
        action = aws.lb.ListenerRuleActionArgs(
            type="forward",
            target_group_arn=targets[0].arn if len(targets) == 1 else None,
            forward=forward(target_groups=several) if len(targets) > 1 else None,
        )
        rule = aws.lb.ListenerRule(
            f"{name}-rule",
            listener_arn=self._listener.arn,
            priority=priority(host),
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=[f"{host}.{self._args.domain}"])
                )
            ],
            actions=[action],
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(ignore_changes=["actions"] if len(targets) > 1 else [])
            ),
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-targets",
            security_group_id=self._group.id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=host,
            opts=opts,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-balancer",
            security_group_id=group.id,
            referenced_security_group_id=self._group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description="Load balancer",
            opts=opts,
        )
        return rule


def priority(host: str) -> int:
    """A rule's place among those of its listener, 1 to 50,000, each of which one rule has. Host names exclude one
    another, so any will do; given by AWS, rules that are made at the same time would ask for the same."""
    return int(sha256(host.encode()).hexdigest(), 16) % 50_000 + 1
