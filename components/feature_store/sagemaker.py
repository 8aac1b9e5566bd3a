"""Amazon SageMaker Feature Store: a feature group for each view that the loop computes, online and offline.

Nothing is run to answer for features, and none of it needs the cluster; where there is one, a job brings them there.
Without one whoever computes features writes them: a workload with the right `write features`, or a pipeline of
SageMaker.
"""

from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant, Statement, policy_document
from components.base.service_role import service_role
from components.base.workload import Application
from components.feature_store import EXPORT, METRICS, READ, WRITE, FeatureStoreConfig
from components.features import MOMENT, View, views
from components.foundation import Foundation
from components.jobs import ScheduledJobConfig, job, watched
from components.kubernetes.host import own_room
from components.kubernetes.pods import Schedule
from components.network.endpoints import of_services
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.module import StackFacts

_PLACE = "sagemaker/"
"""Where the groups keep their offline side in the zone of features."""
_TYPES = {"integer": "Integral", "number": "Fractional", "text": "String"}


class SageMakerFeatureStoreConfig(FeatureStoreConfig):
    """SageMaker's feature groups."""

    kind: Literal["sagemaker"] = "sagemaker"
    card: ClassVar[Card] = Card(
        title="Amazon SageMaker Feature Store",
        best_for="features online without anything to run, with or without a cluster",
        not_for="features that are written and read very often: each is paid, and a cache answers ten times sooner",
        complexity="low",
        trade_offs="A price by the request and gigabyte, for definitions that AWS keeps and can hardly be changed",
        state="AWS keeps the groups; what is online is written again from the lake by one run of the job",
    )
    endpoints: ClassVar[frozenset[str]] = of_services(("cloudwatch", "ecr", "sagemaker-featurestore-runtime"))
    offered: ClassVar[frozenset[str]] = frozenset({READ, WRITE})

    online_days: int = Field(default=1, ge=1, le=365)
    """Days after which an entity that nobody wrote again is no longer known online, as somebody who was erased."""
    materialize_minutes: int = Field(default=15, ge=5, le=30)
    """Between two runs of the job that brings features online, minutes, where there is a cluster that runs it. At most
    half of the hour that features may be old, so that a run may fail without anybody noticing."""
    job: ScheduledJobConfig = ScheduledJobConfig()
    """The job. It writes one record after the other: a thousand take half a minute."""
    protect: bool = False
    """Refuse to delete the groups; what is online can be made again from the lake."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """An image and a node group, where there is a cluster."""
        return self.job.misfits("the job of the feature store", stack) if stack.node_groups else ()

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the groups."""
        return SageMakerFeatureStore(name, self, around, opts)


class SageMakerFeatureStore(Component[DependentOutputs]):
    """A role that keeps the offline side, the groups, and the job where a cluster runs it."""

    token = "mlops:index:SageMakerFeatureStore"

    def __init__(
        self,
        name: str,
        config: SageMakerFeatureStoreConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation = around.foundation
        role = service_role(
            name,
            service="sagemaker.amazonaws.com",
            description="Features of the MLOps platform, offline",
            statements=offline_rights(foundation),
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        groups = tuple(self._group(view, role).arn for view in views())
        read, write = online_rights(groups, foundation.keys.data)
        prefix = f"{foundation.prefix}-"
        told = {"MLOPS_FEATURES_ONLINE": "sagemaker", "MLOPS_FEATURES_PREFIX": prefix}
        if around.ml_platform and "jobs" in around.ml_platform.roles:
            aws.iam.RolePolicy(
                f"{name}-jobs-policy",
                role=around.ml_platform.roles["jobs"].apply(lambda arn: arn.rpartition("/")[2]),
                policy=policy_document(write.statements),
                opts=self.child,
            )
        if foundation.optional_cluster:
            self._job(told, write)
        self.publish(
            DependentOutputs(
                exports={EXPORT: pulumi.Output.from_input(prefix)},
                watched=(watched("features", METRICS, foundation),) if foundation.optional_cluster else (),
                offers={
                    READ: Offer(grant=read, variables=told),
                    WRITE: Offer(grant=write, variables=told),
                },
            )
        )

    def _group(self, view: View, role: pulumi.Output[str]) -> "aws.sagemaker.FeatureGroup":
        sm, foundation = aws.sagemaker, self._foundation
        place = pulumi.Output.concat("s3://", foundation.storage.buckets["features"], f"/{_PLACE}{view.name}")
        return sm.FeatureGroup(
            f"{self.name}-{view.entity}-group",
            # SageMaker takes hyphens and no underscores.
            feature_group_name=f"{foundation.prefix}-{view.name.replace('_', '-')}",
            description=f"Features of each {view.entity}, computed by the loop",
            record_identifier_feature_name=view.key,
            event_time_feature_name=MOMENT,
            feature_definitions=[
                sm.FeatureGroupFeatureDefinitionArgs(feature_name=column, feature_type=_TYPES[kind])
                for column, kind in view.columns.items()
            ],
            online_store_config=sm.FeatureGroupOnlineStoreConfigArgs(
                enable_online_store=True,
                security_config=sm.FeatureGroupOnlineStoreConfigSecurityConfigArgs(kms_key_id=foundation.keys.data),
                ttl_duration=sm.FeatureGroupOnlineStoreConfigTtlDurationArgs(
                    unit="Days", value=self._config.online_days
                ),
            ),
            offline_store_config=sm.FeatureGroupOfflineStoreConfigArgs(
                s3_storage_config=sm.FeatureGroupOfflineStoreConfigS3StorageConfigArgs(
                    s3_uri=place, kms_key_id=foundation.keys.data
                ),
                # A table for it would be one more catalogue beside that of `lake_query`, whose crawlers find the files.
                disable_glue_table_creation=True,
            ),
            role_arn=role,
            opts=self.child_with(protect=self._config.protect),
        )

    def _job(self, told: dict[str, str], write: Grant) -> None:
        config, foundation = self._config, self._foundation
        application = Application(name="feature-store", secret="feature-store")
        room = own_room(self.name, application, foundation, self.child)
        materialize = job(
            "features-materialize",
            "materialize",
            ("materialize",),
            config.job,
            foundation,
            metrics=METRICS,
            variables=told,
            grants=(foundation.storage.read("features"), write),
        )
        deadline = config.job.deadline_minutes * 60
        room.schedule(materialize, Schedule(cron=f"*/{config.materialize_minutes} * * * *", deadline_seconds=deadline))


def offline_rights(foundation: Foundation) -> tuple[Statement, ...]:
    """What SageMaker does in the lake in the role's name. Source: SageMaker developer guide, "Cross account offline
    store access", which lists the rights of a feature group's role."""
    storage = foundation.storage
    arn = storage.bucket_arns["features"]
    acl = Statement(actions=("s3:GetBucketAcl",), resources=(arn,))
    owner = Statement(actions=("s3:PutObjectAcl",), resources=(pulumi.Output.concat(arn, f"/{_PLACE}*"),))
    return (*storage.write("features", _PLACE).statements, acl, owner)


def online_rights(groups: tuple[pulumi.Output[str], ...], key: pulumi.Output[str]) -> tuple[Grant, Grant]:
    """To read records of the groups, and to write them."""

    def grant(access: str, actions: tuple[str, ...], key_actions: tuple[str, ...]) -> Grant:
        rights = (Statement(actions=actions, resources=groups), Statement(actions=key_actions, resources=(key,)))
        return Grant(resource="feature_store", access=access, statements=rights)

    return (
        grant("read", ("sagemaker:BatchGetRecord", "sagemaker:GetRecord"), ("kms:Decrypt",)),
        grant("write", ("sagemaker:PutRecord",), ("kms:Decrypt", "kms:GenerateDataKey")),
    )
