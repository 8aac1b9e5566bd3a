"""Feast on the cluster: a registry in PostgreSQL, the lake as the offline side, features online, and a server of them.

Plain objects and the loop's own image rather than Feast's chart or its operator: the chart knows no disruption budget,
no network policy and no identity, the operator is a manifest of cluster-wide rights without a chart, and neither has a
way to log in to ElastiCache by a role.
"""

from typing import ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant
from components.base.images import found, repository_of
from components.base.workload import Application, Probes, Running, Shape, Workload
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.feature_store import EXPORT, FEATURES_ALLOWED, METRICS, READ, FeatureStoreConfig
from components.feature_store.feast.tables import OnlineStore, in_cache, in_tables
from components.jobs import IMAGE, ScheduledJobConfig, job, watched
from components.kubernetes.host import own_room
from components.kubernetes.pods import Schedule
from components.network.endpoints import of_services
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.fields.containers import ContainerImage
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, Memory, check_replicas
from mlops.core.module import Need, StackFacts

_PLACE = "feast"
"""Namespace, server and consumer of the database."""
PORT, METRICS_PORT = 6566, 8000
"""Feast's own: `feast serve`, and its metrics (feast/metrics.py, 0.67)."""
_REGISTRY = "MLOPS_FEATURES_REGISTRY"


class FeastConfig(FeatureStoreConfig):
    """Feast on the cluster."""

    kind: Literal["feast"] = "feast"
    card: ClassVar[Card] = Card(
        title="Feast",
        best_for="features that are the same in training and in answers, of any framework, without another vendor",
        not_for="features that have to be seconds old: they are as fresh as the job that brings them online",
        complexity="medium",
        trade_offs="a server, a job and a database to look after, for features that any other store could take over",
        state="None of its own: the lake has the features, from which one run of the job fills tables "
        "or cache; the registry in PostgreSQL comes back with the database, or is written anew by "
        "the job",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    endpoints: ClassVar[frozenset[str]] = of_services(("cloudwatch", "dynamodb", "ecr"))
    offered: ClassVar[frozenset[str]] = frozenset({READ})
    within: ClassVar[bool] = True

    online: Literal["dynamodb", "valkey"] = "dynamodb"
    """Where features are online: tables of DynamoDB, paid by the request, or the platform's cache (`cache`)."""
    materialize_minutes: int = Field(default=15, ge=5, le=30)
    """Between two runs of the job that brings features online, minutes. At most half of the hour that features may be
    old, so that a run may fail without anybody noticing."""
    image: ContainerImage = IMAGE
    """Image of the server, built with `--group feature-store` (`services/Dockerfile`): a repository of the platform's
    registry with a tag, or a whole reference. Pods wait until it is pushed."""
    min_replicas: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Fewest servers; from two on they lie in different zones and are not drained together."""
    max_replicas: int = Field(default=3, ge=1, le=MOST_REPLICAS)
    """Most servers."""
    target_cpu_percent: int = Field(default=60, ge=1, le=100)
    """CPU use, in percent of `cpu`, above which a server is added."""
    cpu: Cpu = "250m"
    """CPU of a server (Kubernetes quantity)."""
    memory: Memory = "768Mi"
    """Memory of a server (Kubernetes quantity): what Feast takes once it is imported, 203 MB, in two processes."""
    node_group: GroupName | None = None
    """Node group that servers run on, taints or not; null leaves them to any node without taints."""
    job: ScheduledJobConfig = ScheduledJobConfig()
    """The job that brings features online. 100,000 users take 618 MB, a million 3.6 GB."""
    protect: bool = False
    """Refuse to delete the tables; what is in them can be made again from the lake."""

    @model_validator(mode="after")
    def _most_is_no_less_than_fewest(self) -> "FeastConfig":
        check_replicas(self.min_replicas, self.max_replicas)
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """A cache where features go there, an image, a node group."""
        wrong: list[str] = []
        if self.online == "valkey" and "cache" not in stack.filled:
            wrong.append(
                "online is valkey, and this stack has no cache; add `cache: {kind: valkey}` to the settings, or set "
                "online to dynamodb"
            )
        server = ScheduledJobConfig(image=self.image, node_group=self.node_group)
        wrong += server.misfits("Feast's server", stack)
        wrong += self.job.misfits("the job of Feast", stack)
        return tuple(wrong)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make registry, online store, job and server."""
        return Feast(name, self, around, opts)


class Feast(Component[DependentOutputs]):
    """A closed namespace with the server and the job, a database login, and the tables where there are some."""

    token = "mlops:index:Feast"

    def __init__(
        self, name: str, config: FeastConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation = around.foundation
        if config.online == "valkey" and around.cache:
            online = in_cache(around.cache, foundation.prefix)
        else:
            online = in_tables(name, foundation, config.protect, self.child)
        application = Application(name=_PLACE, secret=_PLACE, stored=True)
        room = own_room(name, application, foundation, self.child, clients=FEATURES_ALLOWED)
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=foundation.database, cluster=foundation.cluster, consumer=_PLACE, namespace=room.namespace
            ),
            self.child,
        ).outputs
        room.hold({_REGISTRY: (login.secret_name, "uri")})
        running = room.serve(self._server(online, (online.read, login.grant)))
        lake = foundation.storage.read("features")
        materialize = job(
            f"{_PLACE}-materialize",
            "materialize",
            ("materialize",),
            config.job,
            foundation,
            metrics=METRICS,
            variables=online.variables,
            grants=(lake, online.write, login.grant),
        )
        every = Schedule(
            cron=f"*/{config.materialize_minutes} * * * *", deadline_seconds=config.job.deadline_minutes * 60
        )
        room.schedule(materialize, every)
        url = _address(running)
        self.publish(
            DependentOutputs(
                exports={EXPORT: url},
                watched=(watched("features", METRICS, foundation),),
                offers={READ: Offer(grant=running.way, variables={"MLOPS_FEATURES_URL": url}, labels=FEATURES_ALLOWED)},
            )
        )

    def _server(self, online: OnlineStore, grants: tuple[Grant, ...]) -> Workload:
        config, foundation = self._config, self._foundation
        return Workload(
            shape=Shape(
                name=_PLACE,
                cpu=config.cpu,
                memory=config.memory,
                scratch_gb=1,
                fewest=config.min_replicas,
                most=config.max_replicas,
                target_cpu_percent=config.target_cpu_percent,
                node_group=config.node_group,
            ),
            role="server",
            image=found(config.image, foundation.registry),
            repository=repository_of(config.image),
            port=PORT,
            command=("feature-server", "--port", str(PORT)),
            variables={"AWS_REGION": foundation.region, **online.variables},
            own_variables={"HOST": "0.0.0.0"},
            grants=grants,
            # It asks the registry before it answers, and imports half of Feast.
            probes=Probes(ready="/health", start_seconds=180),
            metrics="/metrics",
            metrics_port=METRICS_PORT,
        )


def _address(running: Running) -> pulumi.Output[str]:
    """Where a workload of the cluster answers, which always has an address."""
    assert running.url is not None
    return running.url
