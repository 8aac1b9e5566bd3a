"""Kubeflow Pipelines in a namespace: its manifests at a tag, its roles, its way to the database.

Both the ML platform of that kind and the orchestrator install it, each with names of its own.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.base.identity import Egress, Grant, Identity, IdentityArgs, network_policy
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.foundation import Foundation
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    TRACKING_ALLOWED,
    closed,
    from_namespaces,
    manifest,
    name_of,
    namespace,
    to_services,
)
from components.kubernetes.scraping import let_scrapers_in
from components.ml_platform.kubeflow import parts
from components.storage import ZONES

_OVERLAY = Path(__file__).parent / "overlay"


class Installation:
    """A closed namespace with Kubeflow Pipelines, roles for what uses the lake, and a pooler before the database."""

    def __init__(
        self,
        name: str,
        foundation: Foundation,
        runs_days: int,
        tracking: Grant | None,
        grants: Sequence[Grant],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Resources are named `name-…` and are children as `opts` say.

        Args:
            grants: what steps of pipelines may do beside using the lake.
        """
        self.name, self.child = name, opts
        self._foundation, self._runs_days = foundation, runs_days
        self._granted = [*([tracking] if tracking else []), *grants]
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                parts.NAMESPACE,
                security="baseline",
                labels={**SECRETS_ALLOWED, **TRACKING_ALLOWED},
                opts=self._child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        let_scrapers_in(
            f"{name}-scrapers-policy", self._namespace, foundation.scrapers, parts.METRICS_PORTS, self.child
        )
        login = DatabaseLogin(
            f"{name}-login",
            DatabaseLoginArgs(
                database=foundation.database,
                cluster=foundation.cluster,
                consumer=parts.NAMESPACE,
                namespace=self._namespace,
                creates_databases=True,
            ),
            self.child,
        ).outputs
        closing = self._close(login.grant)
        identities = self._identities()
        ready = [*identities.values(), *self._settings(), *closing]
        ready.append(self._pooler(login.secret_name, closing))
        manifests = k8s.kustomize.v2.Directory(
            f"{name}-manifests",
            # Relative to the project, so that two machines make the same.
            directory=Path(os.path.relpath(_OVERLAY)).as_posix(),
            opts=self._child_with(depends_on=ready),
        )
        self.namespace = self._namespace
        """Known once it is there."""
        self.runner_arn = identities[parts.RUNNER].outputs.role_arn
        """ARN of the role that steps of pipelines have."""
        self.manifests: pulumi.Resource = manifests

    def _close(self, database: Grant) -> "list[pulumi.Resource]":
        """Pods of the namespace reach each other, the tracking server, AWS and the API server; only what goes to the
        database may reach it."""
        policy = network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=[Grant(resource="kubeflow", access="inside", egress=(self._inside(),)), *self._granted],
            ingress_ports=parts.PORTS,
            ingress_from=from_namespaces(),
            opts=self.child,
        )
        pooler = network_policy(
            f"{self.name}-pooler-network-policy",
            namespace=self._namespace,
            selector=parts.POOLER,
            grants=[database],
            ingress_ports=[parts.DATABASE_PORT],
            ingress_from=from_namespaces(),
            opts=self.child,
        )
        return [closed(f"{self.name}-closed", self._namespace, self.child), policy, pooler]

    def _inside(self) -> Egress:
        return to_services(self._foundation.network, parts.PORTS)

    def _identities(self) -> dict[str, Identity]:
        """Roles of the service accounts that the manifests bring; they are bound before there are pods."""
        storage = self._foundation.storage
        own = storage.write("artifacts", parts.ARTIFACTS)
        grants = {
            "ml-pipeline": [own],
            "ml-pipeline-ui": [storage.read("artifacts", parts.ARTIFACTS)],
            "argo": [own],
            # The steps of pipelines, the loop's above all.
            parts.RUNNER: [*(storage.erase(zone) for zone in ZONES), *self._granted],
        }
        return {
            account: Identity(
                f"{self.name}-{account}-identity",
                IdentityArgs(
                    cluster=self._foundation.cluster,
                    namespace=self._namespace,
                    service_account=account,
                    grants=granted,
                ),
                self.child,
            )
            for account, granted in grants.items()
        }

    def _settings(self) -> list[pulumi.Resource]:
        bucket, region = self._foundation.storage.buckets["artifacts"], self._foundation.region
        data = {
            "pipeline-install-config": parts.install_config(bucket, region, self._runs_days),
            "kfp-launcher": parts.launcher(bucket, region),
            "workflow-controller-configmap": parts.workflow_controller(bucket, region),
        }
        return [
            k8s.core.v1.ConfigMap(
                f"{self.name}-{physical}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=physical, namespace=self._namespace),
                data=content,
                opts=self.child,
            )
            for physical, content in data.items()
        ]

    def _pooler(self, secret: pulumi.Output[str], after: list[pulumi.Resource]) -> pulumi.Resource:
        """PgBouncer, which speaks TLS to the database: the API server of Kubeflow Pipelines cannot."""
        metadata = k8s.meta.v1.ObjectMetaArgs(name="postgres", namespace=self._namespace, labels=parts.POOLER)
        settings = k8s.core.v1.ConfigMap(
            f"{self.name}-pooler-settings",
            metadata=metadata,
            data={"pgbouncer.ini": parts.pooler_ini(self._foundation.database.endpoint)},
            opts=self.child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{self.name}-pooler",
            metadata=metadata,
            spec=manifest(parts.pooler(secret, name_of(settings))),
            opts=self._child_with(depends_on=after),
        )
        return k8s.core.v1.Service(
            f"{self.name}-pooler-service",
            metadata=metadata,
            spec=manifest(parts.pooler_service()),
            opts=self._child_with(depends_on=[deployment]),
        )

    def _child_with(self, depends_on: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(depends_on=list(depends_on)))
