"""Argo CD on the cluster: workloads come from a folder of a Git repository, and what drifts is put back.

Pulumi owns AWS, CRDs and Argo CD. What workloads consist of it writes as YAML (`Handover`), with the real names and
ARNs of the stack; once that is committed, Argo CD owns it. One application owns the others, and it is the first thing
that a destroy takes away: from then on nothing is put back.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import model_validator

from components.base.component import Component
from components.base.identity import Egress, Grant, network_policy, policy_document
from components.base.secret import SecretReference
from components.base.watched import Watched
from components.delivery import DeliveryConfig
from components.delivery.argocd import objects
from components.kubernetes.handover import Handover
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    closed,
    custom_object,
    from_namespaces,
    name_of,
    namespace,
    release,
    to_services,
)
from components.kubernetes.scraping import let_scrapers_in
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Form
from mlops.core.module import Need, StackFacts

_APPLICATIONS = "apps"
"""Folder with an Application for each of the others."""
_ROOT, _WORKLOADS = "delivery", "workloads"
_SECRET = "repository"
_CASCADE = "30m"
"""Everything that was delivered goes meanwhile, load balancers included."""

RepositoryUrl = Annotated[
    str,
    Form(
        r"(?:https://|ssh://[a-z][a-z0-9_-]*@)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
        r"(?:/[A-Za-z0-9._~-]+)+",
        "the address of a Git repository without a password in it, `https://git.example.com/ml/delivery.git` or "
        "`ssh://git@git.example.com/ml/delivery.git`",
        most=500,
    ),
]
Revision = Annotated[
    str,
    Form(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?", "a branch, a tag or a commit: `main`", most=200),
]
FolderPath = Annotated[
    str,
    Form(
        r"[A-Za-z0-9](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9]))*",
        "a folder of the repository without `..` and `/` at its ends, `delivery`",
        most=200,
    ),
]
UserName = Annotated[str, Form(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?", "a user's name, `git`", most=100)]


class ArgoCdConfig(DeliveryConfig):
    """Argo CD on the cluster."""

    kind: Literal["argocd"] = "argocd"
    card: ClassVar[Card] = Card(
        title="Argo CD",
        best_for="teams whose workloads are reviewed as commits, and for whom what runs must be what is committed",
        not_for="a stack without a cluster, or one whose workloads change only with the platform: two steps for one",
        complexity="high",
        trade_offs="four servers to run and upgrade; an `up` writes files, and nothing changes until they are merged",
        state="none of its own: what is to run lies in the Git repository, and a new installation reads it there",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    example: ClassVar[Mapping[str, Any]] = {"repository": "https://git.example.com/ml/delivery.git"}

    repository: RepositoryUrl
    """Git repository that workloads come from: this one, or one of its own."""
    revision: Revision = "main"
    """What of it is delivered: a branch, a tag or a commit."""
    folder: FolderPath = "delivery"
    """Folder of it with a folder for each stack. `up` writes there, relative to where it runs."""
    username: UserName = "git"
    """User of an https repository. Services that take a token ask for any name."""
    credential: SecretReference | None = None
    """What reads the repository: a token for https, a private key for ssh; read-only is enough. Null for one that
    everybody may read."""
    self_heal: bool = True
    """Put back what somebody changes on the cluster by hand."""

    @property
    def ssh(self) -> bool:
        """Whether the repository is reached by SSH."""
        return self.repository.startswith("ssh://")

    @property
    def port(self) -> int:
        """Where the repository answers."""
        _, _, port = self.repository.partition("://")[2].partition("/")[0].partition(":")
        return int(port or (22 if self.ssh else 443))

    @model_validator(mode="after")
    def _key_for_ssh(self) -> "ArgoCdConfig":
        if self.ssh and self.credential is None:
            raise ValueError(
                f"repository is {self.repository} and credential null: nobody gets in by ssh without a key. Name the "
                "secret that holds it in credential, or use the https address"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """There have to be workloads on the cluster, and a way to the repository."""
        found: list[str] = []
        if "serving" not in stack.filled:
            found.append(
                "this stack has no serving, so there are no workloads to deliver; add one that runs containers on the "
                "cluster (kubernetes, seldon), or leave delivery out"
            )
        elif stack.outside:
            found.append(
                f"serving is {stack.filled['serving']}, whose workloads run outside the cluster, where Argo CD owns "
                "nothing; set serving.kind to kubernetes or seldon, or delivery.kind to direct"
            )
        if not stack.way_out:
            found.append(
                "network.mode isolated has no way to the repository; set it to private, or delivery.kind to direct"
            )
        return tuple(found)

    def handover(self, prefix: str) -> Handover:
        """A folder of the repository for this stack."""
        return Handover(name="delivery", folder=f"{self.folder}/{prefix}", cluster=prefix)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make Argo CD, and the application that owns the others."""
        return ArgoCd(name, self, around, opts)


class ArgoCd(Component[DependentOutputs]):
    """A closed namespace with Argo CD, a project that limits what it may deliver, and the application of all."""

    token = "mlops:index:ArgoCd"

    def __init__(
        self, name: str, config: ArgoCdConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation = around.foundation
        self._handover = foundation.handover or config.handover(foundation.prefix)
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                objects.NAMESPACE,
                security="restricted",
                labels=SECRETS_ALLOWED,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        chart = release(
            f"{name}-argo",
            versions.ARGO_CD,
            namespace=self._namespace,
            release_name="argocd",
            values=objects.values(foundation.cluster.controllers, scraped=bool(foundation.scrapers)),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=self._close()),
        )
        delivered = list(self._handover.places)
        projects = [
            self._project(_WORKLOADS, "What workloads consist of", delivered, chart),
            self._project(_ROOT, "The applications of workloads", [objects.NAMESPACE], chart),
        ]
        secret = self._credential()
        children = [self._child(place, chart) for place in delivered]
        # What it owns goes with it, while all that this needs is there: namespaces' controllers, secrets, roles.
        after = [chart, *projects, *secret, *children, *self._handover.workloads]
        self._application(
            _ROOT,
            project=_ROOT,
            namespace=objects.NAMESPACE,
            path=_APPLICATIONS,
            opts=self.child_with(depends_on=after, custom_timeouts=pulumi.CustomTimeouts(delete=_CASCADE)),
        )
        url = pulumi.Output.concat("https://argocd-server.", self._namespace, ".svc.cluster.local")
        watched = (Watched(what="delivery", namespace="ArgoCd"),)
        self.publish(DependentOutputs(exports={"deliveryUrl": url}, watched=watched))

    def _close(self) -> list[pulumi.Resource]:
        config, network = self._config, self._foundation.network
        let_scrapers_in(
            f"{self.name}-scrapers",
            self._namespace,
            self._foundation.scrapers,
            objects.METRICS_PORTS,
            self.child,
        )
        among = Grant(resource="delivery", access="run", egress=(to_services(network, objects.INSIDE_PORTS),))
        # Whoever keeps the repository says where it is; an address by name is none for a network policy.
        away = Grant(resource="repository", access="read", egress=(Egress(cidrs=("0.0.0.0/0",), ports=(config.port,)),))
        return [
            closed(f"{self.name}-closed", self._namespace, self.child),
            network_policy(
                f"{self.name}-network-policy",
                namespace=self._namespace,
                selector={},
                grants=[among] if config.port == 443 else [among, away],
                ingress_ports=objects.INSIDE_PORTS,
                ingress_from=from_namespaces(),
                opts=self.child,
            ),
        ]

    def _project(
        self, physical: str, description: str, namespaces: list[str], chart: pulumi.Resource
    ) -> pulumi.Resource:
        return custom_object(
            f"{self.name}-project-{physical}",
            objects.API,
            "AppProject",
            metadata={"name": physical, "namespace": self._namespace},
            spec=objects.project(description, self._config.repository, namespaces, applications=physical == _ROOT),
            opts=self.child_with(depends_on=[chart]),
        )

    def _credential(self) -> list[pulumi.Resource]:
        """The Secret by which Argo CD reaches the repository, filled by External Secrets from the one that the settings
        name."""
        config, cluster = self._config, self._foundation.cluster
        if config.credential is None:
            return []
        value = config.credential.value
        right = aws.iam.RolePolicy(
            f"{self.name}-repository-policy",
            role=cluster.external_secrets_role,
            policy=policy_document(value.read()),
            opts=self.child,
        )
        spec = {
            "refreshPolicy": "Periodic",
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": cluster.secret_store},
            "data": [{"secretKey": "credential", "remoteRef": dict(value.remote)}],
            "target": {
                "name": _SECRET,
                "creationPolicy": "Owner",
                "template": objects.credential(config.repository, config.username, ssh=config.ssh),
            },
        }
        return [
            custom_object(
                f"{self.name}-repository",
                "external-secrets.io/v1",
                "ExternalSecret",
                metadata={"name": _SECRET, "namespace": self._namespace},
                spec=spec,
                # External Secrets asks at once, and would be refused.
                opts=self.child_with(depends_on=[right]),
            )
        ]

    def _child(self, place: str, chart: pulumi.Resource) -> pulumi.Resource:
        """The application of a folder, itself in the folder of applications."""
        opts = self._handover.into(_APPLICATIONS, self.child_with(depends_on=[chart]))
        return self._application(place, project=_WORKLOADS, namespace=place, path=place, opts=opts)

    def _application(
        self, physical: str, *, project: str, namespace: str, path: str, opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        config = self._config
        return custom_object(
            f"{self.name}-application-{physical}",
            objects.API,
            "Application",
            metadata={"name": physical, "namespace": self._namespace, "finalizers": [objects.FINALIZER]},
            spec=objects.application(
                project,
                namespace,
                repository=config.repository,
                revision=config.revision,
                path=f"{self._handover.folder}/{path}",
                self_heal=config.self_heal,
            ),
            opts=opts,
        )
