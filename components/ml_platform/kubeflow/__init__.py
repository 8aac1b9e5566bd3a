"""Kubeflow Pipelines on the cluster, with MLflow beside it: pipelines run here, experiments and models are kept there.

Kubeflow Pipelines has no chart. Its own manifests are applied at a tag, with a few of them left out and a few settings
changed (`overlay`); what depends on the stack, buckets and addresses, is in ConfigMaps that are made here. Its metadata
lie in the platform's database and its artifacts in the lake. It keeps neither experiments nor models as MLflow does,
which the loop and every notebook speak, so the tracking server of the kind `mlflow` comes along.
"""

from dataclasses import replace
from typing import ClassVar, Literal

import pulumi

from components.base.component import Component
from components.base.watched import Watched
from components.foundation import Foundation
from components.ml_platform import MlPlatformConfig, MlPlatformOutputs
from components.ml_platform.kubeflow import parts
from components.ml_platform.kubeflow.installation import Installation
from components.ml_platform.mlflow import Mlflow, MlflowConfig
from mlops.core.config import Card
from mlops.core.module import Need, StackFacts


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
        tracking = Mlflow(f"{name}-tracking", config.mlflow, foundation, self.child).outputs
        installation = Installation(name, foundation, config.runs_days, tracking.track(), (), self.child)
        watched = (*tracking.watched, Watched(what="workflows", namespace="Argo"))
        self.publish(
            replace(
                tracking,
                roles={"jobs": installation.runner_arn},
                jobs_namespace=installation.namespace,
                watched=watched,
            )
        )
