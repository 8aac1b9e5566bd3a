"""The loop as a DAG of Airflow 3: the same steps, needs and resources, each a pod of the same image, or a task of it on
Fargate where Airflow has no cluster, as on MWAA.

What is rendered is the DAG's file. It needs Airflow's own provider for Kubernetes or for AWS, and nothing of ours.
"""

import pprint
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .steps import COMMAND, FIRST_PAUSE_SECONDS, STATE, STEPS, STOPPED, Step

RUN = "{{ run_id | replace(':', '') | replace('+', '') }}"
"""Airflow's own name of a run, without what a path in the lake should not hold."""
OPTIONS = "{{ params.options }}"
_MIB = {"Mi": 1, "Gi": 1024}


@dataclass(frozen=True, kw_only=True)
class AirflowPods:
    """What the cluster adds: the platform's own recommender brings all of it along."""

    image: str
    namespace: str = "recommender"
    service_account: str = "pipelines"
    config_map: str = "pipelines"
    """Holds the settings as environment variables."""
    secrets: Sequence[str] = ("pipelines",)
    """Secrets whose keys are environment variables."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a pod that bring it onto its nodes: nodeSelector, tolerations."""


@dataclass(frozen=True, kw_only=True)
class AirflowTasks:
    """What the account adds where there is no cluster."""

    region: str
    cluster: str
    """ARN of the ECS cluster."""
    task_definition: str
    """ARN of the task definition of the loop's worker: image, roles, variables and secrets are its own."""
    container: str
    subnets: Sequence[str]
    security_groups: Sequence[str]
    public: bool = False


@dataclass(frozen=True, kw_only=True)
class AirflowSettings:
    """How the DAG runs."""

    runs: AirflowPods | AirflowTasks
    name: str = "training_loop"
    options: str = "{}"
    """JSON of the loop's options, where they differ from the defaults."""
    deadline_seconds: int = 3600
    """After which a run is given up: features are stale by then."""
    schedule: str | None = None
    """Cron expression in UTC; None leaves it to whoever starts it."""


def dag_file(settings: AirflowSettings) -> str:
    """The DAG's file."""
    pods = isinstance(settings.runs, AirflowPods)
    known = {
        "name": settings.name,
        "schedule": settings.schedule,
        "options": settings.options,
        "deadline_seconds": settings.deadline_seconds,
        "pause_seconds": FIRST_PAUSE_SECONDS,
        "stopped": STOPPED,
        "runs": {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings.runs).items()
        },
        "steps": [_step(step) for step in STEPS],
    }
    literal = pprint.pformat(known, width=110, sort_dicts=False)
    return "\n".join(
        (_HEAD, _PODS_HEAD if pods else _TASKS_HEAD, f"LOOP = {literal}\n", _PODS if pods else _TASKS, _DAG)
    )


def _step(step: Step) -> dict[str, Any]:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", step.memory).groups()  # type: ignore[union-attr]
    cores = int(step.cpu[:-1]) / 1000 if step.cpu.endswith("m") else float(step.cpu)
    return {
        "name": step.name,
        "needs": list(step.needs),
        "command": list(COMMAND),
        "arguments": step.arguments(RUN, OPTIONS),
        "variables": dict(STATE),
        "cpu": step.cpu,
        "memory": step.memory,
        "cpu_units": int(cores * 1024),
        "memory_mib": int(number) * _MIB[unit],
        "timeout_seconds": step.timeout_seconds,
        "retries": step.attempts - 1,
    }


_HEAD = '''"""The training loop, rendered from its one definition: changes belong there."""

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Param'''
_PODS_HEAD = """from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s
"""
_TASKS_HEAD = """from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
"""
_PODS = '''
def made(step, **common):
    """A pod of the loop's own image, account, settings and secrets; exit code 3 is a gate, and no failure."""
    runs = LOOP["runs"]
    return KubernetesPodOperator(
        **common,
        image=runs["image"],
        cmds=step["command"],
        arguments=step["arguments"],
        namespace=runs["namespace"],
        service_account_name=runs["service_account"],
        automount_service_account_token=False,
        in_cluster=True,
        labels={"app.kubernetes.io/name": "pipelines", "app.kubernetes.io/part-of": "recommender"},
        env_from=[
            k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name=runs["config_map"])),
            *(k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=one)) for one in runs["secrets"]),
        ],
        env_vars=step["variables"],
        node_selector=runs["place"].get("nodeSelector"),
        tolerations=[k8s.V1Toleration(**one) for one in runs["place"].get("tolerations", [])],
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": step["cpu"], "memory": step["memory"]}, limits={"memory": step["memory"]}
        ),
        security_context={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        container_security_context={
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        volumes=[k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource())],
        volume_mounts=[k8s.V1VolumeMount(name="tmp", mount_path="/tmp")],
        skip_on_exit_code=[LOOP["stopped"]],
        # A pod is found again where Airflow itself was restarted beneath it, and goes when it is done.
        reattach_on_restart=True,
        on_finish_action="delete_pod",
        startup_timeout_seconds=600,
        get_logs=True,
    )

'''
_TASKS = '''
def made(step, **common):
    """A task of the loop's own task definition: image, roles, variables and secrets are its worker's."""
    runs = LOOP["runs"]
    return EcsRunTaskOperator(
        **common,
        region_name=runs["region"],
        cluster=runs["cluster"],
        task_definition=runs["task_definition"],
        launch_type="FARGATE",
        propagate_tags="TASK_DEFINITION",
        overrides={
            "cpu": str(step["cpu_units"]),
            "memory": str(step["memory_mib"]),
            "containerOverrides": [{"name": runs["container"], "command": step["arguments"]}],
        },
        network_configuration={
            "awsvpcConfiguration": {
                "subnets": runs["subnets"],
                "securityGroups": runs["security_groups"],
                "assignPublicIp": "ENABLED" if runs["public"] else "DISABLED",
            }
        },
        reattach=True,
    )

'''
_DAG = """
with DAG(
    dag_id=LOOP["name"],
    schedule=LOOP["schedule"],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Two at once would train on the same data and deploy one after the other.
    max_active_runs=1,
    dagrun_timeout=timedelta(seconds=LOOP["deadline_seconds"]),
    params={"options": Param(LOOP["options"], type="string")},
) as dag:
    tasks = {
        step["name"]: made(
            step,
            task_id=step["name"],
            retries=step["retries"],
            retry_delay=timedelta(seconds=LOOP["pause_seconds"]),
            retry_exponential_backoff=True,
            execution_timeout=timedelta(seconds=step["timeout_seconds"]),
        )
        for step in LOOP["steps"]
    }
    for step in LOOP["steps"]:
        for need in step["needs"]:
            tasks[need] >> tasks[step["name"]]
"""
