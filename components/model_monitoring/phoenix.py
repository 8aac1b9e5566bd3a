"""Phoenix on the cluster: traces and answers of models, language models above all, kept in PostgreSQL.

Plain objects rather than Phoenix's chart, which brings a database, a NodePort and an Ingress of its own and takes the
administrator's password as a value. Settings are those of Phoenix 20.3 (phoenix/config.py).
"""

from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field

from components.base.component import Component
from components.base.generated_secret import generated_secret
from components.base.secret import SecretReference
from components.base.workload import Application, Probes, Shape, Workload
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.kubernetes.host import own_room
from components.model_monitoring import OBSERVE, ModelMonitoringConfig
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card, Config
from mlops.core.fields import Form
from mlops.core.fields.kubernetes import Cpu, GroupName, Image, Memory
from mlops.core.fields.login import ClientId, IssuerUrl
from mlops.core.module import Need, StackFacts
from mlops.core.versions import PHOENIX_IMAGE

OBSERVING = {"mlops.platform/observing": "allowed"}
"""Label of a namespace whose pods may send what models do."""
PORT, METRICS_PORT = 6006, 9090
"""Of pages, API and traces over HTTP; of metrics, Phoenix's own (phoenix/server/prometheus.py)."""
_PLACE = "phoenix"
_GENERATED = ("PHOENIX_SECRET", "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD")
_USER = 65_532
"""What its chart runs it as (Arize-ai/phoenix, helm/values.yaml at 005c4e1)."""

ProviderName = Annotated[
    str, Form("[A-Z][A-Z0-9]*", "the provider's name in upper case letters and digits, `OKTA`", most=30)
]


class PhoenixLoginConfig(Config):
    """An OpenID Connect provider through which people log in, besides Phoenix's own users."""

    name: ProviderName = "OIDC"
    """What the button is called."""
    issuer_url: IssuerUrl
    """The provider, as it names itself: https://login.example.com/realms/ml."""
    client_id: ClientId
    """Client registered there, with the redirect URL `<root_url>/oauth2/<name in lower case>/tokens`."""
    client_secret: SecretReference
    """The client's secret."""


class PhoenixConfig(ModelMonitoringConfig):
    """Phoenix on the cluster."""

    kind: Literal["phoenix"] = "phoenix"
    card: ClassVar[Card] = Card(
        title="Arize Phoenix",
        best_for="traces of language models and agents, which must not leave the account",
        not_for="drift of tables, which it does not look for; offering it to others (Elastic License 2.0)",
        complexity="low",
        trade_offs="One server and a database that holds every trace; one key for everybody who sends",
        state="Traces and users in PostgreSQL, which come back with the database; the key of those who "
        "send in Secrets Manager",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    exported: ClassVar[frozenset[str]] = frozenset({"modelMonitoring"})
    offered: ClassVar[frozenset[str]] = frozenset({OBSERVE})
    within: ClassVar[bool] = True

    image: Image = PHOENIX_IMAGE
    """Phoenix's image, a tag whose user is not root. A network without a way to the internet needs a copy in ECR."""
    cpu: Cpu = "500m"
    """CPU of the server (Kubernetes quantity): what its chart asks for."""
    memory: Memory = "1Gi"
    """Memory of the server (Kubernetes quantity): what its chart asks for."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""
    keep_days: int = Field(default=30, ge=0, le=3650)
    """Days for which traces are kept unless a project says otherwise; 0 keeps them for ever."""
    root_url: IssuerUrl | None = None
    """Address under which people reach it, where they do through a proxy; null is for `kubectl port-forward`."""
    login: PhoenixLoginConfig | None = None
    """A provider through which people log in; null leaves it to Phoenix's own users, the first of which is
    `admin@localhost` with the password in the Secret `phoenix` of namespace `phoenix`."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """The node group has to be there, and an address for people to come back to."""
        misplaced = stack.misplaced("Phoenix", self.node_group)
        if self.login is None or self.root_url:
            return misplaced
        sentence = (
            "login is set without root_url: the provider sends people back to an address. Set root_url to the one "
            "under which they reach Phoenix, or leave login out"
        )
        return (*misplaced, sentence)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the server."""
        return Phoenix(name, self, around, opts)


class Phoenix(Component[DependentOutputs]):
    """A closed namespace with the server, its database login and the key of those who send."""

    token = "mlops:index:Phoenix"

    def __init__(
        self, name: str, config: PhoenixConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        key = generated_secret(
            f"{name}-key",
            description="Key with which workloads send to Phoenix",
            unrotated="Phoenix and its clients read it when they start and would have to start again together",
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        application = Application(
            name=_PLACE,
            secret=_PLACE,
            generated=_GENERATED,
            unrotated="Phoenix keeps the password in its database and a new signing key would end every session",
            stored=True,
        )
        room = own_room(name, application, foundation, self.child, clients=OBSERVING)
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=foundation.database, cluster=foundation.cluster, consumer=_PLACE, namespace=room.namespace
            ),
            self.child,
        ).outputs
        room.hold({"PHOENIX_SQL_DATABASE_URL": (login.secret_name, "uri")})
        secrets = {"PHOENIX_ADMIN_SECRET": key}
        if config.login:
            secrets[f"PHOENIX_OAUTH2_{config.login.name}_CLIENT_SECRET"] = config.login.client_secret.value
        running = room.serve(
            Workload(
                shape=Shape(
                    name=_PLACE, cpu=config.cpu, memory=config.memory, scratch_gb=1, node_group=config.node_group
                ),
                role="server",
                image=config.image,
                port=PORT,
                variables=variables(config),
                secrets=secrets,
                grants=(login.grant,),
                user=_USER,
                probes=Probes(health="/healthz", ready="/readyz", start_seconds=180),
                metrics="/metrics",
                metrics_port=METRICS_PORT,
            )
        )
        url = pulumi.Output.from_input(running.url or "")
        self.publish(
            DependentOutputs(
                exports={"modelMonitoring": url},
                offers={
                    OBSERVE: Offer(
                        grant=running.way,
                        variables={"PHOENIX_COLLECTOR_ENDPOINT": url},
                        secrets={"PHOENIX_API_KEY": key},
                        labels=OBSERVING,
                    )
                },
            )
        )


def variables(config: PhoenixConfig) -> dict[str, pulumi.Input[str]]:
    """What the server is told: nobody without a login, nothing to its makers, nothing on its own disk."""
    known: dict[str, pulumi.Input[str]] = {
        "PHOENIX_PORT": str(PORT),
        "PHOENIX_WORKING_DIR": "/tmp/phoenix",
        "PHOENIX_ENABLE_AUTH": "true",
        "PHOENIX_ENABLE_PROMETHEUS": "true",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DEFAULT_RETENTION_POLICY_DAYS": str(config.keep_days),
    }
    if config.root_url:
        known |= {"PHOENIX_ROOT_URL": config.root_url, "PHOENIX_USE_SECURE_COOKIES": "true"}
    if config.login:
        start = f"PHOENIX_OAUTH2_{config.login.name}"
        discovery = f"{config.login.issuer_url.rstrip('/')}/.well-known/openid-configuration"
        known |= {f"{start}_CLIENT_ID": config.login.client_id, f"{start}_OIDC_CONFIG_URL": discovery}
    return known
