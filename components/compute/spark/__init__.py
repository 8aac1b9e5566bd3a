"""Apache Spark on the cluster: an operator, and a scheduled application for each job.

A run's driver and executors are pods that come and go with it, so that between two runs a job costs nothing but the
operator; what it makes lies in the lake.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import pulumi

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.base.secret import SecretValue
from components.compute import (
    SCORES,
    SCORING,
    ComputeConfig,
    exports,
    misfits,
    output,
    rights,
    scoring_rights,
    secrets,
    variables,
    whole,
)
from components.compute.spark import jobs as made
from components.compute.spark.jobs import Program, SparkJobConfig, SparkScoringConfig
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    custom_object,
    name_of,
    namespace,
    release,
)
from components.kubernetes.placement import on_system_nodes
from components.kubernetes.references import secret_of_job
from components.kubernetes.scraping import let_scrapers_in
from components.kubernetes.together import asking_account, together
from components.ml_platform import MlPlatformOutputs
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.module import Need, StackFacts

OPERATOR, JOBS = "spark-operator", "spark-jobs"
"""Namespaces."""
_WEBHOOK_PORT, _METRICS_PORT = 9443, 8080


class SparkConfig(ComputeConfig):
    """Apache Spark on the cluster."""

    card: ClassVar[Card] = Card(
        title="Apache Spark on Kubernetes",
        best_for="tables that no one machine holds: scores of all users, joins and features over years of events",
        not_for="what one machine gets through in an hour: aws_batch runs that without a cluster to look after",
        complexity="medium",
        trade_offs="Any version of Spark on nodes that other work shares, for an operator and images to look after",
        state="none of its own; what jobs make lies in the lake, and a run that was lost begins anew at its next hour",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    kind: Literal["spark"] = "spark"
    scoring: SparkScoringConfig | None = None
    """Recommendations for all users of the reference workload, on a schedule; null computes none."""
    jobs: Annotated[tuple[SparkJobConfig, ...], Unique(most=50, by="name")] = ()
    """A team's own jobs."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Jobs have images, and go to node groups that are there."""
        sized = [(f"job {job.name}", job.sizes) for job in self.jobs]
        sized += [(SCORING, self.scoring.sizes)] if self.scoring else []
        places = [problem for what, sizes in sized for problem in stack.misplaced(what, sizes.node_group)]
        return (*misfits(stack, self.jobs, self.scoring, made.REPOSITORY), *places)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the operator and the jobs."""
        return Spark(name, self, around, opts)


class Spark(Component[DependentOutputs]):
    """The operator in a namespace of its own, and a closed one with the jobs."""

    token = "mlops:index:Spark"

    def __init__(
        self, name: str, config: SparkConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._around = around
        self._cluster = around.foundation.cluster
        after = self.child_with(depends_on=list(self._cluster.ready))
        labels = {
            **SECRETS_ALLOWED,
            **(TRACKING_ALLOWED if around.ml_platform else {}),
            **(SERVING_ALLOWED if around.serving else {}),
        }
        self._namespace = name_of(
            namespace(f"{name}-namespace", JOBS, security="restricted", labels=labels, opts=after)
        )
        self._closed = closed(f"{name}-closed", self._namespace, self.child)
        let_scrapers_in(f"{name}-scrapers", self._namespace, around.foundation.scrapers, [made.UI_PORT], self.child)
        self._operator = self._make_operator(after)
        if config.scoring and around.ml_platform:
            grants = scoring_rights(around, around.ml_platform)
            self._job(self._scoring(config.scoring, around.ml_platform), grants)
        for job in config.jobs:
            self._job(self._program(job), rights(job, around))
        self.publish(DependentOutputs(exports=exports(around, self._namespace)))

    def _make_operator(self, after: pulumi.ResourceOptions) -> pulumi.Resource:
        own = name_of(
            namespace(f"{self.name}-operator-namespace", OPERATOR, security="restricted", labels={}, opts=after)
        )
        policy = network_policy(
            f"{self.name}-operator-network-policy",
            namespace=own,
            selector={},
            grants=(),
            ingress_ports=[_WEBHOOK_PORT],
            opts=self.child,
        )
        let_scrapers_in(
            f"{self.name}-operator-scrapers",
            own,
            self._around.foundation.scrapers,
            [_METRICS_PORT],
            self.child,
        )
        values = made.operator_values(
            self._namespace, on_system_nodes("spark-operator"), self._cluster.controllers.replicas
        )
        return release(
            f"{self.name}-operator",
            versions.SPARK_OPERATOR,
            namespace=own,
            release_name="spark-operator",
            values=values,
            opts=self.child_with(depends_on=[*self._cluster.ready, policy]),
        )

    def _scoring(self, config: SparkScoringConfig, tracking: MlPlatformOutputs) -> Program:
        """The program of `services/spark`."""
        foundation = self._around.foundation
        to = output(self._around, SCORES.rstrip("/"), "s3a")
        return Program(
            name=SCORING,
            when=config,
            sizes=config.sizes,
            image=whole(foundation, made.REPOSITORY, f":{config.image_tag}"),
            file="local:///app/spark/__main__.py",
            arguments=["--registered", "recommender", "--k", str(config.products), "--to", to],
            variables={"AWS_REGION": foundation.region, "MLFLOW_TRACKING_URI": tracking.tracking_uri},
            secret=self._secret(SCORING, tracking.secrets),
        )

    def _program(self, job: SparkJobConfig) -> Program:
        return Program(
            name=job.name,
            when=job,
            sizes=job.sizes,
            image=job.image_in(self._around.foundation),
            file=job.file,
            arguments=job.arguments,
            variables=variables(job, self._around),
            secret=self._secret(job.name, secrets(job, self._around)),
            version=job.version,
            main_class=job.main_class,
        )

    def _secret(self, job: str, known: Mapping[str, SecretValue]) -> pulumi.Output[str] | None:
        """Name of the Secret with what a job is told in confidence; None where it is told nothing."""
        return secret_of_job(
            f"{self.name}-{job}", job, known, cluster=self._cluster, namespace=self._namespace, opts=self.child
        )

    def _job(self, program: Program, grants: Sequence[Grant]) -> None:
        """The application, under a role of its own."""
        named = f"{self.name}-{program.name}"
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(cluster=self._cluster, namespace=self._namespace, service_account=program.name, grants=grants),
            self.child,
        ).outputs
        account = asking_account(
            named,
            identity.service_account,
            namespace=self._namespace,
            role=made.ROLE,
            after=[self._operator],
            opts=self.child,
        )
        policies = together(
            named,
            job=program.name,
            namespace=self._namespace,
            selector={made.LABEL: program.name},
            grants=grants,
            opts=self.child,
        )
        custom_object(
            named,
            "sparkoperator.k8s.io/v1beta2",
            "ScheduledSparkApplication",
            metadata={"name": program.name, "namespace": self._namespace},
            spec=made.scheduled(program, account, self._cluster.places.of(program.sizes.node_group)),
            opts=self.child_with(depends_on=[self._operator, self._closed, *policies]),
        )
