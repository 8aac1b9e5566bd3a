"""Apache Airflow on the cluster: each task a pod, metadata in PostgreSQL, logs in the lake.

DAGs come with the image or from a Git repository. The loop is a DAG of the platform's own, whose tasks are pods in its
worker's namespace.
"""

import hashlib
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Egress, Grant, Identity, IdentityArgs, network_policy
from components.base.steps import PodSteps, StepKind
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.kubernetes.ingress import check_door, internal_ingress, unreached
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    from_namespaces,
    generated_secret,
    manifest,
    name_of,
    namespace,
    release,
    to_services,
)
from components.kubernetes.references import referred_secret
from components.kubernetes.scraping import let_scrapers_in
from components.orchestration import LoopConfig, OrchestrationConfig
from components.orchestration.airflow.git import GitConfig
from components.orchestration.airflow.values import (
    METRICS,
    PAGES,
    POD_RULES,
    TRIGGERER_LOGS,
    WORKER_LOGS,
    AirflowParts,
    GitParts,
    airflow_values,
    metrics_policy,
)
from components.surroundings import DependentOutputs, Surroundings, granted, lacks, told
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import CertificateArn, Days
from mlops.core.fields.containers import GrantWords
from mlops.core.fields.kubernetes import HostName, Image
from mlops.core.module import Need, StackFacts
from services.pipelines.workflows.airflow import AirflowPods, AirflowSettings, dag_file

NAMESPACE = "airflow"
_LOGS = "airflow/"
"""Where logs lie in the zone of artifacts."""
_PORTS = (PAGES, WORKER_LOGS, TRIGGERER_LOGS)
_KEYS = {
    # 32 letters and digits are the 32 bytes of a key, and encode without the two signs that URLs escape.
    "fernet-key": "{{ .fernet | b64enc }}",
    "api-secret-key": "{{ .session }}",
    "jwt-secret": "{{ .signing }}{{ .signed }}",
    "admin-password": "{{ .admin }}",
}
"""Key of Airflow's own Secret -> what it is made of."""
_WHY_NO_NEW_KEYS = (
    "connections are encrypted with it - airflow rotate-fernet-key rewrites them once both keys are known"
)


class AirflowConfig(OrchestrationConfig):
    """Apache Airflow on the cluster."""

    card: ClassVar[Card] = Card(
        title="Apache Airflow",
        best_for="many pipelines that people write in Python, with hundreds of ready operators, on their own cluster",
        not_for="a handful of jobs of containers, for which argo_workflows is two small servers instead of four large",
        complexity="high",
        trade_offs="whatever Airflow can, at the price of four servers, a database that grows, and upgrades of DAGs",
        state="runs, connections and users lie in the database and come back with it, to the second; connections are "
        "read with the key in the Secret `airflow-keys`, which slot backup brings back; logs lie in the lake",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    steps: ClassVar[StepKind] = "pods"
    exported: ClassVar[frozenset[str]] = frozenset({"orchestrationUrl"})

    kind: Literal["airflow"] = "airflow"
    image: Image = versions.AIRFLOW_IMAGE
    """Image with Airflow and the providers that DAGs need, made from this one; DAGs in it lie in /opt/airflow/dags."""
    git: GitConfig | None = None
    """Repository that DAGs come from, looked at once a minute; null takes those of the image."""
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """What tasks of DAGs may do, in plain words: `read storage/curated`, `write storage/features`, `produce`,
    `consume`, `track`, `invoke`. Their pods know where everything is from the ConfigMap `platform`."""
    parallelism: int = Field(default=32, ge=1, le=10_000)
    """Most tasks that run at once."""
    runs_days: Days = 90
    """Days for which finished runs are kept in PostgreSQL."""
    host: HostName | None = None
    """Name under which people reach its pages through an internal load balancer, `airflow.example.com`; its DNS record
    is yours to make. Null leaves them inside the cluster. They log in as `admin`, with the password in the Secret
    `airflow-keys`, key `admin-password`, and make further users there."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `host`."""

    @model_validator(mode="after")
    def _reachable(self) -> "AirflowConfig":
        check_door(self.host, self.certificate_arn)
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """What DAGs are to have rights on must be there, and a repository outside must be within reach."""
        problems = [*lacks("its grants: a DAG", self.grants, tuple(stack.filled))]
        if self.git and not stack.way_out:
            problems.append(
                f"git.repository is {self.git.repository}, and network.mode isolated has no way there; bring DAGs with "
                "image, or set network.mode to private"
            )
        problems += unreached("host", self.host, stack)
        return (*super().conflicts(stack), *problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make Airflow, and the loop's DAG."""
        return Airflow(name, self, around, opts)


class Airflow(Component[DependentOutputs]):
    """A closed namespace with Airflow's servers and the pods of its tasks."""

    token = "mlops:index:Airflow"

    def __init__(
        self, name: str, config: AirflowConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around, self._foundation = config, around, around.foundation
        foundation, storage = around.foundation, around.foundation.storage
        words = config.grants
        labels = {
            **SECRETS_ALLOWED,
            **(TRACKING_ALLOWED if "track" in words else {}),
            **(SERVING_ALLOWED if "invoke" in words else {}),
        }
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                NAMESPACE,
                security="restricted",
                labels=labels,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        wanted = DatabaseLoginArgs(
            database=foundation.database, cluster=foundation.cluster, consumer=NAMESPACE, namespace=self._namespace
        )
        login = DatabaseLogin(f"{name}-login", wanted, self.child).outputs
        rights = [granted(one, around) for one in words]
        logs = storage.write("artifacts", _LOGS)
        grants = {
            "workers": [*rights, logs],
            "triggerer": [*rights, logs],
            "apiServer": [storage.read("artifacts", _LOGS)],
        }
        accounts = {part: self._account(part, given) for part, given in grants.items()}
        k8s.core.v1.ConfigMap(
            f"{name}-settings",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="platform", namespace=self._namespace),
            data=told(words, around),
            opts=self.child,
        )
        policy = self._close([login.grant, *rights])
        if foundation.scrapers:
            self._measured()
        loop = None
        if config.loop and isinstance(around.steps, PodSteps):
            loop = self._loop(config.loop, around.steps)
            self._may_start_pods(around.steps.namespace, accounts["workers"])
        released = release(
            name=f"{name}-release",
            chart=versions.AIRFLOW,
            namespace=self._namespace,
            release_name=NAMESPACE,
            values=airflow_values(
                AirflowParts(
                    image=config.image,
                    logs=pulumi.Output.concat("s3://", storage.buckets["artifacts"], f"/{_LOGS}logs"),
                    login=login.secret_name,
                    keys=self._keys(),
                    accounts=accounts,
                    controllers=foundation.cluster.controllers,
                    parallelism=config.parallelism,
                    runs_days=config.runs_days,
                    loop=loop,
                    scraped=bool(foundation.scrapers),
                    git=self._git(config.git) if config.git else None,
                    host=config.host,
                )
            ),
            # No data leads from a policy to the pods that it closes.
            opts=self.child_with(depends_on=[*foundation.cluster.ready, policy]),
        )
        if config.host and config.certificate_arn:
            internal_ingress(
                f"{name}-ingress",
                "airflow",
                namespace=self._namespace,
                labels={},
                host=config.host,
                certificate_arn=config.certificate_arn,
                service="airflow-api-server",
                port=PAGES,
                health_path="/api/v2/version",
                opts=self.child_with(depends_on=[released]),
            )
        inside = pulumi.Output.concat("http://airflow-api-server.", self._namespace, f".svc.cluster.local:{PAGES}")
        url = pulumi.Output.from_input(f"https://{config.host}") if config.host else inside
        self.publish(DependentOutputs(exports={"orchestrationUrl": url}))

    def _account(self, part: str, grants: list[Grant]) -> pulumi.Output[str]:
        """Name of a part's account, which the chart makes, once its role has its rights."""
        role = {"workers": "worker", "apiServer": "api-server"}.get(part, part)
        args = IdentityArgs(
            cluster=self._foundation.cluster,
            namespace=self._namespace,
            service_account=f"airflow-{role}",
            grants=grants,
        )
        return Identity(f"{self.name}-{role}-identity", args, self.child).outputs.service_account

    def _close(self, grants: list[Grant]) -> pulumi.Resource:
        """Pods reach one another, the database, what DAGs have rights on, AWS and the API server."""
        inside: Egress = to_services(self._foundation.network, _PORTS)
        closed(f"{self.name}-closed", self._namespace, self.child)
        return network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=[Grant(resource="airflow", access="inside", egress=(inside,)), *grants],
            ingress_ports=_PORTS,
            ingress_from=from_namespaces(
                cidrs=self._foundation.network.private_subnet_cidrs if self._config.host else ()
            ),
            opts=self.child,
        )

    def _measured(self) -> None:
        """Airflow tells a pod of its own what it measures, by UDP, and scrapers fetch it there."""
        foundation = self._foundation
        k8s.networking.v1.NetworkPolicy(
            f"{self.name}-metrics-network-policy",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="metrics", namespace=self._namespace),
            spec=manifest(metrics_policy(to_services(foundation.network, ()).cidrs)),
            opts=self.child,
        )
        let_scrapers_in(f"{self.name}-scrapers", self._namespace, foundation.scrapers, [METRICS], self.child)

    def _keys(self) -> pulumi.Output[str]:
        words = ("fernet", "session", "signing", "signed", "admin")
        return generated_secret(
            f"{self.name}-keys",
            "airflow-keys",
            words,
            made=_KEYS,
            unrotated=_WHY_NO_NEW_KEYS,
            namespace=self._namespace,
            opts=self.child,
        )

    def _git(self, git: GitConfig) -> GitParts:
        secret = None
        if git.username and git.password:
            secret = referred_secret(
                f"{self.name}-git",
                "git",
                {"GITSYNC_USERNAME": git.username.value, "GITSYNC_PASSWORD": git.password.value},
                cluster=self._foundation.cluster,
                namespace=self._namespace,
                opts=self.child,
            )
        return GitParts(repository=git.repository, ref=git.ref, path=git.path, secret=secret)

    def _loop(self, loop: LoopConfig, steps: PodSteps) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """The ConfigMap with the loop's DAG, and a word that changes with it; tasks of Airflow may start pods where the
        loop's worker runs."""

        def file(known: dict[str, Any]) -> str:
            settings = AirflowSettings(
                runs=AirflowPods(**known, place=steps.place),
                schedule=loop.cron,
                deadline_seconds=loop.deadline_minutes * 60,
            )
            return dag_file(settings)

        written = pulumi.Output.all(
            image=steps.image,
            namespace=steps.namespace,
            service_account=steps.service_account,
            config_map=steps.settings,
            secrets=list(steps.secrets),
        ).apply(file)
        made = k8s.core.v1.ConfigMap(
            f"{self.name}-loop",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="training-loop", namespace=self._namespace),
            data={"training_loop.py": written},
            opts=self.child,
        )
        version = written.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])
        return name_of(made), version

    def _may_start_pods(self, where: pulumi.Output[str], account: pulumi.Output[str]) -> None:
        metadata = k8s.meta.v1.ObjectMetaArgs(name="airflow-steps", namespace=where)
        role = k8s.rbac.v1.Role(
            f"{self.name}-loop-role", metadata=metadata, rules=[manifest(rule) for rule in POD_RULES], opts=self.child
        )
        k8s.rbac.v1.RoleBinding(
            f"{self.name}-loop-role-binding",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name_of(role)},
            subjects=[{"kind": "ServiceAccount", "name": account, "namespace": self._namespace}],
            opts=self.child,
        )
