"""Apache Pulsar on the cluster: brokers without state over bookies with volumes, older events in the lake.

Reached through proxies over TLS with a token. The signing key, the tokens and the authority of the certificates are
made on the cluster; clients find theirs in Secrets Manager, whatever they run on.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs
from components.base.watched import Watched
from components.data_pipeline import DataPipelineConfig, DataPipelineOutputs
from components.data_pipeline.pulsar import values
from components.data_pipeline.pulsar.access import PROXIES, TLS_PORT, client_secret, inside, to_proxies
from components.data_pipeline.pulsar.client_role import TOPICS, Topic, client_role
from components.data_pipeline.pulsar.lake import PulsarDeliveryConfig, deliver
from components.foundation import Foundation
from components.kubernetes.objects import SECRETS_ALLOWED, closed, name_of, namespace, release, to_services
from components.kubernetes.scraping import let_scrapers_in
from components.kubernetes.way_in import way_in
from components.storage import Zone
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Form
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory
from mlops.core.module import Need, StackFacts

NAMESPACE = "pulsar"
OFFLOADED: tuple[Zone, str] = ("raw", "*-ledger-")
"""Zone and keys of what brokers move to the lake: they know no prefix and call a ledger `<uuid>-ledger-<number>`.
Source: apache/pulsar v4.0.12, tiered-storage/jcloud, DataBlockUtils."""

TopicName = Annotated[
    str, Form(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a topic's name: letters, digits, `.`, `_` and `-`", most=200)
]


class PulsarConfig(DataPipelineConfig):
    """Apache Pulsar on the cluster."""

    card: ClassVar[Card] = Card(
        title="Apache Pulsar on Kubernetes",
        best_for="Events kept for months at the price of the lake, many topics, no service to pay by the hour",
        not_for="A team without somebody who looks after it: ten pods with volumes, upgraded by hand",
        complexity="high",
        trade_offs="Storage that grows without moving brokers, and the lake behind it, for a cluster of its own to run",
        state="events lie on volumes of the cluster, which slot backup brings back; what was delivered lies in "
        "the lake, zone raw, and is loaded anew from there",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    announces: ClassVar[str | None] = "Pulsar"

    kind: Literal["pulsar"] = "pulsar"
    topic: TopicName = "events"
    """Topic of events, in the namespace `public/default`."""
    partitions: int = Field(default=3, ge=1, le=1000)
    """Partitions of the topic, and of others that are made by themselves: the most consumers that can share one in
    order. Those of a topic that is there stay."""
    retention_hours: int = Field(default=168, ge=1, le=87_600)
    """Hours for which events can be read again, whoever has read them."""
    offload_above_gb: float | None = Field(default=1, ge=0.01, le=100_000)
    """GB of a topic's partition above which its older events move to the lake; null keeps all on volumes."""
    zookeepers: Literal[1, 3, 5] = 3
    """Servers of ZooKeeper, which knows what lies where; each on a node of its own."""
    bookies: int = Field(default=3, ge=1, le=30)
    """Servers that keep events, each event on two where there are two; each on a node of its own."""
    brokers: int = Field(default=2, ge=1, le=30)
    """Servers that take and give events; they keep none."""
    proxies: int = Field(default=2, ge=1, le=30)
    """Servers that clients connect to."""
    broker_cpu: Cpu = "500m"
    """CPU of a broker (Kubernetes quantity)."""
    broker_memory: Memory = "2Gi"
    """Memory of a broker (Kubernetes quantity), half of it for connections and caches."""
    bookie_cpu: Cpu = "500m"
    """CPU of a bookie (Kubernetes quantity)."""
    bookie_memory: Memory = "2Gi"
    """Memory of a bookie (Kubernetes quantity), half of it for caches."""
    ledger_gb: int = Field(default=50, ge=1, le=16384)
    """Volume with a bookie's events, GiB. It can grow, and never shrink."""
    journal_gb: int = Field(default=10, ge=1, le=16384)
    """Volume of a bookie's journal, GiB."""
    zookeeper_gb: int = Field(default=20, ge=1, le=16384)
    """Volume of a ZooKeeper server, GiB."""
    delivery: PulsarDeliveryConfig | None = None
    """Delivery of raw events to the lake, by a worker on the cluster; null leaves it to consumers."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""
    protect: bool = True
    """Refuse to delete Pulsar and its volumes."""

    @model_validator(mode="after")
    def _has_enough_of_each(self) -> "PulsarConfig":
        if self.offload_above_gb is not None and self.offload_above_gb >= self.ledger_gb:
            raise ValueError(
                f"offload_above_gb is {self.offload_above_gb:g} and ledger_gb {self.ledger_gb}: volumes would be full "
                f"before anything moves to the lake; set offload_above_gb below {self.ledger_gb}, or ledger_gb higher"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Nodes that are there, and enough of them: servers with volumes share none."""
        if problems := stack.misplaced("pulsar", self.node_group):
            return problems
        wanted = max(self.zookeepers, self.bookies)
        most = stack.most_nodes(self.node_group)
        where = f"node group {self.node_group}" if self.node_group else "the cluster without its groups for GPUs"
        problems = []
        if most < wanted:
            problems.append(
                f"pulsar has {self.zookeepers} zookeepers and {self.bookies} bookies, each on a node of its own, and "
                f"{where} grows to {most} nodes; set its max_size to {wanted} or more, or zookeepers and bookies to "
                f"{'1' if most < 3 else '3'}"
            )
        if stack.outside and not stack.private_subnets:
            problems.append(
                "workloads run outside the cluster, from where Pulsar is reached by a load balancer inside the "
                "network, and network.mode is public, which has no private subnets; set network.mode to private, or "
                "choose another kind of data_pipeline"
            )
        return tuple(problems)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[DataPipelineOutputs]:
        """Make Pulsar."""
        return Pulsar(name, self, foundation, opts)


class Pulsar(Component[DataPipelineOutputs]):
    """A closed namespace with Pulsar's chart, the brokers' right to the lake, and what clients are known by."""

    token = "mlops:index:Pulsar"

    def __init__(
        self, name: str, config: PulsarConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        cluster = foundation.cluster
        # Helm leaves the volumes; they go with the namespace, and the driver that removes them outlives it.
        space = namespace(
            f"{name}-namespace",
            NAMESPACE,
            # Not `restricted`: the chart's pods name no seccomp profile, and offer no way to.
            security="baseline",
            labels=SECRETS_ALLOWED,
            opts=self.child_with(depends_on=list(cluster.ready), protect=config.protect),
        )
        own = name_of(space)
        zone, keys = OFFLOADED
        grants = (foundation.storage.write(zone, keys),) if config.offload_above_gb is not None else ()
        brokers = Identity(
            f"{name}-broker-identity",
            IdentityArgs(cluster=cluster, namespace=own, service_account=values.BROKER_ACCOUNT, grants=grants),
            self.child,
        )
        closing = [
            closed(f"{name}-closed", own, self.child),
            inside(f"{name}-network-policy", own, self.child),
            to_proxies(
                f"{name}-proxy-network-policy",
                own,
                foundation.network.private_subnet_cidrs if foundation.outside else (),
                self.child,
            ),
        ]
        let_scrapers_in(f"{name}-scrapers-policy", own, foundation.scrapers, values.METRICS_PORTS, self.child)
        place = values.Place(
            storage_class=cluster.storage_class,
            nodes=cluster.places.of(config.node_group),
            bucket=foundation.storage.buckets[zone],
            region=foundation.region,
            balanced=foundation.outside,
        )
        chart = release(
            f"{name}-chart",
            versions.PULSAR,
            namespace=own,
            release_name=values.RELEASE,
            values=values.of(config, place),
            # No data leads from an association or a network policy to the pods that need it.
            opts=self.child_with(depends_on=[brokers, *closing], protect=config.protect),
        )
        role = client_role(name, Topic(name=config.topic, partitions=config.partitions), own, chart, self.child)
        secrets = client_secret(name, foundation, own, role, self.child)
        host = pulumi.Output.concat(f"{values.RELEASE}-proxy.", own, ".svc.cluster.local")
        way = to_services(foundation.network, [TLS_PORT])
        if foundation.outside:
            host, way = way_in(
                f"{name}-outside",
                foundation=foundation,
                physical=f"{values.RELEASE}-proxy",
                namespace=own,
                selector=PROXIES,
                port=TLS_PORT,
                after=chart,
                opts=self.child,
            )
        endpoint = pulumi.Output.concat("pulsar+ssl://", host, f":{TLS_PORT}")
        topic = f"persistent://{TOPICS}/{config.topic}"
        outputs = DataPipelineOutputs(
            protocol="pulsar",
            topic=pulumi.Output.from_input(topic),
            auth="token",
            secrets=secrets,
            stream=own.apply(lambda _: topic),
            endpoint=endpoint,
            produce_statements=(),
            consume_statements=(),
            egress=(way,),
            watched=(Watched(what="pulsar", namespace="Pulsar"),),
        )
        if config.delivery:
            deliver(name, config.delivery, foundation, outputs, config.node_group, self.child)
        self.publish(config.registered(name, config.topic, foundation, outputs, self.child))
