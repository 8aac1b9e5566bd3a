"""The loop as an Argo Workflow: the same steps, needs and resources, each step a pod of the same image."""

from dataclasses import dataclass

from pipelines.loop import STEPS, Step


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
    secret: str = "pipelines"
    """Holds MLOPS_PII_SALT."""
    options: str = "{}"
    """JSON of the loop's options, where they differ from the defaults."""
    deadline_seconds: int = 3600
    """After which a run is given up: features are stale by then."""
    schedule: str | None = None
    """Cron expression in UTC: renders a CronWorkflow."""


def workflow(settings: ArgoSettings) -> dict[str, object]:
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
            "workflowSpec": spec,
        },
    }


def _spec(settings: ArgoSettings) -> dict[str, object]:
    return {
        "entrypoint": "loop",
        "serviceAccountName": settings.service_account,
        "activeDeadlineSeconds": settings.deadline_seconds,
        "arguments": {"parameters": [{"name": "options", "value": settings.options}]},
        "ttlStrategy": {"secondsAfterSuccess": 86_400, "secondsAfterFailure": 604_800},
        "podGC": {"strategy": "OnPodSuccess"},
        # By which the platform's network policy knows the loop.
        "podMetadata": {"labels": {"app.kubernetes.io/name": "pipelines", "app.kubernetes.io/part-of": "recommender"}},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "templates": [_dag(), *(_template(step, settings) for step in STEPS)],
    }


def _dag() -> dict[str, object]:
    tasks = [
        {"name": step.name, "template": step.name, **({"dependencies": list(step.needs)} if step.needs else {})}
        for step in STEPS
    ]
    return {"name": "loop", "dag": {"tasks": tasks}}


def _template(step: Step, settings: ArgoSettings) -> dict[str, object]:
    resources = {"cpu": step.cpu, "memory": step.memory}
    return {
        "name": step.name,
        # A step is safe to repeat. Exit code 3 is a gate that stops, and would stop again.
        "retryStrategy": {
            "limit": "2",
            "retryPolicy": "Always",
            "expression": "asInt(lastRetry.exitCode) != 3 && asInt(lastRetry.exitCode) != 2",
            "backoff": {"duration": "10s", "factor": "2"},
        },
        "container": {
            "image": settings.image,
            "command": ["python", "-m", "pipelines"],
            "args": [step.name, "--run", "{{workflow.name}}", "--options", "{{workflow.parameters.options}}"],
            "envFrom": [{"configMapRef": {"name": settings.config_map}}, {"secretRef": {"name": settings.secret}}],
            "env": [{"name": "MLOPS_STATE", "value": "/state"}],
            "resources": {"requests": resources, "limits": {"memory": step.memory}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "state", "mountPath": "/state"}, {"name": "tmp", "mountPath": "/tmp"}],
        },
        "volumes": [{"name": "state", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }
