"""The kinds of brokers that MSK offers, and what each can and cannot do."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from components.data_pipeline.kafka.offered import refusal
from mlops.core import versions
from mlops.core.config import Config
from mlops.core.fields import Form
from mlops.core.fields.aws import LogDays

MOST_RETENTION_HOURS = 87_600
"""Ten years."""
LEAST_TIERED_HOURS = 72
"""Source: MSK developer guide, "Tiered storage constraints and limitations": three days in low-cost storage."""
MOST_BROKERS = 60
"""A cluster in KRaft mode. Source: MSK quotas."""
SERVERLESS_REGIONS = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "us-east-1",
        "us-east-2",
        "us-west-2",
    }
)
"""Source: MSK developer guide, "What is MSK Serverless?"."""


BrokerType = Annotated[
    str, Form(r"(?:kafka|express)\.[a-z0-9]+\.[a-z0-9]+", "a size of MSK brokers, `kafka.m7g.large`", most=32)
]
TopicName = Annotated[
    str,
    Form(
        r"(?!\.{1,2}$)(?!__)[A-Za-z0-9._-]+",
        "a name that Kafka takes: letters, digits, `.`, `_` and `-`, neither `.` nor `..`, and no `__` first, which is "
        "Kafka's own",
        most=249,
    ),
]


class TopicConfig(Config):
    """One topic."""

    partitions: int = Field(default=6, ge=1, le=1000)
    """Partitions: the most consumers of one group that can share the topic. Can grow, never shrink."""
    retention_hours: int = Field(default=168, ge=1, le=MOST_RETENTION_HOURS)
    """Hours for which events are kept."""
    local_hours: int | None = Field(default=None, ge=1, le=MOST_RETENTION_HOURS)
    """Hours after which events lie in tiered storage alone, at a price by volume; null keeps them on the brokers. It
    asks for `storage_mode: TIERED`."""

    @model_validator(mode="after")
    def _stays_as_long_as_tiered_storage_wants(self) -> "TopicConfig":
        if self.local_hours is None:
            return self
        if self.retention_hours < LEAST_TIERED_HOURS:
            raise ValueError(
                f"retention_hours is {self.retention_hours} and local_hours {self.local_hours}; tiered storage keeps "
                f"events for {LEAST_TIERED_HOURS} hours at least, so raise retention_hours, or set local_hours to null"
            )
        if self.local_hours >= self.retention_hours:
            raise ValueError(
                f"local_hours is {self.local_hours} and retention_hours {self.retention_hours}: nothing would ever lie "
                f"in tiered storage; set local_hours below {self.retention_hours}"
            )
        return self

    @property
    def configs(self) -> dict[str, str]:
        """Kafka's own words for it."""
        kept = {"retention.ms": str(self.retention_hours * 3_600_000)}
        if self.local_hours is None:
            return kept
        return {**kept, "local.retention.ms": str(self.local_hours * 3_600_000), "remote.storage.enable": "true"}


class ProvisionedBrokers(Config):
    """What Standard and Express brokers have in common."""

    version: str = Field(default=versions.KAFKA_DEFAULT, json_schema_extra={"enum": list(versions.KAFKA)})
    """Apache Kafka version in MSK's spelling, run in KRaft mode."""
    brokers_per_zone: int = Field(default=1, ge=1, le=MOST_BROKERS // 2)
    """Brokers in each zone in use (at most three zones): MSK wants the same number in all."""
    topics: dict[TopicName, TopicConfig] = Field(default_factory=dict, max_length=1000)
    """Topics by name. Clients cannot make any: a misspelt name must not become a topic."""
    monitoring: Literal["DEFAULT", "PER_BROKER", "PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION"] = "PER_BROKER"
    """Granularity of CloudWatch metrics; only DEFAULT is free."""
    open_monitoring: bool = False
    """Let Prometheus on the cluster read the brokers' JMX and node metrics."""
    log_retention_days: LogDays = 30
    """Days for which broker logs are kept in CloudWatch Logs."""

    @field_validator("version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        if value not in versions.KAFKA:
            raise ValueError(f'version is "{value}"; allowed: {", ".join(versions.KAFKA)}')
        return value

    @field_validator("topics")
    @classmethod
    def _topic_names(cls, value: dict[str, TopicConfig]) -> dict[str, TopicConfig]:
        for name in value:
            if not 1 <= len(name) <= 249 or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
                raise ValueError(
                    f'topic "{name}" has a name that Kafka refuses; letters, digits, `.`, `_`, `-`, at most 249'
                )
        return value

    @field_validator("topics")
    @classmethod
    def _names_differ_in_metrics_too(cls, topics: dict[str, TopicConfig]) -> dict[str, TopicConfig]:
        names = [name.replace(".", "_") for name in topics]
        if alike := [name for name in topics if names.count(name.replace(".", "_")) > 1]:
            raise ValueError(
                f"topics {' and '.join(alike)} differ by `.` and `_` alone, which Kafka takes for one name"
            )
        return topics


class StandardBrokers(ProvisionedBrokers):
    """Brokers with EBS volumes of their own."""

    kind: Literal["standard"] = "standard"
    instance_type: BrokerType = "kafka.m7g.large"
    """kafka.m7g.* from large to 16xlarge, or kafka.m5.* from large to 24xlarge."""
    storage_gb: int = Field(default=100, ge=1, le=16384)
    """EBS storage a broker, GiB; with max_storage_gb that at creation only."""
    max_storage_gb: int | None = Field(default=1000, ge=2, le=16384)
    """GiB a broker up to which storage grows by itself; null never grows it. Storage never shrinks."""
    storage_mode: Literal["LOCAL", "TIERED"] = "LOCAL"
    """TIERED moves older segments of topics that ask for it to cheaper storage of unlimited size."""
    retention_hours: int = Field(default=168, ge=1, le=MOST_RETENTION_HOURS)
    """Hours for which topics keep events unless they say otherwise."""

    @model_validator(mode="after")
    def _fits_together(self) -> "StandardBrokers":
        if self.max_storage_gb is not None and self.max_storage_gb <= self.storage_gb:
            raise ValueError(
                f"max_storage_gb is {self.max_storage_gb} and storage_gb {self.storage_gb}; give more than "
                "storage_gb, or null to never grow"
            )
        tiered = sorted(name for name, topic in self.topics.items() if topic.local_hours is not None)
        if tiered and self.storage_mode == "LOCAL":
            raise ValueError(
                f"topics {', '.join(tiered)} have local_hours, and storage_mode is LOCAL, which has no tiered storage; "
                "set storage_mode to TIERED, or local_hours to null"
            )
        if problem := refusal("standard", self.instance_type, self.version):
            raise ValueError(problem)
        return self


class ExpressBrokers(ProvisionedBrokers):
    """Brokers whose storage MSK manages: no volumes to size, up to three times the throughput, three zones."""

    kind: Literal["express"] = "express"
    instance_type: BrokerType = "express.m7g.large"
    """express.m7g.large to express.m7g.16xlarge."""

    @model_validator(mode="after")
    def _is_offered(self) -> "ExpressBrokers":
        if tiered := sorted(name for name, topic in self.topics.items() if topic.local_hours is not None):
            raise ValueError(
                f"topics {', '.join(tiered)} have local_hours, and express brokers have no volumes that events would "
                "leave; set local_hours to null, or use standard brokers"
            )
        if problem := refusal("express", self.instance_type, self.version):
            raise ValueError(problem)
        return self


class ServerlessBrokers(Config):
    """No brokers to choose: capacity follows load, up to 200 MB/s in. AWS holds the encryption key and the logs, and
    has no API that makes topics there: the first of the platform's own clients makes the topic of events."""

    kind: Literal["serverless"] = "serverless"
    partitions: int = Field(default=6, ge=1, le=2400)
    """Partitions of the topic of events: the most consumers of one group that can share it. Those of a topic that is
    there stay. MSK takes 2,400 a cluster (MSK quotas, "Quota for serverless clusters")."""
    retention_hours: int = Field(default=168, ge=1, le=MOST_RETENTION_HOURS)
    """Hours for which events are kept."""

    @property
    def told(self) -> dict[str, str]:
        """Variables of a client that makes the topic."""
        return {
            "MLOPS_STREAM_PARTITIONS": str(self.partitions),
            "MLOPS_STREAM_RETENTION_HOURS": str(self.retention_hours),
        }
