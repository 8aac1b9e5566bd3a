"""Grafana's settings, and the name under which people come to it."""

from dataclasses import dataclass

import pulumi
from pydantic import Field, model_validator

from components.base.identity import network_policy
from components.base.secret import SecretReference
from components.kubernetes.ingress import check_door, internal_ingress
from components.kubernetes.objects import from_namespaces
from components.monitoring.prometheus import values
from components.network import NetworkOutputs
from mlops.core.config import Config
from mlops.core.fields.aws import CertificateArn
from mlops.core.fields.kubernetes import HostName

_GRAFANA = {"app.kubernetes.io/name": "grafana"}


class GrafanaConfig(Config):
    """Where people look. It keeps users and their own dashboards in the platform's PostgreSQL where there is one, and
    on a volume of its own where there is none."""

    replicas: int = Field(default=1, ge=1, le=5)
    """How many there are; two or more need the database, which they share."""
    storage_gb: int = Field(default=10, ge=1, le=1_000)
    """Its volume, GiB, where the stack has no database."""
    host: HostName | None = None
    """Name under which people reach it through an internal load balancer, `grafana.example.com`; its DNS record is
    yours to make. Null leaves it inside the cluster: `kubectl port-forward`."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `host`."""
    admin_secret: SecretReference | None = None
    """The password of Grafana's `admin`, which it takes when it first starts, and keeps. Null makes one in the cluster:
    key `admin-password` of the Secret `grafana` in namespace `monitoring`."""

    @model_validator(mode="after")
    def _whole_door(self) -> "GrafanaConfig":
        check_door(self.host, self.certificate_arn)
        return self


@dataclass(frozen=True, kw_only=True)
class DoorArgs:
    """The door, and what stands behind it."""

    host: str
    certificate_arn: str
    namespace: pulumi.Output[str]
    network: NetworkOutputs
    grafana: pulumi.Resource


def door(name: str, args: DoorArgs, opts: pulumi.ResourceOptions) -> None:
    """A load balancer for people, let in to Grafana's pods: it has addresses of the private subnets."""
    network_policy(
        f"{name}-network-policy",
        namespace=args.namespace,
        selector=_GRAFANA,
        grants=(),
        ingress_ports=[values.GRAFANA_PORT],
        ingress_from=from_namespaces(cidrs=args.network.private_subnet_cidrs),
        opts=opts,
    )
    internal_ingress(
        f"{name}-ingress",
        "grafana",
        namespace=args.namespace,
        labels=_GRAFANA,
        host=args.host,
        certificate_arn=args.certificate_arn,
        service=values.GRAFANA,
        port=80,
        health_path="/api/health",
        # Its Service comes with the chart.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[args.grafana])),
    )
