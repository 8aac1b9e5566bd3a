"""Kubeflow Trainer on the cluster: training on many nodes at a time, with queues in which teams wait for their share.

The trainer makes a JobSet of each job, whose pods start together; Kueue holds jobs back until all of them have room.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs, network_policy
from components.base.secret import SecretValue
from components.compute import misfits as of_jobs
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    custom_object,
    disruption_budget,
    name_of,
    namespace,
    release,
)
from components.kubernetes.placement import SYSTEM_NODES, on_system_nodes, requested
from components.kubernetes.references import secret_of_job
from components.kubernetes.together import together
from components.surroundings import DependentOutputs, Surroundings
from components.training import TrainingConfig, exports, rights, secrets, variables
from components.training.kubeflow_trainer import jobs as made
from components.training.kubeflow_trainer import queues as kueue
from components.training.kubeflow_trainer.jobs import Crew, KubeflowJobConfig
from components.training.kubeflow_trainer.queues import QueueConfig
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.module import Need, StackFacts

TRAINER, QUEUES, JOBS = "kubeflow-trainer", "kueue-system", "training"
"""Namespaces."""
_API, _QUEUE_API = "trainer.kubeflow.org/v1alpha1", "kueue.x-k8s.io/v1beta2"
_WEBHOOK_PORT = 9443


class KubeflowTrainerConfig(TrainingConfig):
    """Kubeflow Trainer on the cluster."""

    card: ClassVar[Card] = Card(
        title="Kubeflow Trainer with Kueue",
        best_for="training on several nodes at a time, by teams that share GPUs on the cluster",
        not_for="a run now and then: sagemaker has nothing to run in between, and ray trains without a trainer",
        complexity="high",
        trade_offs="Fair shares of nodes that are paid anyway, for three controllers and images to look after",
        state="none of its own: checkpoints and models lie in the lake, and waiting jobs are declared",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    kind: Literal["kubeflow_trainer"] = "kubeflow_trainer"
    jobs: Annotated[tuple[KubeflowJobConfig, ...], Unique(most=50, by="name")] = ()
    """Jobs that the stack itself declares."""
    queues: Annotated[tuple[QueueConfig, ...], Unique(most=50, by="name")] = ()
    """Queues with the shares of teams; none leaves Kueue out, and jobs start at once."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Jobs have images, queues and nodes."""
        known = {queue.name: queue for queue in self.queues}
        problems = [*of_jobs(stack, self.jobs), *kueue.misfits(self.queues, stack)]
        for job in self.jobs:
            what = f"job {job.name}"
            problems += stack.misplaced(what, job.node_group, gpus=job.gpus > 0)
            if job.gpus and not stack.gpus:
                problems.append(f"{what} asks for {job.gpus} GPUs a node, and no node group has any; add one that has")
            if job.queue is None:
                continue
            queue = known.get(job.queue)
            if queue is None:
                names = ", ".join(sorted(known)) or "none"
                problems.append(f"{what} waits in queue {job.queue}, which is not there; queues: {names}")
            elif job.node_group not in (None, queue.node_group):
                problems.append(
                    f"{what} goes to node group {job.node_group} and waits in queue {queue.name}, which hands out "
                    f"{queue.node_group}; leave node_group out"
                )
            elif job.gpus and not queue.gpus:
                problems.append(f"{what} asks for GPUs, and queue {queue.name} has none of its own; set its gpus")
        return tuple(problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the controllers, the queues and the jobs."""
        return KubeflowTrainer(name, self, around, opts)


class KubeflowTrainer(Component[DependentOutputs]):
    """The trainer and Kueue in namespaces of their own, and a closed one with the jobs."""

    token = "mlops:index:KubeflowTrainer"

    def __init__(
        self, name: str, config: KubeflowTrainerConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._around = around
        self._cluster = around.foundation.cluster
        self._after = self.child_with(depends_on=list(self._cluster.ready))
        labels = {
            **SECRETS_ALLOWED,
            **(TRACKING_ALLOWED if around.ml_platform else {}),
            **(SERVING_ALLOWED if around.serving else {}),
        }
        self._namespace = name_of(
            namespace(f"{name}-namespace", JOBS, security="restricted", labels=labels, opts=self._after)
        )
        self._closed = closed(f"{name}-closed", self._namespace, self.child)
        self._trainer = self._make_trainer()
        waiting = self._make_queues(config.queues) if config.queues else ()
        handed_out = {queue.name: queue.node_group for queue in config.queues}
        for job in config.jobs:
            self._job(job, job.node_group or handed_out.get(job.queue or ""), waiting)
        self.publish(DependentOutputs(exports=exports(around, self._namespace)))

    def _controllers(self, role: str, physical: str) -> tuple[pulumi.Output[str], pulumi.Resource]:
        """A namespace of controllers that the API server asks, and their network policy."""
        own = name_of(
            namespace(f"{self.name}-{role}-namespace", physical, security="restricted", labels={}, opts=self._after)
        )
        policy = network_policy(
            f"{self.name}-{role}-network-policy",
            namespace=own,
            selector={},
            grants=(),
            ingress_ports=[_WEBHOOK_PORT],
            opts=self.child,
        )
        return own, policy

    def _make_trainer(self) -> pulumi.Resource:
        own, policy = self._controllers("operator", TRAINER)
        replicas = self._cluster.controllers.replicas
        jobset = {
            "repository": "registry.k8s.io/jobset/jobset",
            "tag": f"v{versions.JOBSET}",
            "pullPolicy": "IfNotPresent",
        }
        values = {
            "manager": {**on_system_nodes("kubeflow-trainer"), "replicas": replicas},
            "jobset": {
                "install": True,
                "image": jobset,
                "controller": {
                    **on_system_nodes("jobset"),
                    "replicas": replicas,
                    "podDisruptionBudget": {"enabled": replicas > 1},
                },
            },
        }
        made_release = release(
            f"{self.name}-operator",
            versions.KUBEFLOW_TRAINER,
            namespace=own,
            release_name=TRAINER,
            values=values,
            opts=self.child_with(depends_on=[*self._cluster.ready, policy]),
        )
        if replicas > 1:
            disruption_budget(
                f"{self.name}-operator-disruption-budget",
                k8s.meta.v1.ObjectMetaArgs(name=TRAINER, namespace=own),
                {"app.kubernetes.io/name": "kubeflow-trainer"},
                opts=self.child,
            )
        return made_release

    def _make_queues(self, queues: tuple[QueueConfig, ...]) -> tuple[pulumi.Resource, ...]:
        """Kueue, a flavor for each node group, and two objects a queue: the share, and its name among the jobs."""
        own, policy = self._controllers("queues", QUEUES)
        values = kueue.operator_values(
            {"nodeSelector": SYSTEM_NODES},
            requested("kueue"),
            self._cluster.controllers.replicas,
            versions.KUEUE.version,
        )
        operator = release(
            f"{self.name}-queues",
            versions.KUEUE,
            namespace=own,
            release_name="kueue",
            values=values,
            opts=self.child_with(depends_on=[*self._cluster.ready, policy, self._trainer]),
        )
        after = self.child_with(depends_on=[operator])
        places = self._cluster.places
        flavors = {
            group: custom_object(
                f"{self.name}-flavor-{group}",
                _QUEUE_API,
                "ResourceFlavor",
                metadata={"name": group},
                spec=kueue.flavor(group, places.of(group)),
                opts=after,
            )
            for group in sorted({queue.node_group for queue in queues})
        }
        found: list[pulumi.Resource] = []
        for queue in queues:
            share = custom_object(
                f"{self.name}-share-{queue.name}",
                _QUEUE_API,
                "ClusterQueue",
                metadata={"name": queue.name},
                spec=kueue.cluster_queue(queue, self._namespace),
                opts=self.child_with(depends_on=[operator, flavors[queue.node_group]]),
            )
            local = custom_object(
                f"{self.name}-queue-{queue.name}",
                _QUEUE_API,
                "LocalQueue",
                metadata={"name": queue.name, "namespace": self._namespace},
                spec={"clusterQueue": name_of(share)},
                opts=after,
            )
            found.append(local)
        return tuple(found)

    def _job(self, job: KubeflowJobConfig, group: str | None, waiting: tuple[pulumi.Resource, ...]) -> None:
        """A runtime and a job, on the nodes that its settings or its queue say."""
        named, around = f"{self.name}-{job.name}", self._around
        granted = rights(job, around)
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(cluster=self._cluster, namespace=self._namespace, service_account=job.name, grants=granted),
            self.child,
        ).outputs
        account = k8s.core.v1.ServiceAccount(
            f"{named}-service-account",
            metadata={"name": identity.service_account, "namespace": self._namespace},
            automount_service_account_token=False,
            opts=self.child,
        )
        policies = together(
            named,
            job=job.name,
            namespace=self._namespace,
            selector={made.LABEL: job.name},
            grants=granted,
            opts=self.child,
        )
        crew = Crew(
            image=job.image_in(around.foundation),
            account=name_of(account),
            variables=variables(job, around),
            secret=self._secret(job.name, secrets(job, around)),
            place=self._cluster.places.of(group),
        )
        runtime = custom_object(
            f"{named}-runtime",
            _API,
            "TrainingRuntime",
            metadata={"name": job.name, "namespace": self._namespace},
            spec=made.runtime(job, crew),
            opts=self.child_with(depends_on=[self._trainer]),
        )
        custom_object(
            named,
            _API,
            "TrainJob",
            metadata={
                "name": job.name,
                "namespace": self._namespace,
                "labels": {made.QUEUE_LABEL: job.queue} if job.queue else {},
            },
            spec=made.train_job(job),
            # A job that has begun is not changed: another one takes its name.
            opts=self.child_with(
                depends_on=[runtime, self._closed, *policies, *waiting],
                replace_on_changes=["spec"],
                delete_before_replace=True,
            ),
        )

    def _secret(self, job: str, known: Mapping[str, SecretValue]) -> pulumi.Output[str] | None:
        """Name of the Secret with what a job is told in confidence; None where it is told nothing."""
        return secret_of_job(
            f"{self.name}-{job}", job, known, cluster=self._cluster, namespace=self._namespace, opts=self.child
        )
