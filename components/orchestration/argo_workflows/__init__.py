"""Argo Workflows on the cluster: each step a pod, artifacts and logs in the lake, finished runs in PostgreSQL.

The loop runs in its worker's own namespace, under its account; a team's own workflows run in a namespace of theirs,
under an account with the rights that the settings name.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, IdentityOutputs, network_policy
from components.base.secret import SecretReference
from components.base.steps import PodSteps, StepKind
from components.base.watched import Watched
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.kubernetes.ingress import check_door, internal_ingress, unreached
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    custom_object,
    from_namespaces,
    name_of,
    namespace,
    release,
    service_account,
)
from components.kubernetes.references import referred_secret
from components.kubernetes.scraping import let_scrapers_in
from components.orchestration import LoopConfig, OrchestrationConfig
from components.orchestration.argo_workflows.values import METRICS_PORT, ArgoParts, Sso, argo_values
from components.surroundings import DependentOutputs, Surroundings, granted, lacks, told
from mlops.core import versions
from mlops.core.config import Card, Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import CertificateArn, Days
from mlops.core.fields.containers import GrantWords
from mlops.core.fields.kubernetes import HostName
from mlops.core.fields.login import IssuerUrl
from mlops.core.module import Need, StackFacts
from services.pipelines.workflows.argo import ArgoSettings, workflow

NAMESPACE, WORKFLOWS = "argo", "workflows"
"""Where it runs itself, and where a team's own workflows run."""
ACCOUNT = "workflow"
"""Account of a team's own workflows."""
PORT = 2746
"""Where its pages are."""
_KEPT = "argo/"
"""Where artifacts and logs lie in the zone of artifacts."""


class SsoConfig(Config):
    """An OpenID Connect provider that lets people in. What one may do there, Kubernetes' own roles say: accounts of the
    namespace `argo` with the annotation `workflows.argoproj.io/rbac-rule`."""

    issuer_url: IssuerUrl
    """The provider, as it names itself: https://login.example.com/realms/ml."""
    client_id: SecretReference
    """Client registered there, with the redirect URL `https://<host>/oauth2/callback`; Argo reads its id from a secret
    as well."""
    client_secret: SecretReference
    """The client's secret."""


class ArgoWorkflowsConfig(OrchestrationConfig):
    """Argo Workflows on the cluster."""

    card: ClassVar[Card] = Card(
        title="Argo Workflows",
        best_for="jobs whose steps are containers, on a cluster that is there already, with retries and a graph",
        not_for="pipelines that Python programmers write as functions; a stack without a cluster",
        complexity="medium",
        trade_offs="two small servers and plain Kubernetes objects, for workflows that are written as YAML",
        state="finished runs lie in the database and come back with it, to the second; artifacts and logs lie in the "
        "lake; what runs while the cluster is lost begins anew by its schedule",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    announces: ClassVar[str | None] = "Argo"
    steps: ClassVar[StepKind] = "pods"
    without: ClassVar[Mapping[str, frozenset[str]]] = {"ml_platform": frozenset({"kubeflow"})}
    exported: ClassVar[frozenset[str]] = frozenset({"orchestrationUrl"})

    kind: Literal["argo_workflows"] = "argo_workflows"
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """What a team's own workflows may do, in plain words: `read storage/curated`, `write storage/features`, `produce`,
    `consume`, `track`, `invoke`. They run in the namespace `workflows` as `workflow`; the ConfigMap `platform` there
    says where everything is."""
    archive_days: Days = 90
    """Days for which finished runs are kept in PostgreSQL."""
    parallelism: int = Field(default=50, ge=1, le=10_000)
    """Most workflows that run at once."""
    host: HostName | None = None
    """Name under which people reach its pages through an internal load balancer, `argo.example.com`; its DNS record is
    yours to make. Null leaves them inside the cluster."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `host`."""
    sso: SsoConfig | None = None
    """Who lets people in; null takes tokens of Kubernetes accounts alone."""

    @model_validator(mode="after")
    def _reachable(self) -> "ArgoWorkflowsConfig":
        check_door(self.host, self.certificate_arn)
        if self.sso and not self.host:
            raise ValueError(
                "sso is set without host: the provider sends people back to https://<host>/oauth2/callback. Set host "
                "and certificate_arn"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """What its workflows are to have rights on must be there, and nobody else may bring Argo's resources."""
        problems = [*lacks("its grants: a workflow", self.grants, tuple(stack.filled))]
        if (platform := stack.filled.get("ml_platform")) in self.without["ml_platform"]:
            problems.append(
                f"ml_platform is {platform}, which brings an Argo of its own with the same kinds of resource; choose "
                "kubeflow_pipelines for orchestration, or mlflow for ml_platform"
            )
        problems += unreached("host", self.host, stack)
        return (*super().conflicts(stack), *problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the controller, its pages, the archive, and the loop."""
        return ArgoWorkflows(name, self, around, opts)


class ArgoWorkflows(Component[DependentOutputs]):
    """A closed namespace with controller and server, another for a team's workflows, and the loop's CronWorkflow."""

    token = "mlops:index:ArgoWorkflows"

    def __init__(
        self, name: str, config: ArgoWorkflowsConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around, self._foundation = config, around, around.foundation
        self._namespace = self._space("namespace", NAMESPACE, SECRETS_ALLOWED)
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=self._foundation.database,
                cluster=self._foundation.cluster,
                consumer=NAMESPACE,
                namespace=self._namespace,
            ),
            self.child,
        ).outputs
        storage = self._foundation.storage
        server = self._identity("server", self._namespace, "argo-server", [storage.read("artifacts", _KEPT)])
        policy = network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=[login.grant],
            ingress_ports=[PORT],
            ingress_from=from_namespaces(cidrs=self._foundation.network.private_subnet_cidrs if config.host else ()),
            opts=self.child,
        )
        let_scrapers_in(f"{name}-scrapers", self._namespace, self._foundation.scrapers, [METRICS_PORT], self.child)
        workflows = self._workflows()
        self._release = release(
            name=f"{name}-release",
            chart=versions.ARGO_WORKFLOWS,
            namespace=self._namespace,
            release_name="argo-workflows",
            values=argo_values(
                ArgoParts(
                    bucket=storage.buckets["artifacts"],
                    region=self._foundation.region,
                    folder=_KEPT,
                    database=self._foundation.database.endpoint,
                    database_name=NAMESPACE,
                    login=login.secret_name,
                    server_account=server.service_account,
                    account=ACCOUNT,
                    namespaces=workflows,
                    controllers=self._foundation.cluster.controllers,
                    parallelism=config.parallelism,
                    archive_days=config.archive_days,
                    scraped=bool(self._foundation.scrapers),
                    sso=self._sso(config.sso, config.host) if config.sso and config.host else None,
                )
            ),
            # No data leads from a policy to the pods that it closes.
            opts=self.child_with(depends_on=[*self._foundation.cluster.ready, policy]),
        )
        if config.loop and isinstance(around.steps, PodSteps):
            self._loop(config.loop, around.steps)
        if config.host and config.certificate_arn:
            internal_ingress(
                f"{name}-ingress",
                "argo",
                namespace=self._namespace,
                labels={},
                host=config.host,
                certificate_arn=config.certificate_arn,
                service="argo-workflows-server",
                port=PORT,
                health_path="/",
                opts=self.child_with(depends_on=[self._release]),
            )
        inside = pulumi.Output.concat("http://argo-workflows-server.", self._namespace, f".svc.cluster.local:{PORT}")
        url = pulumi.Output.from_input(f"https://{config.host}") if config.host else inside
        watched = (Watched(what="workflows", namespace="Argo"),)
        self.publish(DependentOutputs(exports={"orchestrationUrl": url}, watched=watched))

    def _space(self, role: str, physical: str, labels: dict[str, str]) -> pulumi.Output[str]:
        return name_of(
            namespace(
                f"{self.name}-{role}",
                physical,
                security="restricted",
                labels=labels,
                opts=self.child_with(depends_on=list(self._foundation.cluster.ready)),
            )
        )

    def _identity(self, role: str, where: pulumi.Output[str], account: str, grants: list[Grant]) -> IdentityOutputs:
        args = IdentityArgs(cluster=self._foundation.cluster, namespace=where, service_account=account, grants=grants)
        return Identity(f"{self.name}-{role}-identity", args, self.child).outputs

    def _workflows(self) -> pulumi.Output[list[dict[str, str]]]:
        """The namespace of a team's own workflows, with their account; all accounts that run steps, by namespace."""
        words, around = self._config.grants, self._around
        labels = {
            **(TRACKING_ALLOWED if "track" in words else {}),
            **(SERVING_ALLOWED if "invoke" in words else {}),
        }
        where = self._space("workflows-namespace", WORKFLOWS, labels)
        grants = [granted(one, around) for one in words]
        kept = self._foundation.storage.write("artifacts", _KEPT)
        identity = self._identity("workflows", where, ACCOUNT, [*grants, kept])
        account = service_account(f"{self.name}-workflows-account", identity, namespace=where, opts=self.child)
        shut = closed(f"{self.name}-workflows-closed", where, self.child)
        policy = network_policy(
            f"{self.name}-workflows-network-policy",
            namespace=where,
            selector={},
            grants=grants,
            ingress_ports=[],
            opts=self.child,
        )
        k8s.core.v1.ConfigMap(
            f"{self.name}-workflows-settings",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="platform", namespace=where),
            data=told(words, around),
            opts=self.child,
        )
        found: list[pulumi.Output[dict[str, str]]] = [
            pulumi.Output.all(name=account, namespace=where, closed=shut.id, let_out=policy.id)
        ]
        if self._config.loop and isinstance(around.steps, PodSteps):
            found.append(pulumi.Output.all(name=around.steps.service_account, namespace=around.steps.namespace))
        return pulumi.Output.all(*found).apply(
            lambda rows: [{"name": str(row["name"]), "namespace": str(row["namespace"])} for row in rows]
        )

    def _sso(self, sso: SsoConfig, host: str) -> Sso:
        secret = referred_secret(
            f"{self.name}-sso",
            "sso",
            {"client-id": sso.client_id.value, "client-secret": sso.client_secret.value},
            cluster=self._foundation.cluster,
            namespace=self._namespace,
            opts=self.child,
        )
        return Sso(issuer=sso.issuer_url, secret=secret, redirect=f"https://{host}/oauth2/callback")

    def _loop(self, loop: LoopConfig, steps: PodSteps) -> None:
        """The CronWorkflow, whose workflows end before the controller that carries them out goes."""

        def spec(known: dict[str, Any]) -> dict[str, Any]:
            settings = ArgoSettings(
                image=known["image"],
                namespace=known["namespace"],
                service_account=known["account"],
                config_map=known["settings"],
                secrets=known["secrets"],
                place=steps.place,
                deadline_seconds=loop.deadline_minutes * 60,
                schedule=loop.cron,
            )
            found: dict[str, Any] = workflow(settings)["spec"]
            return found

        known = pulumi.Output.all(
            image=steps.image,
            namespace=steps.namespace,
            account=steps.service_account,
            settings=steps.settings,
            secrets=list(steps.secrets),
        )
        custom_object(
            f"{self.name}-loop",
            "argoproj.io/v1alpha1",
            "CronWorkflow",
            metadata={"name": "training-loop", "namespace": steps.namespace},
            spec=known.apply(spec),
            opts=self.child_with(depends_on=[self._release]),
        )
