"""Apache Flink on the cluster: an operator, and a deployment of its own for each job.

A job that is changed is stopped with a savepoint and goes on from it; checkpoints, savepoints and what a new leader
must know lie in the lake, so that no pod has a volume.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs, network_policy, policy_document
from components.base.watched import Watched
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    closed,
    custom_object,
    disruption_budget,
    name_of,
    namespace,
    release,
    stored_secret,
)
from components.kubernetes.scraping import let_scrapers_in
from components.kubernetes.together import asking_account, together
from components.stream_processing import PLACE, StreamProcessingConfig, StreamProcessingOutputs, rights
from components.stream_processing.flink import jobs
from components.stream_processing.flink.jobs import JobConfig
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.module import Need, StackFacts

OPERATOR, JOBS = "flink-operator", "flink-jobs"
"""Namespaces."""


class FlinkConfig(StreamProcessingConfig):
    """Apache Flink on the cluster."""

    card: ClassVar[Card] = Card(
        title="Apache Flink on Kubernetes",
        best_for="Jobs that run all day beside other work on the cluster, in any version of Flink",
        not_for="A single small job: an operator and two pods that never sleep; managed_flink has nothing to run",
        complexity="high",
        trade_offs="Whatever Flink can, at the price of the nodes, for versions and sizes to look after",
        state="checkpoints and savepoints lie in the lake, zone artifacts, folder flink: a job that is made anew "
        "goes on from the last one",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    announces: ClassVar[str | None] = "Flink"

    kind: Literal["flink"] = "flink"
    jobs: Annotated[tuple[JobConfig, ...], Unique(most=50, by="name")] = ()
    """The jobs, each an image of its own."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Jobs go to node groups that are there."""
        return tuple(problem for job in self.jobs for problem in stack.misplaced(f"job {job.name}", job.node_group))

    def build(
        self,
        name: str,
        foundation: Foundation,
        data_pipeline: DataPipelineOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[StreamProcessingOutputs]:
        """Make the operator and the jobs."""
        return Flink(name, self, foundation, data_pipeline, opts)


class Flink(Component[StreamProcessingOutputs]):
    """The operator in a namespace of its own, and a closed one with the jobs."""

    token = "mlops:index:Flink"

    def __init__(
        self,
        name: str,
        config: FlinkConfig,
        foundation: Foundation,
        data_pipeline: DataPipelineOutputs | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._foundation, self._stream = foundation, data_pipeline
        cluster = foundation.cluster
        after = self.child_with(depends_on=list(cluster.ready))
        own = name_of(namespace(f"{name}-operator-namespace", OPERATOR, security="restricted", labels={}, opts=after))
        self._namespace = name_of(
            namespace(f"{name}-namespace", JOBS, security="restricted", labels=SECRETS_ALLOWED, opts=after)
        )
        operator = network_policy(
            f"{name}-operator-network-policy",
            namespace=own,
            selector={},
            grants=(jobs.way_to_jobs(foundation.network),),
            ingress_ports=[jobs.WEBHOOK_PORT],
            opts=self.child,
        )
        self._operator = release(
            f"{name}-operator",
            versions.FLINK_OPERATOR,
            namespace=own,
            release_name="flink-kubernetes-operator",
            values=jobs.operator_values(self._namespace),
            # Its webhook has a certificate of cert-manager's, and no data leads from a policy to the pods it closes.
            opts=self.child_with(depends_on=[cluster.certificates, *cluster.ready, operator]),
        )
        self._closed = closed(f"{name}-closed", self._namespace, self.child)
        let_scrapers_in(
            f"{name}-scrapers-policy", self._namespace, foundation.scrapers, [jobs.METRICS_PORT], self.child
        )
        self._secret = self._client_secret()
        made = {job.name: self._job(job) for job in config.jobs}
        self.publish(
            StreamProcessingOutputs(
                jobs={job: page for job, (page, _) in made.items()},
                role_arns={job: role for job, (_, role) in made.items()},
                watched=(Watched(what="jobs", namespace="Flink"),) if made else (),
            )
        )

    def _client_secret(self) -> pulumi.Output[str] | None:
        """Name of the Secret with what the stream's clients are known by, where they need one."""
        if self._stream is None or not self._stream.secrets:
            return None
        cluster, secrets = self._foundation.cluster, self._stream.secrets
        right = aws.iam.RolePolicy(
            f"{self.name}-stream-policy",
            role=cluster.external_secrets_role,
            policy=policy_document([row for value in secrets.values() for row in value.read()]),
            opts=self.child,
        )
        return stored_secret(
            f"{self.name}-stream",
            "stream",
            {variable: value.remote for variable, value in secrets.items()},
            store=cluster.secret_store,
            namespace=self._namespace,
            # External Secrets asks at once, and would be refused.
            opts=self.child_with(depends_on=[right]),
        )

    def _job(self, job: JobConfig) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Address of the job's page, and the ARN of its role."""
        named = f"{self.name}-{job.name}"
        granted = rights(self._foundation, self._stream, job.name, job.zones)
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(
                cluster=self._foundation.cluster,
                namespace=self._namespace,
                service_account=job.name,
                grants=granted,
            ),
            self.child,
        ).outputs
        account = asking_account(
            named,
            identity.service_account,
            namespace=self._namespace,
            role=jobs.ROLE,
            after=[self._operator],
            opts=self.child,
        )
        policies = together(
            named,
            job=job.name,
            namespace=self._namespace,
            selector={"app": job.name},
            grants=granted,
            ingress_ports=[jobs.REST_PORT],
            ingress_from=jobs.the_operator(OPERATOR),
            opts=self.child,
        )
        zone, folder = PLACE
        state = pulumi.Output.concat("s3://", self._foundation.storage.buckets[zone], f"/{folder}{job.name}")
        deployment = custom_object(
            named,
            "flink.apache.org/v1beta1",
            "FlinkDeployment",
            metadata={"name": job.name, "namespace": self._namespace},
            spec=jobs.deployment(
                job,
                jobs.Around(
                    account=account,
                    state=state,
                    variables=self._stream.client_variables() if self._stream else {},
                    secret=self._secret,
                    region=self._foundation.region,
                    place=self._foundation.cluster.places.of(job.node_group),
                ),
            ),
            opts=self.child_with(depends_on=[self._operator, self._closed, *policies]),
        )
        disruption_budget(
            f"{named}-disruption-budget",
            k8s.meta.v1.ObjectMetaArgs(name=f"{job.name}-workers", namespace=self._namespace),
            {"app": job.name, "component": "taskmanager"},
            opts=self.child,
        )
        page = pulumi.Output.concat(
            "http://", name_of(deployment), "-rest.", self._namespace, ".svc.cluster.local:8081"
        )
        return page, identity.role_arn
