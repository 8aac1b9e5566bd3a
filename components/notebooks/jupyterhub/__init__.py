"""JupyterHub on the cluster: a server of one's own for everybody, in the size that they choose, with the rights of the
group that they belong to.

Servers come when somebody opens one and go when nobody works there; what people keep is on a volume of their own. The
hub knows who they are from the platform's PostgreSQL, and itself keeps nothing.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.base.watched import Watched
from components.database.login import DatabaseLogin, DatabaseLoginArgs, DatabaseLoginOutputs
from components.kubernetes.ingress import check_door, internal_ingress, unreached
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    from_namespaces,
    generated_secret,
    name_of,
    namespace,
    release,
    service_account,
)
from components.kubernetes.references import referred_secret
from components.kubernetes.scraping import let_scrapers_in
from components.notebooks import NotebooksConfig
from components.notebooks.jupyterhub.people import (
    EVERYBODY,
    PROFILES,
    Login,
    OidcLogin,
    PasswordLogin,
    PeopleConfig,
    ProfileConfig,
    Rights,
    check_groups,
)
from components.notebooks.jupyterhub.values import (
    COMPONENT,
    HUB_PORT,
    PROXY_PORT,
    RELEASE,
    Hub,
    Identified,
    Servers,
    values,
)
from components.surroundings import DependentOutputs, Surroundings, granted, lacks, told
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import CertificateArn
from mlops.core.fields.kubernetes import HostName, Image
from mlops.core.module import Need, StackFacts

_NAMESPACE = "notebooks"
_PROXY_SERVICE = "proxy-public"


class JupyterHubConfig(NotebooksConfig):
    """JupyterHub on the cluster."""

    kind: Literal["jupyterhub"] = "jupyterhub"
    card: ClassVar[Card] = Card(
        title="JupyterHub",
        best_for="teams that work in notebooks beside the cluster's models and data, GPUs included",
        not_for="a stack without a cluster, or a handful of people for whom sagemaker_studio has nothing to run",
        complexity="medium",
        trade_offs="servers cost what their nodes cost and go when nobody works; hub and proxy are one pod each, and "
        "while one is replaced nobody comes in, though what runs goes on",
        state="who has a server lies in the database and comes back with it; what people keep lies on volumes of the "
        "cluster, which slot backup brings back",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    announces: ClassVar[str | None] = "JupyterHub"

    image: Image = versions.NOTEBOOK_IMAGE
    """Image of people's servers: JupyterLab with `jupyterhub-singleuser` of the hub's version, for user 1000. A network
    without a way to the internet needs a copy of it in ECR."""
    profiles: Annotated[tuple[ProfileConfig, ...], Unique(most=20, by="name"), Field(min_length=1)] = PROFILES
    """Sizes that people choose from; the first is chosen for them."""
    users: int = Field(default=10, ge=1, le=100_000)
    """People who will have a volume: what the estimate reckons with."""
    most_servers: int = Field(default=3, ge=1, le=10_000)
    """Servers that run at the same time; the next person is asked to wait. The plan reckons with nodes for all."""
    storage_gb: int = Field(default=10, ge=1, le=16_384)
    """Volume of each person, GiB. It stays as long as the stack."""
    idle_minutes: int = Field(default=60, ge=5, le=10_080)
    """Minutes without activity after which a server is stopped. What is on its volume stays."""
    most_hours: int | None = Field(default=None, ge=1, le=720)
    """Hours after which a server is stopped whatever it does; null lets it run as long as it is used."""
    grants: Rights = ("read storage/curated", "read storage/features")
    """What everybody may do, in plain words: `read storage/curated`, `track`, `invoke`."""
    groups: Annotated[tuple[PeopleConfig, ...], Unique(most=50, by="name")] = ()
    """Groups of people who may do more. Somebody of several has the rights of the last."""
    login: Login = PasswordLogin()
    """Who comes in: `password` (one for everybody) or `oidc` (an OpenID Connect provider)."""
    host: HostName | None = None
    """Name under which people reach it through an internal load balancer, `notebooks.example.com`; its DNS record is
    yours to make. Null leaves it inside the cluster, behind `kubectl port-forward`."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `host`."""

    @model_validator(mode="after")
    def _reachable_only_with_login(self) -> "JupyterHubConfig":
        check_door(self.host, self.certificate_arn)
        if self.host and isinstance(self.login, PasswordLogin):
            raise ValueError(
                f"host is {self.host} and login is password: the whole network could try it, and whoever has it comes "
                "in under any name. Set login.kind to oidc, or leave host out"
            )
        if isinstance(self.login, OidcLogin) and not self.host:
            raise ValueError(
                "login is oidc without a host: the provider sends people back to https://<host>/hub/oauth_callback. "
                "Set host and certificate_arn"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "JupyterHubConfig":
        check_groups(self.groups, self.login)
        if ":" not in self.image.rpartition("/")[2] or "@" in self.image:
            raise ValueError(f"image is {self.image}; give it with a tag and without a digest: the chart has no field")
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Profiles go to node groups that are there, rights are on modules that are there, a way in is private."""
        found = [
            problem
            for profile in self.profiles
            for problem in stack.misplaced(f"profile {profile.name}", profile.node_group, gpus=bool(profile.gpus))
        ]
        found += lacks("everybody", self.grants, stack.filled)
        found += [problem for one in self.groups for problem in lacks(f"group {one.name}", one.grants, stack.filled)]
        found += unreached("host", self.host, stack)
        return tuple(found)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the hub, and the identities of those who come in."""
        return JupyterHub(name, self, around, opts)


class JupyterHub(Component[DependentOutputs]):
    """A closed namespace with hub and proxy, an identity for everybody and one for each group, and a way in."""

    token = "mlops:index:JupyterHub"

    def __init__(
        self, name: str, config: JupyterHubConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around = config, around
        self._foundation = foundation = around.foundation
        every = {EVERYBODY: config.grants, **{one.name: (*config.grants, *one.grants) for one in config.groups}}
        self._namespace = self._space({word for words in every.values() for word in words})
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=foundation.database,
                cluster=foundation.cluster,
                consumer="jupyterhub",
                namespace=self._namespace,
            ),
            self.child,
        ).outputs
        policies = self._close(login)
        known = {one.name: one.known_as for one in config.groups}
        people = {group: self._identity(group, words, known.get(group, "")) for group, words in every.items()}
        servers = Servers(
            image=config.image,
            profiles=config.profiles,
            places=foundation.cluster.places,
            storage_gb=config.storage_gb,
            storage_class=foundation.cluster.storage_class,
            users=config.users,
            most=config.most_servers,
            everybody=people[EVERYBODY],
            groups=[people[group] for group in known],
        )
        hub = Hub(
            database=_reference(login.secret_name, "uri"),
            login=config.login,
            secret=self._secret(config.login),
            host=config.host,
            idle_minutes=config.idle_minutes,
            most_hours=config.most_hours,
            scraped=bool(foundation.scrapers),
        )
        chart = release(
            f"{name}-hub",
            versions.JUPYTERHUB,
            namespace=self._namespace,
            release_name=RELEASE,
            values=values(hub, servers),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=policies),
        )
        watched = (Watched(what="notebooks", namespace="JupyterHub"),)
        self.publish(DependentOutputs(exports={"notebooksUrl": self._url(chart)}, watched=watched))

    def _space(self, words: set[str]) -> pulumi.Output[str]:
        labels = {
            **SECRETS_ALLOWED,
            **(TRACKING_ALLOWED if "track" in words else {}),
            **(SERVING_ALLOWED if "invoke" in words else {}),
        }
        # People's volumes go with the namespace, and before what removes volumes does.
        ready = self.child_with(depends_on=list(self._foundation.cluster.ready))
        return name_of(
            namespace(f"{self.name}-namespace", _NAMESPACE, security="restricted", labels=labels, opts=ready)
        )

    def _close(self, login: DatabaseLoginOutputs) -> list[pulumi.Resource]:
        """Nothing in or out but what the chart's policies say of its own parts, and these."""
        clients = from_namespaces(cidrs=self._foundation.network.private_subnet_cidrs if self._config.host else ())
        let_scrapers_in(f"{self.name}-scrapers", self._namespace, self._foundation.scrapers, [HUB_PORT], self.child)
        return [
            closed(f"{self.name}-closed", self._namespace, self.child),
            network_policy(
                f"{self.name}-hub-network-policy",
                namespace=self._namespace,
                selector={COMPONENT: "hub"},
                grants=[login.grant],
                ingress_ports=(),
                opts=self.child,
            ),
            network_policy(
                f"{self.name}-proxy-network-policy",
                namespace=self._namespace,
                selector={COMPONENT: "proxy"},
                grants=(),
                ingress_ports=[PROXY_PORT],
                ingress_from=clients,
                opts=self.child,
            ),
        ]

    def _identity(self, group: str, words: Rights, known_as: str) -> Identified:
        """A role with exactly these rights, for servers with the group's label."""
        named = f"{self.name}-{group}"
        grants: Sequence[Grant] = [granted(word, self._around) for word in dict.fromkeys(words)]
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(
                cluster=self._foundation.cluster, namespace=self._namespace, service_account=group, grants=grants
            ),
            self.child,
        ).outputs
        found = Identified(
            group=group,
            account=service_account(f"{named}-account", identity, namespace=self._namespace, opts=self.child),
            variables=told(words, self._around),
            known_as=known_as,
        )
        network_policy(
            f"{named}-network-policy",
            namespace=self._namespace,
            selector=found.labels,
            grants=grants,
            ingress_ports=(),
            opts=self.child,
        )
        return found

    def _secret(self, login: PasswordLogin | OidcLogin) -> dict[str, object]:
        named, key = f"{self.name}-password", "password"
        if isinstance(login, PasswordLogin):
            made = generated_secret(
                named,
                "jupyterhub-login",
                [key],
                unrotated="people were told it and a new one would lock out all of them",
                namespace=self._namespace,
                opts=self.child,
            )
            return _reference(made, key)
        key = "client-secret"
        secret = referred_secret(
            f"{self.name}-client",
            "jupyterhub-client",
            {key: login.client_secret.value},
            cluster=self._foundation.cluster,
            namespace=self._namespace,
            opts=self.child,
        )
        return _reference(secret, key)

    def _url(self, chart: pulumi.Resource) -> pulumi.Output[str]:
        """Where people find it; makes the way in where it has a name."""
        config = self._config
        service = pulumi.Output.all(_PROXY_SERVICE, chart.id).apply(lambda values: str(values[0]))  # type: ignore[attr-defined]
        if not (config.host and config.certificate_arn):
            return pulumi.Output.concat("http://", service, ".", self._namespace, ".svc.cluster.local")
        internal_ingress(
            f"{self.name}-ingress",
            "jupyterhub",
            namespace=self._namespace,
            labels={},
            host=config.host,
            certificate_arn=config.certificate_arn,
            service=service,
            port=80,
            health_path="/hub/health",
            opts=self.child,
        )
        return service.apply(lambda _: f"https://{config.host}")


def _reference(secret: pulumi.Input[str], key: str) -> dict[str, object]:
    return {"secretKeyRef": {"name": secret, "key": key}}
