"""Kafka, Kinesis and Firehose: encryption, log-in, retention, logs."""

from collections.abc import Iterable

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import answer, any_of
from policies.model import ABSENT, Answer, Judgement, judge, look, say
from policies.references import attached
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import at_least, demand, given, not_off, not_on, one_of, own_key, yes

STREAM = "aws:kinesis/stream:Stream"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
_WEEK_HOURS = 168
_STREAM_SOURCE = "kinesisSourceConfiguration"
_TOPIC_SOURCE = "mskSourceConfiguration"

demand("msk-cmk", "encryptionInfo.encryptionAtRestKmsKeyArn", own_key, "The brokers' disks have AWS's own key.")
demand(
    "msk-not-public",
    "brokerNodeGroupInfo.connectivityInfo.publicAccess.type",
    one_of("DISABLED"),
    "The brokers have addresses on the internet.",
    absent_is_met=True,
)
demand(
    "msk-monitoring",
    "enhancedMonitoring",
    one_of("PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION"),
    "Metrics do not tell topics apart; production needs PER_TOPIC_PER_BROKER.",
)
demand("kinesis-encrypted", "encryptionType", one_of("KMS"), "Records lie in the stream in clear.")
demand(
    "kinesis-retention",
    "retentionPeriod",
    at_least(_WEEK_HOURS),
    f"Records are gone in less than {_WEEK_HOURS} h: a consumer that stands still over a week-end loses some.",
)


@resource_rule("msk-tls")
def brokers_refuse_plain_connections(node: Node) -> Iterable[Judgement]:
    """MSK's own defaults are TLS to clients and between brokers."""
    path = "encryptionInfo.encryptionInTransit"
    message = "Brokers also take connections without TLS."
    yield judge(node, f"{path}.clientBroker", one_of("TLS"), message, absent_is_met=True)
    yield judge(node, f"{path}.inCluster", not_off, "Brokers talk to each other in clear.", absent_is_met=True)


@resource_rule("msk-authenticated")
def brokers_ask_who_it_is(node: Node) -> Iterable[Judgement]:
    path = "clientAuthentication"
    message = "Clients may come without saying who they are."
    yield judge(node, f"{path}.unauthenticated", not_on, message, absent_is_met=True)
    ways = (f"{path}.sasl.iam", f"{path}.sasl.scram", f"{path}.tls.certificateAuthorityArns")
    answers = [answer(look(node.inputs, way), lambda value: value is not False and given(value)) for way in ways]
    shown = next((way for way, holds in zip(ways, answers, strict=True) if holds), ways[0])
    yield say(node, shown, any_of(answers), "No way to log in is enabled.")


@resource_rule("msk-broker-logs")
def brokers_keep_logs(node: Node) -> Iterable[Judgement]:
    ways = [f"loggingInfo.brokerLogs.{where}.enabled" for where in ("cloudwatchLogs", "s3", "firehose")]
    answers = [answer(look(node.inputs, way), yes) for way in ways]
    shown = next((way for way, holds in zip(ways, answers, strict=True) if holds), ways[0])
    yield say(node, shown, any_of(answers), "The logs of the brokers go nowhere.")


@stack_rule("firehose-encrypted")
def deliveries_are_encrypted(graph: Graph) -> Iterable[Judgement]:
    """A delivery from a stream or topic has no encryption of its own to set; its source's counts. MSK always encrypts
    (MSK developer guide, "Amazon MSK encryption")."""
    message = "Records wait for their delivery in clear."
    sources = attached(graph, (FIREHOSE,), _STREAM_SOURCE, (STREAM,))
    streams = {node.urn: stream for stream, nodes in sources.by_urn.items() for node in nodes}
    for node in graph.of_type(FIREHOSE):
        own = answer(look(node.inputs, "serverSideEncryption.enabled"), yes)
        if own is True or not _has_source(node):
            yield say(node, "serverSideEncryption.enabled", own, message)
        elif look(node.inputs, _TOPIC_SOURCE) is not ABSENT:
            yield judge(node, f"{_TOPIC_SOURCE}.mskClusterArn", given, message)
        else:
            stream = graph[streams[node.urn]] if node.urn in streams else _named_stream(graph, node)
            # A stream that the stack does not make: nothing here shows how it is encrypted.
            holds: Answer = None if stream is None else answer(look(stream.inputs, "encryptionType"), one_of("KMS"))
            yield say(node, f"{_STREAM_SOURCE}.kinesisStreamArn", holds, message)


def _has_source(node: Node) -> bool:
    return any(look(node.inputs, source) is not ABSENT for source in (_STREAM_SOURCE, _TOPIC_SOURCE))


def _named_stream(graph: Graph, delivery: Node) -> Node | None:
    arn = look(delivery.inputs, f"{_STREAM_SOURCE}.kinesisStreamArn")
    names = (node for node in graph.of_type(STREAM) if arn not in (UNKNOWN, ABSENT))
    return next((node for node in names if arn in (node.id, node.outputs.get("arn"))), None)
