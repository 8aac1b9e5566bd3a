"""A way from the network to a Service of the cluster, for workloads that run outside of it."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.identity import Egress
from components.base.security_group import way_out
from components.foundation import Foundation
from components.kubernetes.objects import manifest

_ANNOTATION = "service.beta.kubernetes.io/aws-load-balancer-"


def way_in(
    name: str,
    *,
    foundation: Foundation,
    physical: str,
    namespace: pulumi.Input[str],
    selector: Mapping[str, str],
    port: int,
    after: pulumi.Resource,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], Egress]:
    """An internal load balancer that lets in nobody, until a client adds its own security group; its DNS name, and what
    a client needs to come in.

    The cluster's controller makes it and removes it with the Service. Source of the annotations: AWS Load Balancer
    Controller, "Service annotations".
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-security-group",
        vpc_id=foundation.network.vpc_id,
        description=f"Workloads that ask {physical} from outside the cluster",
        tags={"Name": f"{foundation.prefix}-{physical}"},
        opts=opts,
    )
    for index, block in enumerate(foundation.network.private_subnet_cidrs):
        way_out(f"{name}-to-pods-{index}", group, block=block, port=port, description="Pods", opts=opts)
    service = k8s.core.v1.Service(
        f"{name}-service",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=f"{physical}-outside",
            namespace=namespace,
            annotations={
                f"{_ANNOTATION}type": "external",
                f"{_ANNOTATION}scheme": "internal",
                f"{_ANNOTATION}nlb-target-type": "ip",
                f"{_ANNOTATION}security-groups": group.id,
                f"{_ANNOTATION}manage-backend-security-group-rules": "true",
            },
        ),
        spec=manifest(
            {
                "type": "LoadBalancer",
                "selector": dict(selector),
                "ports": [{"name": "http", "port": port, "targetPort": port}],
            }
        ),
        # Pulumi waits for a Service's endpoints.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[after])),
    )
    # What the SDK declares as optional is there: Pulumi waits for the address of a load balancer.
    host = service.status.apply(lambda status: str(status.load_balancer.ingress[0].hostname))  # type: ignore[union-attr]
    return host, Egress(cidrs=foundation.network.private_subnet_cidrs, ports=(port,), group=group.id)
