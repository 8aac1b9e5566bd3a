"""Kafka on Amazon MSK."""

import json
from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.base.identity import Grant, policy_document
from components.data_pipeline import DataPipelineOutputs
from components.data_pipeline.kafka import KafkaConfig
from components.data_pipeline.kafka.arguments import server_properties
from components.data_pipeline.kafka.brokers import SERVERLESS_REGIONS
from components.data_pipeline.kafka.offered import OFFERS, Offer
from mlops.core.merge import merge
from mlops.core.module import StackFacts
from mlops.cost.book import load as prices
from mlops.plan.graph import Graph, Node
from tests.foundations import foundation, module_options
from tests.support import REGION, names, only, recorded, statements

CLUSTER = "aws:msk/cluster:Cluster"
SERVERLESS = "aws:msk/serverlessCluster:ServerlessCluster"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TOPIC = "aws:msk/topic:Topic"
PLACE = StackFacts(region=REGION, zones=3, gpus=False)


def config(brokers: dict[str, Any] | None = None, **settings: Any) -> KafkaConfig:
    return KafkaConfig.model_validate({"brokers": {"kind": "standard", **(brokers or {})}, **settings})


def kafka(settings: KafkaConfig, *, cluster: bool = False, zones: int = 3) -> tuple[Graph, DataPipelineOutputs]:
    made: list[DataPipelineOutputs] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=cluster, database=False, zone_count=zones)
        made.append(settings.build("stream", base, module_options(base, opts)).outputs)

    return recorded(build), made[0]


@cache
def standard() -> Graph:
    return kafka(config())[0]


def brokers_of(graph: Graph) -> Node:
    return only(graph, CLUSTER)


def rights(settings: KafkaConfig, access: str) -> dict[str, set[str]]:
    """Actions by the kind of thing that they are allowed on, as they stand in a policy."""
    found: list[dict[str, Any]] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        outputs = settings.build("stream", base, opts).outputs
        grant: Grant = getattr(outputs, access)()
        policy_document(list(grant.statements)).apply(lambda document: found.extend(statements(document)))

    recorded(build)
    return {row["Resource"][0].split(":")[5].partition("/")[0]: set(row["Action"]) for row in found}


def refused(brokers: dict[str, Any], **settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        config(brokers, **settings)
    return str(error.value)


def test_only_the_cluster_reaches_the_brokers_and_only_where_iam_is_asked() -> None:
    graph = kafka(config(), cluster=True)[0]
    rules = [node for node in graph.of_type(INGRESS) if node.name.startswith("stream")]
    group = only(graph, "aws:ec2/securityGroup:SecurityGroup", "stream-security-group")
    assert [(rule.inputs["fromPort"], rule.inputs["toPort"]) for rule in rules] == [(9098, 9098)]
    assert rules[0].inputs["securityGroupId"] == group.id
    assert "referencedSecurityGroupId" in rules[0].inputs
    assert "cidrIpv4" not in rules[0].inputs
    assert brokers_of(graph).inputs["brokerNodeGroupInfo"]["securityGroups"] == [group.id]


def test_without_a_cluster_nobody_reaches_the_brokers_but_who_is_named() -> None:
    named = kafka(config(client_security_groups=["sg-0123456789abcdef0"]))[0]
    assert names(kafka(config())[0], INGRESS) == []
    assert only(named, INGRESS).inputs["referencedSecurityGroupId"] == "sg-0123456789abcdef0"


def test_brokers_reach_no_further_than_the_vpc() -> None:
    rule = only(standard(), "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "stream-to-vpc")
    assert rule.inputs["cidrIpv4"] == "10.0.0.0/16"


def test_clients_are_known_by_iam_and_by_nothing_else() -> None:
    authentication = brokers_of(standard()).inputs["clientAuthentication"]
    assert authentication == {"sasl": {"iam": True}, "unauthenticated": False}


def test_events_are_encrypted_on_disk_and_on_every_wire() -> None:
    graph = standard()
    encryption = brokers_of(graph).inputs["encryptionInfo"]
    key = only(graph, "aws:kms/key:Key", "keys-data").outputs["arn"]
    assert encryption["encryptionAtRestKmsKeyArn"] == key
    assert encryption["encryptionInTransit"] == {"clientBroker": "TLS", "inCluster": True}


def test_broker_logs_go_to_an_encrypted_group() -> None:
    graph = standard()
    group = only(graph, "aws:cloudwatch/logGroup:LogGroup", "stream-logs")
    logs = brokers_of(graph).inputs["loggingInfo"]["brokerLogs"]["cloudwatchLogs"]
    assert logs == {"enabled": True, "logGroup": group.outputs["name"]}
    assert group.inputs["kmsKeyId"] == only(graph, "aws:kms/key:Key", "keys-logs").outputs["arn"]


@pytest.mark.parametrize(("zones", "count"), [(2, 4), (3, 6), (5, 6)])
def test_every_zone_has_the_same_number_of_brokers(zones: int, count: int) -> None:
    inputs = brokers_of(kafka(config({"brokers_per_zone": 2}), zones=zones)[0]).inputs
    assert inputs["numberOfBrokerNodes"] == count
    assert len(inputs["brokerNodeGroupInfo"]["clientSubnets"]) == min(zones, 3)


def test_clusters_begin_in_kraft_mode_because_they_can_never_change_to_it() -> None:
    assert brokers_of(standard()).inputs["kafkaVersion"] == "3.9.x.kraft"


def test_a_misspelt_topic_is_an_error_and_not_a_new_topic() -> None:
    properties = only(standard(), "aws:msk/configuration:Configuration").inputs["serverProperties"]
    assert "auto.create.topics.enable=false\n" in properties


@pytest.mark.parametrize(("zones", "copies", "acknowledged"), [(2, 2, 1), (3, 3, 2), (6, 3, 2)])
def test_writes_go_on_while_one_broker_is_away(zones: int, copies: int, acknowledged: int) -> None:
    lines = server_properties(zones, 168).splitlines()
    assert f"default.replication.factor={copies}" in lines
    assert f"min.insync.replicas={acknowledged}" in lines
    assert "unclean.leader.election.enable=false" in lines


def test_storage_grows_by_itself_and_what_has_grown_is_left_alone() -> None:
    graph = standard()
    target = only(graph, "aws:appautoscaling/target:Target")
    policy = only(graph, "aws:appautoscaling/policy:Policy")
    assert target.inputs["resourceId"] == brokers_of(graph).outputs["arn"]
    assert target.inputs["maxCapacity"] == 1000
    assert policy.inputs["targetTrackingScalingPolicyConfiguration"]["disableScaleIn"] is True
    assert brokers_of(graph).ignore_changes == ("brokerNodeGroupInfo.storageInfo",)


def test_storage_that_does_not_grow_is_what_the_settings_say() -> None:
    graph = kafka(config({"max_storage_gb": None, "storage_gb": 50}))[0]
    assert names(graph, "aws:appautoscaling/target:Target") == []
    assert brokers_of(graph).ignore_changes == ()
    info = brokers_of(graph).inputs["brokerNodeGroupInfo"]["storageInfo"]
    assert info == {"ebsStorageInfo": {"volumeSize": 50}}


def test_prometheus_reads_the_brokers_only_where_it_may() -> None:
    graph = kafka(config({"open_monitoring": True}), cluster=True)[0]
    ports = {node.inputs["fromPort"] for node in graph.of_type(INGRESS) if node.name.startswith("stream")}
    exporters = brokers_of(graph).inputs["openMonitoring"]["prometheus"]
    assert ports == {9098, 11001}
    assert exporters["jmxExporter"] == exporters["nodeExporter"] == {"enabledInBroker": True}
    closed = brokers_of(standard()).inputs["openMonitoring"]["prometheus"]
    assert closed["jmxExporter"] == {"enabledInBroker": False}


def test_topics_have_a_copy_in_each_zone_and_their_own_retention() -> None:
    topics = {"clicks": {"partitions": 12, "retention_hours": 48}}
    topic = only(kafka(config({"topics": topics}))[0], TOPIC, "stream-topic-clicks")
    assert (topic.inputs["name"], topic.inputs["partitionCount"]) == ("clicks", 12)
    assert topic.inputs["replicationFactor"] == 3
    assert topic.inputs["configs"] == '{"retention.ms": "172800000"}'


@pytest.mark.parametrize("protect", [True, False])
def test_protection_covers_the_events_and_nothing_else(protect: bool) -> None:
    graph = kafka(config({"topics": {"clicks": {}}}, protect=protect))[0]
    protected = {node.name for node in graph if node.protect and node.name.startswith("stream")}
    assert protected == ({"stream-brokers", "stream-topic-clicks", "stream-topic-events"} if protect else set())


def test_express_brokers_have_no_storage_and_no_configuration_of_ours() -> None:
    graph = kafka(config({"kind": "express"}))[0]
    inputs = brokers_of(graph).inputs
    assert inputs["brokerNodeGroupInfo"]["instanceType"] == "express.m7g.large"
    assert "storageInfo" not in inputs["brokerNodeGroupInfo"]
    assert not {"storageMode", "configurationInfo"} & inputs.keys()
    assert names(graph, "aws:appautoscaling/target:Target") == []


def test_serverless_has_no_brokers_to_choose_and_iam_all_the_same() -> None:
    graph, _ = kafka(config({"kind": "serverless"}))
    node = only(graph, SERVERLESS)
    assert node.inputs["clientAuthentication"] == {"sasl": {"iam": {"enabled": True}}}
    assert names(graph, CLUSTER) == []
    assert node.protect


def test_a_topic_moves_to_tiered_storage_when_it_asks_for_it() -> None:
    brokers = {"storage_mode": "TIERED", "topics": {"clicks": {"retention_hours": 720, "local_hours": 24}}}
    graph, _ = kafka(config(brokers))
    asked = json.loads(only(graph, TOPIC, "stream-topic-clicks").inputs["configs"])
    assert asked == {"retention.ms": "2592000000", "local.retention.ms": "86400000", "remote.storage.enable": "true"}
    assert json.loads(only(graph, TOPIC, "stream-topic-events").inputs["configs"]) == {"retention.ms": "604800000"}


def test_on_serverless_the_first_client_makes_the_topic_of_events_and_no_other() -> None:
    _, outputs = kafka(config({"kind": "serverless", "partitions": 12, "retention_hours": 24}, topic="clicks"))
    assert outputs.more_variables == {"MLOPS_STREAM_PARTITIONS": "12", "MLOPS_STREAM_RETENTION_HOURS": "24"}
    assert kafka(config())[1].more_variables == {}
    documents: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        grant = config({"kind": "serverless"}, topic="clicks").build("stream", base, opts).outputs.produce()
        policy_document(grant.statements).apply(documents.append)

    recorded(build)
    (row,) = [one for one in statements(documents[0]) if "kafka-cluster:CreateTopic" in one["Action"]]
    assert row["Action"] == ["kafka-cluster:CreateTopic"]
    (where,) = row["Resource"]
    assert ":topic/" in where
    assert where.endswith("/clicks")
    assert "*" not in where


def test_a_stack_file_changes_from_brokers_to_serverless_with_one_word() -> None:
    tier = KafkaConfig().model_dump(mode="json")
    changed = KafkaConfig.model_validate(merge(tier, {"brokers": {"kind": "serverless"}}))
    assert changed.brokers.kind == "serverless"


def test_producers_write_and_consumers_read_and_neither_does_the_others_part() -> None:
    produce, consume = rights(config(), "produce"), rights(config(), "consume")
    assert produce.keys() == {"cluster", "topic"}
    assert consume.keys() == {"cluster", "topic", "group"}
    assert "kafka-cluster:WriteData" in produce["topic"]
    assert "kafka-cluster:ReadData" not in produce["topic"]
    assert "kafka-cluster:WriteData" not in consume["topic"]
    everything = produce["topic"] | produce["cluster"] | consume["topic"] | consume["cluster"] | consume["group"]
    assert not {action for action in everything if "Delete" in action or "*" in action or "Create" in action}


def test_where_nothing_else_makes_topics_producers_may() -> None:
    for access in ("produce", "consume"):
        assert "kafka-cluster:CreateTopic" in rights(config({"kind": "serverless"}), access)["topic"]
        assert "kafka-cluster:CreateTopic" not in rights(config(), access)["topic"]


def test_rights_end_at_this_cluster() -> None:
    found: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        outputs = config().build("stream", foundation(opts, cluster=False, database=False), opts).outputs
        for statement in (*outputs.produce_statements, *outputs.consume_statements):
            pulumi.Output.all(*statement.resources).apply(lambda resources: found.extend(map(str, resources)))

    graph = recorded(build)
    name, _, uuid = brokers_of(graph).outputs["arn"].partition(":cluster/")[2].partition("/")
    assert found
    assert all(f"/{name}/{uuid}" in arn for arn in found)


def test_clients_get_bootstrap_brokers_and_the_way_to_them() -> None:
    found: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        outputs = config().build("stream", base, opts).outputs
        outputs.endpoint.apply(found.append)
        (way,) = outputs.produce().egress
        assert (way.ports, way.cidrs) == ((9098,), base.network.private_subnet_cidrs)

    recorded(build)
    assert ":9098" in found[0]


@pytest.mark.parametrize(
    ("brokers", "says"),
    [
        ({"kind": "express", "storage_mode": "TIERED"}, "storage_mode"),
        ({"kind": "express", "storage_gb": 100}, "storage_gb"),
        ({"kind": "express", "version": "3.8.x"}, "which express brokers do not run; allowed: 4.2.x, 3.9.x"),
        ({"kind": "serverless", "version": "3.9.x"}, "version"),
        (
            {"topics": {"clicks": {"local_hours": 24}}},
            "topics clicks have local_hours, and storage_mode is LOCAL, which has no tiered storage",
        ),
        ({"kind": "express", "topics": {"clicks": {"local_hours": 24}}}, "express brokers have no volumes"),
        ({"storage_mode": "TIERED", "topics": {"clicks": {"retention_hours": 48, "local_hours": 24}}}, "for 72 hours"),
        ({"storage_mode": "TIERED", "topics": {"clicks": {"local_hours": 168}}}, "set local_hours below 168"),
        ({"kind": "serverless", "partitions": 0}, "partitions"),
        ({"kind": "serverless", "partitions": 2401}, "partitions"),
        ({"kind": "serverless", "retention_hours": 0}, "retention_hours"),
        ({"instance_type": "express.m7g.large"}, "instance_type"),
        ({"kind": "express", "version": "4.0.x"}, "which express brokers do not run; allowed: 4.2.x, 3.9.x"),
        ({"kind": "express", "version": "4.1.x"}, "which express brokers do not run"),
        ({"kind": "express", "instance_type": "express.m7g.24xlarge"}, "a size that MSK does not have"),
        ({"kind": "express", "instance_type": "kafka.m7g.large"}, "no kind of express brokers"),
        ({"version": "4.2.x"}, "which standard brokers do not run; allowed: 4.1.x"),
        ({"instance_type": "kafka.t3.small"}, "has no KRaft mode"),
        ({"instance_type": "kafka.t3.small", "version": "3.9.x"}, "has no KRaft mode"),
        ({"instance_type": "kafka.m7g.24xlarge"}, "a size that MSK does not have"),
        ({"instance_type": "kafka.m5.48xlarge"}, "a size that MSK does not have"),
        ({"instance_type": "kafka.m8z.large"}, "no kind of standard brokers"),
        ({"storage_gb": 500, "max_storage_gb": 500}, "give more than storage_gb"),
        ({"version": "2.8.1"}, 'version is "2.8.1"; allowed: 4.2.x'),
        ({"topics": {"a b": {}}}, "a name that Kafka takes"),
        ({"topics": {"a.b": {}, "a_b": {}}}, "which Kafka takes for one name"),
        ({"monitoring": "ALL"}, "monitoring"),
    ],
)
def test_what_msk_would_refuse_is_refused_beforehand(brokers: dict[str, Any], says: str) -> None:
    assert says in refused(brokers)


@pytest.mark.parametrize(
    ("brokers", "place", "says"),
    [
        ({}, StackFacts(region=REGION, zones=1, gpus=False), "set it to 2 or 3"),
        ({"kind": "express"}, StackFacts(region=REGION, zones=2, gpus=False), "copies in three zones"),
        ({"kind": "serverless"}, StackFacts(region="sa-east-1", zones=3, gpus=False), "does not offer in sa-east-1"),
        ({"brokers_per_zone": 30}, PLACE, "use 20 or fewer"),
    ],
)
def test_what_cannot_run_on_a_stack_says_why_and_what_to_do(
    brokers: dict[str, Any], place: StackFacts, says: str
) -> None:
    (conflict,) = config(brokers).conflicts(place)
    assert says in conflict


@pytest.mark.parametrize("offer", OFFERS, ids=[offer.family for offer in OFFERS])
def test_what_msk_offers_is_taken(offer: Offer) -> None:
    for size in offer.sizes:
        for version in offer.versions:
            assert config({"kind": offer.kind, "instance_type": f"{offer.family}.{size}", "version": version})


def test_the_table_has_the_sizes_of_the_price_list_and_no_other() -> None:
    offered = {f"{offer.family}.{size}" for offer in OFFERS for size in offer.sizes}
    priced = {sku for sku in prices().regions["us-east-1"]["msk"] if sku.startswith(("kafka.", "express."))}
    assert offered == priced


def test_what_can_run_has_no_conflicts() -> None:
    assert config().conflicts(PLACE) == ()
    assert config({"kind": "express", "brokers_per_zone": 20}).conflicts(PLACE) == ()
    for region in SERVERLESS_REGIONS:
        assert config({"kind": "serverless"}).conflicts(StackFacts(region=region, zones=2, gpus=False)) == ()


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:AmazonMSK_events-a1B2c3"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012"
SCRAM = {"kind": "scram", "secret_arn": SECRET, "key_arn": KEY}
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"


def test_the_topic_of_events_is_there_and_the_settings_have_the_last_word_on_it() -> None:
    assert only(standard(), TOPIC).inputs["name"] == "events"
    own = kafka(config({"topics": {"events": {"partitions": 48}, "clicks": {}}}))[0]
    assert {node.inputs["name"]: node.inputs["partitionCount"] for node in own.of_type(TOPIC)} == {
        "events": 48,
        "clicks": 6,
    }
    assert {node.inputs["name"] for node in kafka(config(topic="orders"))[0].of_type(TOPIC)} == {"orders"}


def told(settings: KafkaConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        for name, value in settings.build("stream", base, opts).outputs.client_variables().items():
            pulumi.Output.from_input(value).apply(lambda known, name=name: found.update({name: known}))

    recorded(build)
    return found


def test_a_client_is_told_all_that_it_needs() -> None:
    variables = told(config())
    endpoint = variables.pop("MLOPS_STREAM_ENDPOINT")
    assert variables == {"MLOPS_STREAM": "events", "MLOPS_STREAM_AUTH": "iam", "MLOPS_STREAM_PROTOCOL": "kafka"}
    assert endpoint == brokers_of(standard()).outputs["bootstrapBrokersSaslIam"]


def test_with_a_user_and_a_password_both_come_by_reference_and_the_door_is_another() -> None:
    graph, outputs = kafka(config(access=SCRAM), cluster=True)
    assert brokers_of(graph).inputs["clientAuthentication"]["sasl"] == {"iam": True, "scram": True}
    users = only(graph, "aws:msk/scramSecretAssociation:ScramSecretAssociation")
    assert users.inputs["secretArnLists"] == [SECRET]
    assert {name: (value.arn, value.key) for name, value in outputs.secrets.items()} == {
        "MLOPS_STREAM_USERNAME": (SECRET, "username"),
        "MLOPS_STREAM_PASSWORD": (SECRET, "password"),
    }
    rules = [node for node in graph.of_type(INGRESS) if node.name.startswith("stream")]
    assert sorted(rule.inputs["fromPort"] for rule in rules) == [9096, 9098]
    assert [way.ports for way in outputs.consume().egress] == [(9096,)]
    assert told(config(access=SCRAM))["MLOPS_STREAM_ENDPOINT"] == brokers_of(graph).outputs["bootstrapBrokersSaslScram"]


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (
            {**SCRAM, "secret_arn": SECRET.replace("AmazonMSK_", "")},
            "MSK takes none whose name does not begin with AmazonMSK_",
        ),
        ({**SCRAM, "secret_arn": "AmazonMSK_events"}, "the whole ARN of a Secrets Manager secret"),
        ({**SCRAM, "key_arn": "alias/aws/secretsmanager"}, "the ARN of one KMS key"),
        ({"kind": "scram"}, "secret_arn"),
    ],
)
def test_a_reference_that_is_none_is_refused(access: dict[str, Any], said: str) -> None:
    assert said in refused({}, access=access)


def test_serverless_knows_no_passwords() -> None:
    serverless = KafkaConfig.model_validate({"brokers": {"kind": "serverless"}, "access": SCRAM})
    assert ["access.kind is scram" in problem for problem in serverless.conflicts(PLACE)] == [True]


def test_a_topic_is_delivered_to_the_lake_as_a_stream_of_kinesis_is() -> None:
    graph = kafka(config(delivery={}))[0]
    firehose = only(graph, FIREHOSE).inputs
    source = firehose["mskSourceConfiguration"]
    cluster = brokers_of(graph)
    assert source["topicName"] == "events"
    assert source["mskClusterArn"] == cluster.outputs["arn"]
    assert source["authenticationConfiguration"]["connectivity"] == "PRIVATE"
    assert firehose["extendedS3Configuration"]["prefix"].startswith("delivered/dt=")
    connectivity = cluster.inputs["brokerNodeGroupInfo"]["connectivityInfo"]["vpcConnectivity"]
    assert connectivity == {"clientAuthentication": {"sasl": {"iam": True}}}
    policy = only(graph, "aws:msk/clusterPolicy:ClusterPolicy")
    assert policy.urn in only(graph, FIREHOSE).dependencies, "Firehose connects when it is made"
    (row,) = statements(policy.inputs["policy"])
    assert row["Principal"] == {"Service": "firehose.amazonaws.com"}
    assert row["Condition"]["StringEquals"]["aws:SourceAccount"].isdigit()
    assert "connectivityInfo" not in brokers_of(standard()).inputs["brokerNodeGroupInfo"]


def test_the_delivery_may_read_topics_and_write_what_it_delivers_and_nothing_else() -> None:
    graph = kafka(config(delivery={}))[0]
    role = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-delivery-policy")
    actions = {action for row in statements(role.inputs["policy"]) for action in row["Action"]}
    assert {"kafka-cluster:ReadData", "kafka:GetBootstrapBrokers", "s3:PutObject"} <= actions
    assert not actions & {"kafka-cluster:WriteData", "kafka-cluster:CreateTopic"}
