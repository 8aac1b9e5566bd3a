"""Kubeflow Pipelines, as what runs jobs of several steps: that of the ML platform where it is kubeflow, else its own.

The loop is a run that a schedule of Kubernetes' own starts: Kubeflow keeps no schedule that would outlive the stack.
"""

import json
from typing import Any, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.steps import PodSteps, StepKind
from components.base.watched import Watched
from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY, manifest, name_of
from components.kubernetes.placement import requested
from components.kubernetes.references import referred_secret
from components.ml_platform.kubeflow import parts
from components.ml_platform.kubeflow.installation import Installation
from components.orchestration import LoopConfig, OrchestrationConfig
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card
from mlops.core.module import Need
from services.pipelines.workflows.kubeflow import KubeflowSettings, pipeline, run_of

_LOOP = "training-loop"
_API_PORT = 8888
_USER = 10001
"""The user that the loop's image runs as (`services/Dockerfile`)."""
_FOLDER, _FILE = "/etc/loop", "run.json"


class KubeflowPipelinesConfig(OrchestrationConfig):
    """Kubeflow Pipelines on the cluster."""

    card: ClassVar[Card] = Card(
        title="Kubeflow Pipelines",
        best_for="pipelines that are written with kfp, their lineage and cache, beside whatever tracks experiments",
        not_for="several teams that must not see each other's runs; jobs that are containers and no more",
        complexity="high",
        trade_offs="seven servers of its own, unless ml_platform is kubeflow and brings them; pages without a login, "
        "by port-forward only",
        state="runs and pipelines lie in the database and come back with it, to the second; artifacts lie in the lake",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    announces: ClassVar[str | None] = "Argo"
    steps: ClassVar[StepKind] = "pods"
    apart: ClassVar[bool] = True
    exported: ClassVar[frozenset[str]] = frozenset({"orchestrationUrl"})

    kind: Literal["kubeflow_pipelines"] = "kubeflow_pipelines"
    runs_days: int = parts.days(default=90)
    """Days after which finished runs are archived, and as long again until archived ones are deleted. Where ml_platform
    is kubeflow its own setting counts."""

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Install it unless the ML platform has, and make the loop's schedule."""
        return KubeflowPipelines(name, self, around, opts)


class KubeflowPipelines(Component[DependentOutputs]):
    """Kubeflow Pipelines, or nothing where it is there, and what starts the loop on it."""

    token = "mlops:index:KubeflowPipelines"

    def __init__(
        self,
        name: str,
        config: KubeflowPipelinesConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._around = around
        platform, after = around.ml_platform, list[pulumi.Resource]()
        shared = platform.jobs_namespace if platform else None
        watched: tuple[Watched, ...] = ()
        if shared is None:
            events = (around.stream.consume(),) if around.stream else ()
            tracking = platform.track() if platform else None
            made = Installation(name, around.foundation, config.runs_days, tracking, events, self.child)
            shared, after = made.namespace, [made.manifests]
            watched = (Watched(what="workflows", namespace="Argo"),)
        self._namespace = shared
        if config.loop and isinstance(around.steps, PodSteps):
            self._loop(config.loop, around.steps, after)
        address = pulumi.Output.concat("http://ml-pipeline.", shared, f".svc.cluster.local:{_API_PORT}")
        self.publish(DependentOutputs(exports={"orchestrationUrl": address}, watched=watched))

    def _loop(self, loop: LoopConfig, steps: PodSteps, after: list[pulumi.Resource]) -> None:
        """A CronJob that starts a run, with what its steps are told and given."""
        secret = referred_secret(
            f"{self.name}-loop",
            _LOOP,
            steps.stored,
            cluster=self._around.foundation.cluster,
            namespace=self._namespace,
            opts=self.child,
        )

        def run(known: dict[str, Any]) -> str:
            # No step reaches the recommender from here, which looks at the alias by itself.
            variables = {key: value for key, value in known["variables"].items() if key != "MLOPS_SERVING_URL"}
            settings = KubeflowSettings(
                image=known["image"],
                name=_LOOP,
                variables=variables,
                secret=known["secret"],
                secret_variables=tuple(sorted(steps.stored)),
            )
            return json.dumps(run_of(pipeline(settings), _LOOP), indent=1)

        known = pulumi.Output.all(image=steps.image, secret=secret, variables=dict(steps.variables))
        written = k8s.core.v1.ConfigMap(
            f"{self.name}-loop-run",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=_LOOP, namespace=self._namespace),
            data={_FILE: known.apply(run)},
            opts=self.child,
        )
        k8s.batch.v1.CronJob(
            f"{self.name}-loop-schedule",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=_LOOP, namespace=self._namespace),
            spec=manifest(_schedule(loop, steps.image, name_of(written))),
            # The image is pushed to a registry that the same `up` makes: nothing here waits for pods.
            opts=self.child_with(depends_on=after),
        )


def _schedule(loop: LoopConfig, image: pulumi.Input[str], written: pulumi.Output[str]) -> dict[str, object]:
    container = {
        "name": "start",
        "image": image,
        "args": ["kubeflow-run", f"{_FOLDER}/{_FILE}", "--api", f"http://ml-pipeline:{_API_PORT}"],
        "resources": {**requested("loop-starter"), "limits": {"memory": "512Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "run", "mountPath": _FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": _USER},
        "containers": [container],
        "volumes": [{"name": "run", "configMap": {"name": written}}, {"name": "tmp", "emptyDir": {}}],
    }
    return {
        "schedule": loop.cron,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 3,
                "activeDeadlineSeconds": 600,
                "template": {"metadata": {"labels": {"app.kubernetes.io/name": _LOOP}}, "spec": pod},
            }
        },
    }
