"""A name under which people reach something on the cluster from within the network."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.objects import manifest
from mlops.core.module import StackFacts

_PREFIX = "alb.ingress.kubernetes.io"


def check_door(host: str | None, certificate_arn: str | None) -> None:
    """Raises:
    ValueError: one of them is there without the other.
    """
    if (host is None) != (certificate_arn is None):
        given, missing = ("host", "certificate_arn") if host else ("certificate_arn", "host")
        raise ValueError(f"{given} is set without {missing}: the load balancer speaks TLS only. Give both or neither")


def unreached(setting: str, host: str | None, stack: StackFacts) -> tuple[str, ...]:
    """Why nobody would come in under a name on that stack, one sentence; nothing when they do, or none is given."""
    if host is None or stack.private_subnets:
        return ()
    sentence = (
        f"{setting} is {host}, which is reached through an internal load balancer, and network.mode public has no "
        "private subnet for it. Set network.mode to private, or leave host out"
    )
    return (sentence,)


def internal_ingress(
    name: str,
    physical: str,
    *,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    host: str,
    certificate_arn: str,
    service: pulumi.Input[str],
    port: int,
    health_path: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """Everything under one host name to a Service, through an internal load balancer that speaks TLS only, made by the
    AWS Load Balancer Controller."""
    annotations = {
        f"{_PREFIX}/scheme": "internal",
        f"{_PREFIX}/target-type": "ip",
        f"{_PREFIX}/listen-ports": '[{"HTTPS": 443}]',
        f"{_PREFIX}/certificate-arn": certificate_arn,
        f"{_PREFIX}/ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        f"{_PREFIX}/healthcheck-path": health_path,
    }
    backend = {"service": {"name": service, "port": {"number": port}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec = {"ingressClassName": "alb", "rules": [{"host": host, "http": {"paths": [path]}}]}
    metadata = {"name": physical, "namespace": namespace, "labels": dict(labels), "annotations": annotations}
    k8s.networking.v1.Ingress(name, metadata=manifest(metadata), spec=manifest(spec), opts=opts)
