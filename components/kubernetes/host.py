"""Workloads on the cluster: a closed namespace for each application, a Deployment and an identity for each workload.

They are deployed before there is an image: pods come once it is pushed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.identity import Grant, Identity, IdentityArgs, network_policy, policy_document
from components.base.steps import PodSteps
from components.base.workload import Application, Host, Room, Running, Working, Workload
from components.foundation import Foundation
from components.kubernetes import pods
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    autoscaler,
    disruption_budget,
    from_namespaces,
    generated_secret,
    manifest,
    name_of,
    namespace,
    service_account,
    stored_secret,
    to_services,
)


class ClusterHost(Host):
    """The cluster, as what runs containers."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation

    def room(self, name: str, application: Application, opts: pulumi.ResourceOptions) -> Room:
        """A namespace in which nothing reaches anything but AWS until a workload's grants say so."""
        return ClusterRoom(name, application, self._foundation, opts)


def own_room(
    name: str,
    application: Application,
    foundation: Foundation,
    opts: pulumi.ResourceOptions,
    clients: Mapping[str, str] = SERVING_ALLOWED,
) -> "ClusterRoom":
    """The room of a module, which stays Pulumi's where workloads are delivered by others: what else belongs to the
    module is made in it."""
    return ClusterRoom(name, application, replace(foundation, handover=None), opts, clients)


class ClusterRoom(Room):
    """The namespace of one application."""

    def __init__(
        self,
        name: str,
        application: Application,
        foundation: Foundation,
        opts: pulumi.ResourceOptions,
        clients: Mapping[str, str] = SERVING_ALLOWED,
    ) -> None:
        """A room whose workloads are asked from namespaces with the label of `clients`."""
        self.name = name
        self._clients = clients
        self._held: dict[str, tuple[pulumi.Input[str], str]] = {}
        self._application = application
        self._foundation = foundation
        self._opts = opts
        handover = foundation.handover
        self._objects = handover.into(application.name, opts) if handover else opts
        labels = {
            **(SERVING_ALLOWED if application.asks_models else {}),
            **(TRACKING_ALLOWED if application.tracks else {}),
            **(SECRETS_ALLOWED if application.stored else {}),
            **application.labels,
        }
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                application.name,
                security="restricted",
                labels=labels,
                opts=self._objects_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        # Whatever else is started here, by hand or by a workflow without a workload's labels.
        network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=(),
            ingress_ports=(),
            opts=self._objects,
        )
        self._secret = None
        if application.generated:
            self._secret = generated_secret(
                name,
                application.secret,
                application.generated,
                unrotated=application.unrotated,
                namespace=self._namespace,
                opts=self._objects,
            )

    @property
    def namespace(self) -> pulumi.Output[str]:
        """Its namespace, known once it is there."""
        return self._namespace

    def hold(self, variables: Mapping[str, tuple[pulumi.Input[str], str]]) -> None:
        """Give every workload that is made from now on variables whose values lie in Secrets of the namespace.

        Args:
            variables: variable -> the Secret and its key.
        """
        self._held |= variables

    def serve(self, workload: Workload) -> Running:
        """A Deployment behind a Service, scaled by CPU use, for namespaces that may ask."""
        clients = from_namespaces(self._clients, *self._foundation.scrapers)
        role_arn, _, _, deployment = self._deployment(workload, clients)
        shape = workload.shape
        if shape.most > shape.fewest:
            autoscaler(
                f"{self.name}-autoscaler",
                self._metadata(workload),
                name_of(deployment),
                fewest=shape.fewest,
                most=shape.most,
                cpu_percent=shape.target_cpu_percent,
                opts=self._objects,
            )
        if shape.fewest > 1:
            disruption_budget(
                f"{self.name}-disruption-budget",
                self._metadata(workload),
                pods.labels(self._application.name, workload),
                opts=self._objects,
            )
        service = k8s.core.v1.Service(
            f"{self.name}-service",
            metadata=self._metadata(workload, pods.NOT_AWAITED),
            spec=manifest(pods.service_spec(self._application.name, workload)),
            opts=self._objects,
        )
        way = to_services(self._foundation.network, [workload.port])
        return Running(
            url=pulumi.Output.concat(
                "http://", name_of(service), ".", self._namespace, f".svc.cluster.local:{workload.port}"
            ),
            role_arn=role_arn,
            way=Grant(resource=workload.role, access="invoke", egress=(way,)),
        )

    def work(self, workload: Workload) -> Working:
        """A Deployment of one pod, and a ConfigMap with what it is told, for what else does its work."""
        settings = k8s.core.v1.ConfigMap(
            f"{self.name}-settings",
            metadata=self._metadata(workload),
            data=dict(workload.variables),
            opts=self._objects,
        )
        role_arn, parts, policy, _ = self._deployment(workload, from_namespaces(*self._foundation.scrapers))
        secrets = {id(secret): secret for secret, _ in parts.secrets.values()}
        return Working(
            role_arn=role_arn,
            steps=PodSteps(
                namespace=self._namespace,
                # What closes the pods of steps is there before them.
                service_account=pulumi.Output.all(parts.service_account, policy.id).apply(lambda known: str(known[0])),
                settings=name_of(settings),
                secrets=tuple(pulumi.Output.from_input(secret) for secret in secrets.values()),
                variables=workload.variables,
                stored=workload.secrets,
                image=workload.image,
                place=parts.place,
            ),
        )

    def schedule(self, workload: Workload, schedule: pods.Schedule) -> pulumi.Output[str]:
        """A job that runs by the clock, and which nobody reaches; the ARN of its role."""
        role_arn, parts, policy = self._parts(workload, [], [])
        k8s.batch.v1.CronJob(
            f"{self.name}-{workload.role}",
            metadata=self._metadata(workload),
            spec=manifest(pods.scheduled_spec(pods.template(workload, parts), schedule)),
            opts=self._objects_with(depends_on=[policy]),
        )
        return role_arn

    def _deployment(
        self, workload: Workload, clients: "list[k8s.networking.v1.NetworkPolicyPeerArgs]"
    ) -> "tuple[pulumi.Output[str], pods.PodParts, k8s.networking.v1.NetworkPolicy, k8s.apps.v1.Deployment]":
        """The ARN of its role, what its pods are given, and the Deployment, closed by a policy but for its clients and
        its grants."""
        role_arn, parts, policy = self._parts(workload, clients, workload.ports)
        deployment = k8s.apps.v1.Deployment(
            f"{self.name}-{workload.role}",
            metadata=self._metadata(workload, pods.NOT_AWAITED),
            spec=manifest(pods.deployment_spec(self._application.name, workload, pods.template(workload, parts))),
            # No data leads from a network policy to the pods that it closes.
            opts=self._objects_with(depends_on=[policy]),
        )
        if self._foundation.handover:
            self._foundation.handover.workloads.append(deployment)
        return role_arn, parts, policy, deployment

    def _parts(
        self,
        workload: Workload,
        clients: "list[k8s.networking.v1.NetworkPolicyPeerArgs]",
        ports: Sequence[int],
    ) -> "tuple[pulumi.Output[str], pods.PodParts, k8s.networking.v1.NetworkPolicy]":
        """The ARN of its role, what its pods are given, and what closes them."""
        named = f"{self.name}-{workload.role}"
        identity = Identity(
            f"{named}-identity",
            IdentityArgs(
                cluster=self._foundation.cluster,
                namespace=self._namespace,
                service_account=workload.shape.name,
                grants=workload.grants,
            ),
            self._opts,
        ).outputs
        account = service_account(f"{named}-service-account", identity, namespace=self._namespace, opts=self._objects)
        policy = network_policy(
            f"{named}-network-policy",
            namespace=self._namespace,
            selector=pods.labels(self._application.name, workload),
            grants=workload.grants,
            ingress_ports=ports,
            ingress_from=clients,
            opts=self._objects,
        )
        parts = pods.PodParts(
            application=self._application.name,
            service_account=account,
            secrets={**self._generated(), **self._held, **self._stored(workload)},
            place=self._foundation.cluster.places.of(workload.shape.node_group),
            # Where nobody watches, a worker's network lets in pods of its own namespace alone: no scraper is told of
            # what it may not reach.
            announced=not workload.shape.worker or bool(self._foundation.scrapers),
        )
        return identity.role_arn, parts, policy

    def _generated(self) -> dict[str, tuple[pulumi.Input[str], str]]:
        """Variable -> Secret and key, of what the cluster makes for the application."""
        secret = self._secret
        return {key: (secret, key) for key in self._application.generated} if secret is not None else {}

    def _stored(self, workload: Workload) -> dict[str, tuple[pulumi.Input[str], str]]:
        """Variable -> Secret and key, of what External Secrets fetches for the workload."""
        if not workload.secrets:
            return {}
        cluster, named = self._foundation.cluster, f"{self.name}-{workload.role}-stored"
        right = aws.iam.RolePolicy(
            f"{named}-policy",
            role=cluster.external_secrets_role,
            policy=policy_document([right for secret in workload.secrets.values() for right in secret.read()]),
            opts=self._opts,
        )
        secret = stored_secret(
            named,
            f"{workload.shape.name}-stored",
            {variable: one.remote for variable, one in workload.secrets.items()},
            store=cluster.secret_store,
            namespace=self._namespace,
            # External Secrets asks at once, and would be refused.
            opts=self._objects_with(depends_on=[right]),
        )
        return {variable: (secret, variable) for variable in workload.secrets}

    def _metadata(self, workload: Workload, annotations: dict[str, str] | None = None) -> "k8s.meta.v1.ObjectMetaArgs":
        return k8s.meta.v1.ObjectMetaArgs(
            name=workload.shape.name,
            namespace=self._namespace,
            labels=pods.labels(self._application.name, workload),
            annotations=annotations,
        )

    def _objects_with(self, **options: object) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self._objects, pulumi.ResourceOptions(**options))  # type: ignore[arg-type]
