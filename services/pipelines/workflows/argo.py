"""The loop as an Argo Workflow: the same steps, needs and resources, each step a pod of the same image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .steps import COMMAND, FIRST_PAUSE_SECONDS, INPUT, PAUSE_FACTOR, STATE, STEPS, STOPPED, Step


@dataclass(frozen=True, kw_only=True)
class ArgoSettings:
    """What the cluster adds."""

    image: str
    """Image with this package and its dependencies."""
    name: str = "training-loop"
    namespace: str = "recommender"
    """That of the platform's own recommender, which brings account, config map and secret along."""
    service_account: str = "pipelines"
    config_map: str = "pipelines"
    """Holds the settings as environment variables."""
    secrets: Sequence[str] = ("pipelines",)
    """Secrets whose keys are environment variables; MLOPS_PII_SALT is in one of them."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a pod that bring it onto its nodes: nodeSelector, tolerations."""
    options: str = "{}"
    """JSON of the loop's options, where they differ from the defaults."""
    deadline_seconds: int = 3600
    """After which a run is given up: features are stale by then."""
    schedule: str | None = None
    """Cron expression in UTC: renders a CronWorkflow."""


def workflow(settings: ArgoSettings) -> dict[str, Any]:
    """The manifest: a Workflow, or a CronWorkflow where a schedule is given."""
    spec = _spec(settings)
    if settings.schedule is None:
        metadata = {"generateName": f"{settings.name}-", "namespace": settings.namespace}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": settings.name, "namespace": settings.namespace},
        "spec": {
            "schedules": [settings.schedule],
            "timezone": "UTC",
            # Two at once would train on the same data and deploy one after the other.
            "concurrencyPolicy": "Forbid",
            # What a controller that was away has missed it makes up for, once.
            "startingDeadlineSeconds": 600,
            "workflowSpec": spec,
        },
    }


def _spec(settings: ArgoSettings) -> dict[str, Any]:
    return {
        "entrypoint": "loop",
        "serviceAccountName": settings.service_account,
        # The account itself has none for pods that need none; beside a step, Argo reports how it ended.
        "automountServiceAccountToken": True,
        "activeDeadlineSeconds": settings.deadline_seconds,
        "arguments": {"parameters": [{"name": "options", "value": settings.options}]},
        "ttlStrategy": {"secondsAfterSuccess": 86_400, "secondsAfterFailure": 604_800},
        "podGC": {"strategy": "OnPodSuccess"},
        # By which the platform's network policy knows the loop.
        "podMetadata": {"labels": {"app.kubernetes.io/name": "pipelines", "app.kubernetes.io/part-of": "recommender"}},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        **settings.place,
        "templates": [_dag(), *(_template(step, settings) for step in STEPS)],
    }


def _dag() -> dict[str, Any]:
    tasks = [
        {"name": step.name, "template": step.name, **({"dependencies": list(step.needs)} if step.needs else {})}
        for step in STEPS
    ]
    return {"name": "loop", "dag": {"tasks": tasks}}


def _template(step: Step, settings: ArgoSettings) -> dict[str, Any]:
    sources = [{"secretRef": {"name": name}} for name in settings.secrets]
    return {
        "name": step.name,
        "activeDeadlineSeconds": step.timeout_seconds,
        "retryStrategy": {
            "limit": str(step.attempts - 1),
            "retryPolicy": "Always",
            "expression": f"asInt(lastRetry.exitCode) != {STOPPED} && asInt(lastRetry.exitCode) != {INPUT}",
            "backoff": {"duration": f"{FIRST_PAUSE_SECONDS}s", "factor": str(PAUSE_FACTOR)},
        },
        "container": {
            "image": settings.image,
            "command": list(COMMAND),
            "args": step.arguments("{{workflow.name}}", "{{workflow.parameters.options}}"),
            "envFrom": [{"configMapRef": {"name": settings.config_map}}, *sources],
            "env": [{"name": name, "value": value} for name, value in STATE.items()],
            "resources": {
                "requests": {"cpu": step.cpu, "memory": step.memory},
                "limits": {"memory": step.memory},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        },
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
