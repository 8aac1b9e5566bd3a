"""Amazon Athena over a Glue catalogue that crawlers keep.

Nothing runs between queries. Results are kept by Athena itself, encrypted, for a day, and so lie in no bucket that
erasure and retention would have to know of.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Statement, policy_document
from components.base.logs import log_group
from components.base.trust import service_trust
from components.base.watched import Watched
from components.foundation import Foundation
from components.lake_query import LakeQueryConfig, LakeQueryOutputs
from components.network.endpoints import of_actions
from components.storage import Zone
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import LogDays

QUERY = (
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
)
READ_CATALOGUE = (
    "glue:GetDatabase",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
)
WRITE_CATALOGUE = (
    "glue:BatchCreatePartition",
    "glue:BatchDeletePartition",
    "glue:BatchGetPartition",
    "glue:CreatePartition",
    "glue:CreateTable",
    "glue:DeleteTable",
    "glue:UpdatePartition",
    "glue:UpdateTable",
)
"""What a crawler does with the tables that it finds. Source: Glue developer guide, "Crawler prerequisites", and the
service authorization reference."""
_LEAST_CUTOFF_MB = 10
"""Source: Athena API, EngineConfiguration and WorkGroupConfiguration, `BytesScannedCutoffPerQuery` (10,000,000)."""


class AthenaConfig(LakeQueryConfig):
    """Amazon Athena and AWS Glue."""

    card: ClassVar[Card] = Card(
        title="Amazon Athena with the Glue catalogue",
        best_for="questions now and then to data that is in the lake already, without anything to run",
        not_for="dashboards that ask every second: each query pays for what it reads, and takes seconds to begin",
        complexity="low",
        trade_offs="Nothing to size and nothing to pay between queries, for a price by the terabyte that is read",
        state="none of its own: tables are found anew by the crawlers, and results lie in storage that Athena manages",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions((*QUERY, *READ_CATALOGUE))

    kind: Literal["athena"] = "athena"
    zones: Annotated[tuple[Zone, ...], Unique(most=4), Field(min_length=1)] = ("curated", "features")
    """Zones of the lake that queries reach, each a database. The zone raw holds what nobody has checked yet."""
    crawl_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 24
    """Hours between two looks of the crawlers for new tables and partitions."""
    most_scanned_gb: float = Field(default=100, ge=_LEAST_CUTOFF_MB / 1000, le=7_000_000)
    """GB that one query may read before it is ended: the most that a query can cost."""
    log_retention_days: LogDays = 30
    """Days for which the crawlers' logs are kept."""

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[LakeQueryOutputs]:
        """Make the catalogue, its crawlers and the workgroup."""
        return Athena(name, self, foundation, opts)


class Athena(Component[LakeQueryOutputs]):
    """A database and a crawler for each zone, and the workgroup in which queries are asked."""

    token = "mlops:index:Athena"

    def __init__(
        self, name: str, config: AthenaConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        aws.glue.DataCatalogEncryptionSettings(
            f"{name}-catalogue-encryption",
            data_catalog_encryption_settings=aws.glue.DataCatalogEncryptionSettingsDataCatalogEncryptionSettingsArgs(
                encryption_at_rest=aws.glue.DataCatalogEncryptionSettingsDataCatalogEncryptionSettingsEncryptionAtRestArgs(
                    catalog_encryption_mode="SSE-KMS", sse_aws_kms_key_id=foundation.keys.data
                ),
                connection_password_encryption=aws.glue.DataCatalogEncryptionSettingsDataCatalogEncryptionSettingsConnectionPasswordEncryptionArgs(
                    return_connection_password_encrypted=True, aws_kms_key_id=foundation.keys.data
                ),
            ),
            opts=self.child,
        )
        databases: dict[Zone, aws.glue.CatalogDatabase] = {zone: self._database(zone) for zone in config.zones}
        self._crawlers(databases)
        workgroup = self._workgroup()
        reads = [foundation.storage.read(zone) for zone in config.zones]
        catalogue = catalogue_arns([database.arn for database in databases.values()])
        self.publish(
            LakeQueryOutputs(
                workgroup=workgroup.name,
                databases={str(zone): database.name for zone, database in databases.items()},
                query_statements=(
                    Statement(actions=QUERY, resources=(workgroup.arn,)),
                    Statement(actions=READ_CATALOGUE, resources=catalogue),
                    *(statement for grant in reads for statement in grant.statements),
                ),
                watched=(Watched(what="queries", namespace="AWS/Athena", dimensions={"WorkGroup": workgroup.name}),),
            )
        )

    def _database(self, zone: Zone) -> "aws.glue.CatalogDatabase":
        bucket = self._foundation.storage.buckets[zone]
        return aws.glue.CatalogDatabase(
            f"{self.name}-{zone}",
            # Glue takes lower case, digits and underscores; others Athena only reads between quotes.
            name=f"{self._foundation.prefix}-{zone}".replace("-", "_"),
            description=f"Zone {zone} of the lake of the MLOps platform",
            location_uri=pulumi.Output.concat("s3://", bucket, "/"),
            opts=self.child,
        )

    def _crawlers(self, databases: "Mapping[Zone, aws.glue.CatalogDatabase]") -> None:
        config, foundation = self._config, self._foundation
        security = self._security()
        role_arn = self._crawler_role(databases, security.name)
        for zone, database in databases.items():
            aws.glue.Crawler(
                f"{self.name}-{zone}-crawler",
                database_name=database.name,
                role=role_arn,
                security_configuration=security.name,
                s3_targets=[
                    aws.glue.CrawlerS3TargetArgs(
                        path=pulumi.Output.concat("s3://", foundation.storage.buckets[zone], "/")
                    )
                ],
                schedule=every(config.crawl_hours),
                recrawl_policy=aws.glue.CrawlerRecrawlPolicyArgs(recrawl_behavior="CRAWL_EVERYTHING"),
                schema_change_policy=aws.glue.CrawlerSchemaChangePolicyArgs(
                    # What was erased from the lake is no table any more.
                    delete_behavior="DELETE_FROM_DATABASE",
                    update_behavior="UPDATE_IN_DATABASE",
                ),
                opts=self.child,
            )

    def _security(self) -> "aws.glue.SecurityConfiguration":
        data, encryption = self._foundation.keys.data, aws.glue
        return aws.glue.SecurityConfiguration(
            f"{self.name}-security",
            encryption_configuration=encryption.SecurityConfigurationEncryptionConfigurationArgs(
                cloudwatch_encryption=encryption.SecurityConfigurationEncryptionConfigurationCloudwatchEncryptionArgs(
                    cloudwatch_encryption_mode="SSE-KMS", kms_key_arn=self._foundation.keys.logs
                ),
                job_bookmarks_encryption=encryption.SecurityConfigurationEncryptionConfigurationJobBookmarksEncryptionArgs(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=data
                ),
                s3_encryption=encryption.SecurityConfigurationEncryptionConfigurationS3EncryptionArgs(
                    s3_encryption_mode="SSE-KMS", kms_key_arn=data
                ),
            ),
            opts=self.child,
        )

    def _crawler_role(
        self, databases: "Mapping[Zone, aws.glue.CatalogDatabase]", security: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        """ARN of the crawlers' role, known once it has its rights: Glue tries them when a crawler is made."""
        foundation = self._foundation
        role = aws.iam.Role(
            f"{self.name}-crawler-role",
            description="Crawlers of the catalogue of the MLOps platform",
            assume_role_policy=service_trust("glue.amazonaws.com", foundation.keys.data),
            opts=self.child,
        )
        logs = log_group(
            f"{self.name}-crawler-logs",
            days=self._config.log_retention_days,
            key_arn=foundation.keys.logs,
            # Where crawlers with a security configuration write, and nowhere else.
            physical_name=pulumi.Output.concat("/aws-glue/crawlers-role/", role.name, "-", security),
            opts=self.child,
        )
        policy = aws.iam.RolePolicy(
            f"{self.name}-crawler-policy",
            role=role.name,
            policy=policy_document(self._crawler_rights(databases, logs.arn)),
            opts=self.child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))

    def _crawler_rights(
        self, databases: "Mapping[Zone, aws.glue.CatalogDatabase]", logs_arn: pulumi.Output[str]
    ) -> list[Statement]:
        storage, keys = self._foundation.storage, self._foundation.keys
        catalogue = catalogue_arns([database.arn for database in databases.values()])
        streams = pulumi.Output.concat(logs_arn, ":*")
        return [
            *(statement for zone in databases for statement in storage.read(zone).statements),
            Statement(actions=(*READ_CATALOGUE, *WRITE_CATALOGUE), resources=catalogue),
            Statement(actions=("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"), resources=(keys.data,)),
            Statement(
                actions=("logs:AssociateKmsKey", "logs:CreateLogStream", "logs:PutLogEvents"),
                resources=(logs_arn, streams),
            ),
            # Which security configuration it is, a crawler looks up; Glue takes no resource for it.
            Statement(actions=("glue:GetSecurityConfiguration",), resources=("*",)),
        ]

    def _workgroup(self) -> "aws.athena.Workgroup":
        return aws.athena.Workgroup(
            f"{self.name}-workgroup",
            description="Queries over the lake of the MLOps platform",
            # What people have asked is in its history; a workgroup with one is not deleted unless it is told to.
            force_destroy=True,
            configuration=aws.athena.WorkgroupConfigurationArgs(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=int(self._config.most_scanned_gb * 1_000_000_000),
                # Athena encrypts them with a key of its own; one of ours would have to let Athena's principal in.
                managed_query_results_configuration=aws.athena.WorkgroupConfigurationManagedQueryResultsConfigurationArgs(
                    enabled=True
                ),
            ),
            opts=self.child,
        )


def every(hours: int) -> str:
    """A schedule of Glue, which knows cron only: at twenty past, so many hours apart, UTC."""
    return "cron(20 3 * * ? *)" if hours == 24 else f"cron(20 0/{hours} * * ? *)"


def catalogue_arns(databases: Sequence[pulumi.Output[str]]) -> tuple[pulumi.Output[str], ...]:
    """The catalogue itself, the databases and their tables: Glue checks a right on all three.

    Source: Glue developer guide, "Specifying AWS Glue resource ARNs".
    """

    def catalogue(arn: str) -> str:
        return f"{arn.partition(':database/')[0]}:catalog"

    def tables(arn: str) -> str:
        return f"{arn.replace(':database/', ':table/')}/*"

    return (*(arn.apply(catalogue) for arn in databases[:1]), *databases, *(arn.apply(tables) for arn in databases))
