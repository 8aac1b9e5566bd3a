"""MLflow on the cluster: experiments and model registry in PostgreSQL, artifacts in S3, behind one server.

The server hands artifacts through, so that training jobs need no right on the bucket: whoever may log a run may
store its model, and nobody reads another team's files by path.
"""

from typing import ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs, network_policy
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.foundation import Foundation
from components.kubernetes.ingress import check_door, internal_ingress
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    TRACKING_ALLOWED,
    autoscaler,
    closed,
    disruption_budget,
    from_namespaces,
    from_secret,
    manifest,
    name_of,
    namespace,
    service_account,
    to_services,
)
from components.kubernetes.way_in import way_in
from components.ml_platform import MlPlatformConfig, MlPlatformOutputs
from components.ml_platform.mlflow import server
from components.ml_platform.mlflow.auth import (
    PORT,
    Auth,
    AuthParts,
    BasicAuth,
    LoginArgs,
    NoAuth,
    OidcAuth,
    closed_to_outside,
    login_parts,
)
from mlops.core.config import Card
from mlops.core.fields.aws import CertificateArn
from mlops.core.fields.kubernetes import Cpu, GroupName, HostName, Image, Memory, check_replicas
from mlops.core.module import Need, StackFacts
from mlops.core.versions import MLFLOW_IMAGE

_NAMESPACE = "mlflow"
_SERVICE = "mlflow"
_ARTIFACTS = "mlflow/"
_MIGRATION_TIMEOUT = "60m"
"""Migrations of a large database take longer than the ten minutes for which Pulumi waits by itself."""


class MlflowConfig(MlPlatformConfig):
    """MLflow tracking server and model registry."""

    kind: Literal["mlflow"] = "mlflow"
    card: ClassVar[Card] = Card(
        title="MLflow",
        best_for="experiment tracking and a model registry that every framework and notebook already speaks",
        not_for="orchestrating pipelines or training: it records what other things do",
        complexity="low",
        trade_offs="one server with coarse permissions; PostgreSQL holds every metric, so very chatty runs cost disk",
        state="runs and registry lie in the database, artifacts in the lake, and each comes back with its place",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})

    image: Image = MLFLOW_IMAGE
    """Image with MLflow, psycopg2, boto3, the Prometheus exporter and Flask-WTF (the `-full` one has them). A network
    without a way to the internet needs a copy of it in ECR."""
    min_replicas: int = Field(default=1, ge=1, le=20)
    """Fewest servers. Two or more survive the loss of a node: they are spread over zones and drained one by one."""
    max_replicas: int = Field(default=1, ge=1, le=20)
    """Most servers; more than `min_replicas` scales by CPU."""
    target_cpu_percent: int = Field(default=70, ge=10, le=95)
    """CPU use at which a server is added, in percent of `cpu`."""
    workers: int = Field(default=2, ge=1, le=16)
    """Processes a server; they share `memory`."""
    cpu: Cpu = "500m"
    """CPU request of a server (Kubernetes quantity)."""
    memory: Memory = "1Gi"
    """Memory request and limit of a server (Kubernetes quantity)."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""
    scratch_gb: int = Field(default=10, ge=1, le=500)
    """Room for artifacts on their way to S3, GiB: each passes through the server's disk."""
    auth: Auth = NoAuth()
    """Who may use the server: `none`, `basic` (MLflow's own users) or `oidc` (an OpenID Connect provider)."""
    host: HostName | None = None
    """Name under which people reach the server through an internal load balancer, `mlflow.example.com`; its DNS
    record is yours to make. Null leaves the server inside the cluster."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `host`."""

    @property
    def highly_available(self) -> bool:
        """Whether one server may go without anybody noticing."""
        return self.min_replicas > 1

    @model_validator(mode="after")
    def _replicas(self) -> "MlflowConfig":
        check_replicas(self.min_replicas, self.max_replicas)
        return self

    @model_validator(mode="after")
    def _reachable_only_with_login(self) -> "MlflowConfig":
        check_door(self.host, self.certificate_arn)
        if self.host and isinstance(self.auth, NoAuth):
            raise ValueError(
                f"host is {self.host} and auth is none: the whole network could read and delete every experiment. "
                "Set auth.kind to basic or oidc, or leave host out"
            )
        if isinstance(self.auth, OidcAuth) and not self.host:
            raise ValueError(
                "auth is oidc without a host: the provider sends people back to https://<host>/oauth2/callback. "
                "Set host and certificate_arn"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """The node group that it names has to be there, and an internal load balancer lies in private subnets."""
        shut = closed_to_outside(self.auth) if stack.outside else ()
        misplaced = (*stack.misplaced("MLflow", self.node_group), *shut)
        if not (self.host or stack.outside) or stack.private_subnets:
            return misplaced
        why = f"host is {self.host}, which" if self.host else "workloads run outside the cluster, from where MLflow"
        away = "leave host out" if self.host else "choose a kind of serving that runs on the cluster"
        sentence = (
            f"{why} is reached through an internal load balancer, and network.mode public has no private subnet for "
            f"it. Set network.mode to private, or {away}"
        )
        return (*misplaced, sentence)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MlPlatformOutputs]:
        """Make the server."""
        return Mlflow(name, self, foundation, opts)


class Mlflow(Component[MlPlatformOutputs]):
    """A namespace with the server, its database login, its role, its migration and what keeps it available."""

    token = "mlops:index:Mlflow"

    def __init__(
        self, name: str, config: MlflowConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                _NAMESPACE,
                security="restricted",
                labels={**SECRETS_ALLOWED, **TRACKING_ALLOWED},
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=foundation.database, cluster=foundation.cluster, consumer="mlflow", namespace=self._namespace
            ),
            self.child,
        ).outputs
        grants = [foundation.storage.write("artifacts", _ARTIFACTS), login.grant]
        self._artifacts_uri = pulumi.Output.concat(
            "s3://", foundation.storage.buckets["artifacts"], "/", _ARTIFACTS.rstrip("/")
        )
        self._database = from_secret("MLFLOW_BACKEND_STORE_URI", login.secret_name, "uri")
        identity = Identity(
            f"{name}-identity",
            IdentityArgs(
                cluster=foundation.cluster, namespace=self._namespace, service_account=_SERVICE, grants=grants
            ),
            self.child,
        ).outputs
        self._place = foundation.cluster.places.of(config.node_group)
        self._account = service_account(f"{name}-service-account", identity, namespace=self._namespace, opts=self.child)
        closed(f"{name}-closed", self._namespace, self.child)
        policy = network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector=server.WORKLOAD,
            grants=grants,
            ingress_ports=[PORT],
            # An internal load balancer has addresses of the private subnets.
            ingress_from=from_namespaces(
                TRACKING_ALLOWED,
                *foundation.scrapers,
                cidrs=foundation.network.private_subnet_cidrs if config.host or foundation.outside else (),
            ),
            opts=self.child,
        )
        auth = login_parts(
            config.auth,
            LoginArgs(
                name=f"{name}-auth",
                image=config.image,
                host=config.host,
                namespace=self._namespace,
                database=self._database,
                cluster=foundation.cluster,
            ),
            self.child,
        )
        deployment = self._deployment(auth, [policy, self._migration()])
        service = self._service(deployment)
        self._availability(deployment)
        if config.host and config.certificate_arn:
            internal_ingress(
                f"{name}-ingress",
                "mlflow",
                namespace=self._namespace,
                labels=server.SERVER,
                host=config.host,
                certificate_arn=config.certificate_arn,
                service=name_of(service),
                port=PORT,
                health_path="/health",
                opts=self.child,
            )
        address = pulumi.Output.concat(name_of(service), ".", self._namespace, ".svc.cluster.local")
        way = to_services(foundation.network, [PORT])
        if foundation.outside:
            address, way = way_in(
                f"{name}-outside",
                foundation=foundation,
                physical=_SERVICE,
                namespace=self._namespace,
                selector=server.SERVER,
                port=PORT,
                after=deployment,
                opts=self.child,
            )
        self.publish(
            MlPlatformOutputs(
                tracking_uri=pulumi.Output.concat("http://", address, f":{PORT}"),
                artifacts_uri=self._artifacts_uri,
                egress=(way,),
                secrets=config.auth.secrets if isinstance(config.auth, BasicAuth) else {},
            )
        )

    def _metadata(
        self, physical: str, labels: dict[str, str] = server.SERVER, annotations: dict[str, str] | None = None
    ) -> "k8s.meta.v1.ObjectMetaArgs":
        return k8s.meta.v1.ObjectMetaArgs(
            name=physical, namespace=self._namespace, labels=labels, annotations=annotations
        )

    def _migration(self) -> "k8s.batch.v1.Job":
        users = isinstance(self._config.auth, BasicAuth)
        return k8s.batch.v1.Job(
            f"{self.name}-migration",
            # A job that failed is made anew by the next `up` instead of being waited for.
            metadata=self._metadata(
                "mlflow-migration", labels=server.MIGRATION, annotations={"pulumi.com/replaceUnready": "true"}
            ),
            spec=manifest(
                server.migration_spec(self._config.image, self._database, self._account, self._place, users=users)
            ),
            opts=self.child_with(custom_timeouts=pulumi.CustomTimeouts(create=_MIGRATION_TIMEOUT)),
        )

    def _deployment(self, auth: AuthParts, after: list[pulumi.Resource]) -> "k8s.apps.v1.Deployment":
        config = self._config
        template = server.pod_template(
            server.ServerParts(
                image=config.image,
                cpu=config.cpu,
                memory=config.memory,
                scratch_gb=config.scratch_gb,
                workers=config.workers,
                spread=config.highly_available,
                region=self._foundation.region,
                artifacts_uri=self._artifacts_uri,
                database=self._database,
                service_account=self._account,
                host=config.host,
                hosts=server.allowed_hosts(
                    _SERVICE, _NAMESPACE, config.host, self._foundation.region if self._foundation.outside else None
                ),
                auth=auth,
                place=self._place,
            )
        )
        # With an autoscaler the number is the autoscaler's: stating it here would reset it with every `up`.
        replicas = config.min_replicas if config.max_replicas == config.min_replicas else None
        return k8s.apps.v1.Deployment(
            f"{self.name}-server",
            metadata=self._metadata("mlflow"),
            spec=manifest(server.deployment_spec(template, replicas)),
            opts=self.child_with(depends_on=after),
        )

    def _service(self, deployment: "k8s.apps.v1.Deployment") -> "k8s.core.v1.Service":
        return k8s.core.v1.Service(
            f"{self.name}-service",
            metadata=self._metadata(_SERVICE),
            spec=manifest(server.service_spec()),
            # Pulumi waits for a Service's endpoints; without pods, as long as the database takes, it would give up.
            opts=self.child_with(depends_on=[deployment]),
        )

    def _availability(self, deployment: "k8s.apps.v1.Deployment") -> None:
        config = self._config
        if config.highly_available:
            disruption_budget(
                f"{self.name}-disruption-budget", self._metadata("mlflow"), server.SERVER, opts=self.child
            )
        if config.max_replicas > config.min_replicas:
            autoscaler(
                f"{self.name}-autoscaler",
                self._metadata("mlflow"),
                name_of(deployment),
                fewest=config.min_replicas,
                most=config.max_replicas,
                cpu_percent=config.target_cpu_percent,
                opts=self.child,
            )
