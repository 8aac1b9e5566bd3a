"""Kubeflow Pipelines on the cluster, with MLflow beside it: pipelines run here, experiments and models are kept there.

Kubeflow Pipelines has no chart. Its own manifests are applied at a tag, with a few of them left out and a few settings
changed (`overlay`); what depends on the stack, buckets and addresses, is in ConfigMaps that are made here. Its metadata
lie in the platform's database and its artifacts in the lake. It keeps neither experiments nor models as MLflow does,
which the loop and every notebook speak, so the tracking server of the kind `mlflow` comes along.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Egress, Grant, Identity, IdentityArgs, network_policy
from components.base.watched import Watched
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
from components.ml_platform import MlPlatformConfig, MlPlatformOutputs
from components.ml_platform.kubeflow import parts
from components.ml_platform.mlflow import Mlflow, MlflowConfig
from components.storage import ZONES
from mlops.core.config import Card
from mlops.core.module import Need, StackFacts

_OVERLAY = Path(__file__).parent / "overlay"


class KubeflowConfig(MlPlatformConfig):
    """Kubeflow Pipelines, and MLflow for experiments and models."""

    kind: Literal["kubeflow"] = "kubeflow"
    card: ClassVar[Card] = Card(
        title="Kubeflow Pipelines",
        best_for="teams that write pipelines with kfp and want each step a pod, with its lineage and its cache",
        not_for="experiment tracking and a model registry, for which MLflow comes along; several teams that must not "
        "see each other's runs",
        complexity="high",
        trade_offs="seven servers of its own to run and upgrade, and its pages are reached by port-forward only: it "
        "has no login of its own",
        state="runs, pipelines and experiments lie in the database and come back with it, to the second; "
        "artifacts lie in the lake, zone artifacts, whose versions bring overwritten ones back",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    announces: ClassVar[str | None] = "Argo"

    mlflow: MlflowConfig = MlflowConfig()
    """The tracking server and model registry."""
    runs_days: int = parts.days(default=90)
    """Days after which finished runs are archived, and as long again until archived ones are deleted."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Those of the tracking server."""
        return self.mlflow.conflicts(stack)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MlPlatformOutputs]:
        """Make the tracking server, then what runs pipelines."""
        return Kubeflow(name, self, foundation, opts)


class Kubeflow(Component[MlPlatformOutputs]):
    """A closed namespace with Kubeflow Pipelines, roles for what uses the lake, and a way to the database."""

    token = "mlops:index:Kubeflow"

    def __init__(
        self, name: str, config: KubeflowConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        tracking = Mlflow(f"{name}-tracking", config.mlflow, foundation, self.child).outputs
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                parts.NAMESPACE,
                security="baseline",
                labels={**SECRETS_ALLOWED, **TRACKING_ALLOWED},
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
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
        closing = self._close(login.grant, tracking.track())
        identities = self._identities(tracking.track())
        ready = [*identities.values(), *self._settings(), *closing]
        ready.append(self._pooler(login.secret_name, closing))
        k8s.kustomize.v2.Directory(
            f"{name}-manifests",
            # Relative to the project, so that two machines make the same.
            directory=Path(os.path.relpath(_OVERLAY)).as_posix(),
            opts=self.child_with(depends_on=ready),
        )
        watched = (*tracking.watched, Watched(what="workflows", namespace="Argo"))
        jobs = identities[parts.RUNNER].outputs.role_arn
        self.publish(replace(tracking, roles={"jobs": jobs}, jobs_namespace=self._namespace, watched=watched))

    def _close(self, database: Grant, tracking: Grant) -> "list[pulumi.Resource]":
        """Pods of the namespace reach each other, the tracking server, AWS and the API server; only what goes to the
        database may reach it."""
        policy = network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=[Grant(resource="kubeflow", access="inside", egress=(self._inside(),)), tracking],
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

    def _identities(self, tracking: Grant) -> dict[str, Identity]:
        """Roles of the service accounts that the manifests bring; they are bound before there are pods."""
        storage = self._foundation.storage
        own = storage.write("artifacts", parts.ARTIFACTS)
        grants = {
            "ml-pipeline": [own],
            "ml-pipeline-ui": [storage.read("artifacts", parts.ARTIFACTS)],
            "argo": [own],
            # The steps of pipelines, the loop's above all.
            parts.RUNNER: [*(storage.erase(zone) for zone in ZONES), tracking],
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
            "pipeline-install-config": parts.install_config(bucket, region, self._config.runs_days),
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
            opts=self.child_with(depends_on=after),
        )
        return k8s.core.v1.Service(
            f"{self.name}-pooler-service",
            metadata=metadata,
            spec=manifest(parts.pooler_service()),
            opts=self.child_with(depends_on=[deployment]),
        )
