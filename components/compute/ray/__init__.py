"""Ray on the cluster: an operator, a cluster for each run of a job, and one that stands where a team wants it.

A run's head and workers are pods that come and go with it; Ray's autoscaler adds workers while work waits.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Egress, Grant, Identity, IdentityArgs, network_policy
from components.base.secret import SecretValue
from components.compute import (
    ZONE,
    ComputeConfig,
    exports,
    misfits,
    no_repository,
    of_registry,
    rights,
    secrets,
    variables,
    whole,
)
from components.compute.ray import cluster as made
from components.compute.ray.cluster import Crew, RayClusterConfig, RayJobConfig, RayStandingConfig
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
    to_services,
)
from components.kubernetes.placement import on_system_nodes
from components.kubernetes.references import secret_of_job
from components.kubernetes.scraping import let_scrapers_in
from components.kubernetes.together import together
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.module import Need, StackFacts

OPERATOR, JOBS = "ray-operator", "ray-jobs"
"""Namespaces."""
_STANDING = "standing"
_API = "ray.io/v1"


class RayConfig(ComputeConfig):
    """Ray on the cluster."""

    card: ClassVar[Card] = Card(
        title="Ray on Kubernetes",
        best_for="Python that outgrew a machine: training on many GPUs, tuning, batch inference with a large model",
        not_for="joins over large tables, which spark does; jobs that fit on one machine, which aws_batch runs",
        complexity="medium",
        trade_offs="One library from a laptop to a hundred GPUs, for images to keep at one version of Ray and Python",
        state="the memory of running clusters; what jobs make lies in the lake, and a lost run begins anew",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    kind: Literal["ray"] = "ray"
    jobs: Annotated[tuple[RayJobConfig, ...], Unique(most=50, by="name")] = ()
    """Jobs on a schedule, each run with a cluster of its own."""
    standing: RayStandingConfig | None = None
    """A cluster that is there all day; null has none."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Jobs have images, and workers go to node groups that are there."""
        crews = [(f"job {job.name}", job.machines) for job in self.jobs]
        problems = [*misfits(stack, self.jobs)]
        if self.standing:
            crews.append(("standing", self.standing.machines))
            image = self.standing.image
            if not of_registry(image) and _repository(image) not in stack.repositories:
                problems.append(no_repository("standing", _repository(image)))
        if any(job.name == _STANDING for job in self.jobs):
            problems.append(f"a job is called {_STANDING}, as the cluster that is always there; call it otherwise")
        for what, machines in crews:
            for group in machines.workers:
                workers = f"{what}: group {group.name}"
                problems += stack.misplaced(workers, group.node_group, gpus=group.gpus > 0)
                if group.gpus and not stack.gpus:
                    problems.append(
                        f"{workers} asks for {group.gpus} GPUs, and no node group has any; add one that has"
                    )
        return tuple(problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the operator, the jobs and the cluster."""
        return Ray(name, self, around, opts)


def _repository(image: str) -> str:
    return image.partition("@")[0].partition(":")[0]


class Ray(Component[DependentOutputs]):
    """The operator in a namespace of its own, and a closed one with the clusters."""

    token = "mlops:index:Ray"

    def __init__(
        self, name: str, config: RayConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
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
        scrapers = around.foundation.scrapers
        let_scrapers_in(f"{name}-scrapers", self._namespace, scrapers, [made.METRICS_PORT], self.child)
        self._operator = self._make_operator(after)
        for job in config.jobs:
            secret = self._secret(job.name, secrets(job, around))
            crew = self._crew(
                job.name,
                job.image_in(around.foundation),
                job.machines,
                grants=rights(job, around),
                told=variables(job, around),
                secret=secret,
            )
            self._object("RayCronJob", job.name, made.cron_job(job, crew))
        reached = self._namespace
        if config.standing:
            reached = self._stand(config.standing)
        self.publish(DependentOutputs(exports=exports(around, reached)))

    def _make_operator(self, after: pulumi.ResourceOptions) -> pulumi.Resource:
        own = name_of(
            namespace(f"{self.name}-operator-namespace", OPERATOR, security="restricted", labels={}, opts=after)
        )
        foundation = self._around.foundation
        way: Egress = to_services(foundation.network, [made.DASHBOARD_PORT])
        policy = network_policy(
            f"{self.name}-operator-network-policy",
            namespace=own,
            selector={},
            grants=(Grant(resource="compute", access="operate", egress=(way,)),),
            ingress_ports=(),
            opts=self.child,
        )
        let_scrapers_in(f"{self.name}-operator-scrapers", own, foundation.scrapers, [made.METRICS_PORT], self.child)
        replicas = self._cluster.controllers.replicas
        made_release = release(
            f"{self.name}-operator",
            versions.KUBERAY_OPERATOR,
            namespace=own,
            release_name="kuberay-operator",
            values=made.operator_values(self._namespace, on_system_nodes("kuberay-operator"), replicas),
            opts=self.child_with(depends_on=[*self._cluster.ready, policy]),
        )
        if replicas > 1:
            disruption_budget(
                f"{self.name}-operator-disruption-budget",
                k8s.meta.v1.ObjectMetaArgs(name="kuberay-operator", namespace=own),
                {"app.kubernetes.io/name": "kuberay-operator"},
                opts=self.child,
            )
        return made_release

    def _stand(self, config: RayStandingConfig) -> pulumi.Output[str]:
        """The cluster that is always there; the address at which work is handed to it."""
        foundation = self._around.foundation
        image = config.image
        known: pulumi.Input[str] = image
        if not of_registry(image):
            known = whole(foundation, _repository(image), image.removeprefix(_repository(image)))
        crew = self._crew(
            _STANDING,
            known,
            config.machines,
            grants=(foundation.storage.write(ZONE, f"ray/{_STANDING}/"),),
            told={"AWS_REGION": foundation.region},
            secret=None,
        )
        cluster = self._object("RayCluster", _STANDING, made.cluster(config.machines, crew))
        address = f".svc.cluster.local:{made.DASHBOARD_PORT}"
        return pulumi.Output.concat("http://", name_of(cluster), "-head-svc.", self._namespace, address)

    def _secret(self, job: str, known: Mapping[str, SecretValue]) -> pulumi.Output[str] | None:
        """Name of the Secret with what a job is told in confidence; None where it is told nothing."""
        return secret_of_job(
            f"{self.name}-{job}", job, known, cluster=self._cluster, namespace=self._namespace, opts=self.child
        )

    def _crew(
        self,
        job: str,
        image: pulumi.Input[str],
        machines: RayClusterConfig,
        *,
        grants: tuple[Grant, ...],
        told: Mapping[str, pulumi.Input[str]],
        secret: pulumi.Output[str] | None,
    ) -> Crew:
        """Who its pods are, where they run, and whom they reach."""
        named = f"{self.name}-{job}"
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(cluster=self._cluster, namespace=self._namespace, service_account=job, grants=grants),
            self.child,
        ).outputs
        # The operator binds it to a role that may change this one cluster's number of workers.
        account = k8s.core.v1.ServiceAccount(
            f"{named}-service-account",
            metadata={"name": identity.service_account, "namespace": self._namespace},
            opts=self.child,
        )
        together(
            named,
            job=job,
            namespace=self._namespace,
            selector={made.LABEL: job},
            grants=grants,
            ingress_ports=[made.DASHBOARD_PORT],
            ingress_from=_of_namespace(OPERATOR),
            opts=self.child,
        )
        places = self._cluster.places
        return Crew(
            name=job,
            image=image,
            account=name_of(account),
            variables=told,
            secret=secret,
            places={"head": {}, **{group.name: places.of(group.node_group) for group in machines.workers}},
        )

    def _object(self, kind: str, job: str, spec: Mapping[str, object]) -> "k8s.apiextensions.CustomResource":
        return custom_object(
            f"{self.name}-{job}",
            _API,
            kind,
            metadata={"name": job, "namespace": self._namespace},
            spec=spec,
            opts=self.child_with(depends_on=[self._operator, self._closed]),
        )


def _of_namespace(name: str) -> "list[k8s.networking.v1.NetworkPolicyPeerArgs]":
    """Pods of a namespace."""
    labels = k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": name})
    return [k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=labels)]
