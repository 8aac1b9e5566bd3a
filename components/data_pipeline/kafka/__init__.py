"""Amazon MSK: Apache Kafka brokers, Standard, Express or Serverless.

Clients are known by their role unless the settings name a user and a password: the rights are then the same grants that
every other module uses, and there is no credential to rotate.
"""

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Egress
from components.base.logs import log_group
from components.base.security_group import MOST_CLIENTS, clients_of, security_group
from components.base.watched import Watched
from components.data_pipeline import DataPipelineConfig, DataPipelineOutputs
from components.data_pipeline.kafka.access import IAM_PORT, SCRAM_PORT, Access, IamAccess, ScramAccess, known_users
from components.data_pipeline.kafka.arguments import (
    grow_at_percent,
    private_connectivity,
    prometheus,
    server_properties,
    to_cloudwatch,
    volumes,
)
from components.data_pipeline.kafka.brokers import (
    MOST_BROKERS,
    SERVERLESS_REGIONS,
    ExpressBrokers,
    ProvisionedBrokers,
    ServerlessBrokers,
    StandardBrokers,
    TopicConfig,
    TopicName,
)
from components.data_pipeline.kafka.lake import topic_delivery
from components.data_pipeline.kafka.rights import consume, make, produce
from components.foundation import Foundation
from components.streams.delivery import DeliveryConfig
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import SecurityGroupId
from mlops.core.module import StackFacts

METRICS_PORTS = (11001, 11002)
"""JMX exporter and node exporter."""


class KafkaConfig(DataPipelineConfig):
    """Amazon MSK."""

    card: ClassVar[Card] = Card(
        title="Amazon MSK (Apache Kafka)",
        best_for="Several consumers that replay the same events, Kafka clients and connectors already in use",
        not_for="A few events a second: brokers cost the same when idle (Serverless a little less)",
        complexity="high",
        trade_offs="The ecosystem and the throughput of Kafka, for partitions, sizes and versions to look after",
        state="events lie on the brokers for as long as topics keep them and have no backup; what was delivered "
        "lies in the lake, zone raw, and is loaded anew from there",
    )

    kind: Literal["kafka"] = "kafka"
    brokers: Annotated[StandardBrokers | ExpressBrokers | ServerlessBrokers, Field(discriminator="kind")] = (
        StandardBrokers()
    )
    """The kind of brokers. It cannot be changed in place: another kind is another cluster."""
    topic: TopicName = "events"
    """Topic of events: what the platform's own workloads write to and read. It is made with the defaults of a topic,
    unless `brokers.topics` says otherwise; on Serverless by the first of these workloads."""
    access: Access = IamAccess()
    """How clients say who they are."""
    delivery: DeliveryConfig | None = None
    """Delivery of raw events to the lake, over MSK's private connectivity; null leaves it to consumers."""
    client_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique(most=MOST_CLIENTS)] = ()
    """Security groups that may connect besides the cluster's (sg-0123456789abcdef0)."""
    protect: bool = True
    """Refuse to delete the Kafka cluster and its topics."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why these brokers cannot run on that stack."""
        brokers, problems = self.brokers, []
        if stack.zones < 2:
            problems.append("kafka spreads over 2 or 3 availability zones and network.zones is 1; set it to 2 or 3")
        if isinstance(brokers, ServerlessBrokers):
            if isinstance(self.access, ScramAccess):
                problems.append(
                    "access.kind is scram, and brokers.kind is serverless, which knows clients by their role alone; "
                    "set access.kind to iam, or brokers.kind to standard"
                )
            if stack.region not in SERVERLESS_REGIONS:
                problems.append(
                    f"brokers.kind is serverless, which AWS does not offer in {stack.region}; use standard, or one of "
                    f"{', '.join(sorted(SERVERLESS_REGIONS))}"
                )
            return tuple(problems)
        if isinstance(brokers, ExpressBrokers) and stack.zones < 3:
            problems.append(
                f"brokers.kind is express, which keeps copies in three zones, and network.zones is {stack.zones}; "
                "set it to 3, or use standard"
            )
        zones = min(stack.zones, 3)
        if brokers.brokers_per_zone * zones > MOST_BROKERS:
            problems.append(
                f"brokers.brokers_per_zone is {brokers.brokers_per_zone} in {zones} zones; MSK takes at most "
                f"{MOST_BROKERS} brokers, so use {MOST_BROKERS // zones} or fewer, larger ones"
            )
        return tuple(problems)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[DataPipelineOutputs]:
        """Make the Kafka cluster."""
        return Kafka(name, self, foundation, opts)


class Kafka(Component[DataPipelineOutputs]):
    """An MSK cluster with its security group, configuration, logs, storage scaling and topics."""

    token = "mlops:index:Kafka"

    def __init__(
        self, name: str, config: KafkaConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        network, brokers = foundation.network, config.brokers
        self._subnets = list(network.private_subnet_ids[:3])
        group = self._security_group()
        cluster: aws.msk.Cluster | aws.msk.ServerlessCluster
        scram, endpoint = config.access if isinstance(config.access, ScramAccess) else None, None
        if isinstance(brokers, ServerlessBrokers):
            cluster = self._serverless(group)
        else:
            cluster = self._provisioned(brokers, group)
            self._topics({config.topic: TopicConfig(), **brokers.topics}, cluster)
            endpoint = known_users(name, scram, cluster, self.child) if scram else None
            if isinstance(brokers, StandardBrokers) and brokers.max_storage_gb:
                self._growing_storage(brokers.max_storage_gb, cluster)
        made_by_clients = brokers if isinstance(brokers, ServerlessBrokers) else None
        makes = config.topic if made_by_clients else None
        read = consume(cluster.arn)
        watched = [] if isinstance(brokers, ServerlessBrokers) else [self._watched(cluster.cluster_name)]
        if config.delivery:
            delivered = topic_delivery(name, config.delivery, foundation, cluster.arn, config.topic, read, self.child)
            watched.append(delivered)
        outputs = DataPipelineOutputs(
            protocol="kafka",
            topic=pulumi.Output.from_input(config.topic),
            auth=config.access.kind,
            secrets=scram.secrets if scram else {},
            stream=cluster.arn,
            endpoint=endpoint or cluster.bootstrap_brokers_sasl_iam,
            more_variables=made_by_clients.told if made_by_clients else {},
            produce_statements=(*produce(cluster.arn), *make(cluster.arn, makes)),
            consume_statements=(*read, *make(cluster.arn, makes)),
            egress=(
                Egress(
                    cidrs=network.private_subnet_cidrs[:3], ports=(SCRAM_PORT if scram else IAM_PORT,), group=group.id
                ),
            ),
            watched=tuple(watched),
        )
        self.publish(config.registered(name, config.topic, foundation, outputs, self.child))

    @staticmethod
    def _watched(cluster_name: pulumi.Output[str]) -> Watched:
        """Brokers; a serverless cluster has none to be looked after."""
        return Watched(what="kafka", namespace="AWS/Kafka", dimensions={"Cluster Name": cluster_name})

    def _security_group(self) -> "aws.ec2.SecurityGroup":
        foundation, brokers = self._foundation, self._config.brokers
        cluster = foundation.optional_cluster
        ports = [(IAM_PORT, IAM_PORT)]
        if isinstance(self._config.access, ScramAccess):
            ports.append((SCRAM_PORT, SCRAM_PORT))
        if isinstance(brokers, ProvisionedBrokers) and brokers.open_monitoring:
            ports.append(METRICS_PORTS)
        group = security_group(
            self.name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{self.name}",
            description="Kafka brokers of the MLOps platform",
            clients=clients_of(cluster.security_group_id if cluster else None, self._config.client_security_groups),
            ports=ports,
            opts=self.child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self.name}-to-vpc",
            security_group_id=group.id,
            cidr_ipv4=foundation.network.vpc_cidr,
            ip_protocol="-1",
            description="Brokers among themselves and to their clients",
            opts=self.child,
        )
        return group

    def _serverless(self, group: "aws.ec2.SecurityGroup") -> "aws.msk.ServerlessCluster":
        return aws.msk.ServerlessCluster(
            f"{self.name}-brokers",
            vpc_configs=[
                aws.msk.ServerlessClusterVpcConfigArgs(subnet_ids=self._subnets, security_group_ids=[group.id])
            ],
            client_authentication=aws.msk.ServerlessClusterClientAuthenticationArgs(
                sasl=aws.msk.ServerlessClusterClientAuthenticationSaslArgs(
                    iam=aws.msk.ServerlessClusterClientAuthenticationSaslIamArgs(enabled=True)
                )
            ),
            opts=self.child_with(protect=self._config.protect),
        )

    def _provisioned(
        self, brokers: StandardBrokers | ExpressBrokers, group: "aws.ec2.SecurityGroup"
    ) -> "aws.msk.Cluster":
        logs = log_group(
            f"{self.name}-logs",
            days=brokers.log_retention_days,
            key_arn=self._foundation.keys.logs,
            opts=self.child,
        )
        standard = brokers if isinstance(brokers, StandardBrokers) else None
        # Storage that has grown must not be asked to shrink again.
        grown = ["brokerNodeGroupInfo.storageInfo"] if standard and standard.max_storage_gb else []
        return aws.msk.Cluster(
            f"{self.name}-brokers",
            kafka_version=f"{brokers.version}.kraft",
            number_of_broker_nodes=brokers.brokers_per_zone * len(self._subnets),
            broker_node_group_info=aws.msk.ClusterBrokerNodeGroupInfoArgs(
                instance_type=brokers.instance_type,
                client_subnets=self._subnets,
                security_groups=[group.id],
                storage_info=volumes(standard.storage_gb) if standard else None,
                connectivity_info=private_connectivity() if self._config.delivery else None,
            ),
            storage_mode=standard.storage_mode if standard else None,
            configuration_info=self._configuration(standard) if standard else None,
            client_authentication=aws.msk.ClusterClientAuthenticationArgs(
                sasl=aws.msk.ClusterClientAuthenticationSaslArgs(
                    iam=True, scram=True if isinstance(self._config.access, ScramAccess) else None
                ),
                unauthenticated=False,
            ),
            encryption_info=aws.msk.ClusterEncryptionInfoArgs(
                encryption_at_rest_kms_key_arn=self._foundation.keys.data,
                encryption_in_transit=aws.msk.ClusterEncryptionInfoEncryptionInTransitArgs(
                    client_broker="TLS", in_cluster=True
                ),
            ),
            enhanced_monitoring=brokers.monitoring,
            open_monitoring=prometheus(brokers.open_monitoring),
            logging_info=to_cloudwatch(logs.name),
            opts=self.child_with(protect=self._config.protect, ignore_changes=grown),
        )

    def _configuration(self, brokers: StandardBrokers) -> "aws.msk.ClusterConfigurationInfoArgs":
        configuration = aws.msk.Configuration(
            f"{self.name}-configuration",
            description="Brokers of the MLOps platform",
            server_properties=server_properties(len(self._subnets), brokers.retention_hours),
            opts=self.child,
        )
        return aws.msk.ClusterConfigurationInfoArgs(
            arn=configuration.arn, revision=configuration.latest_revision.apply(int)
        )

    def _growing_storage(self, most_gb: int, cluster: "aws.msk.Cluster") -> None:
        target = aws.appautoscaling.Target(
            f"{self.name}-storage-target",
            service_namespace="kafka",
            scalable_dimension="kafka:broker-storage:VolumeSize",
            resource_id=cluster.arn,
            min_capacity=1,
            max_capacity=most_gb,
            opts=self.child,
        )
        aws.appautoscaling.Policy(
            f"{self.name}-storage-policy",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=grow_at_percent(60),
            opts=self.child,
        )

    def _topics(self, topics: Mapping[str, TopicConfig], cluster: "aws.msk.Cluster") -> None:
        for topic, config in topics.items():
            aws.msk.Topic(
                f"{self.name}-topic-{topic}",
                cluster_arn=cluster.arn,
                name=topic,
                partition_count=config.partitions,
                replication_factor=len(self._subnets),
                configs=json.dumps(config.configs),
                opts=self.child_with(protect=self._config.protect),
            )
