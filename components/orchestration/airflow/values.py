"""Values of Airflow's chart. Pure.

Source of the keys: apache/airflow, chart/values.yaml, and the chart's parameters reference at 1.22.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY
from components.kubernetes.placement import Controllers, on_system_nodes, requested
from components.kubernetes.scraping import announced
from mlops.core.versions import AIRFLOW_VERSION

PAGES, WORKER_LOGS, TRIGGERER_LOGS = 8080, 8793, 8794
"""Ports: pages and the API that tasks report to; logs of what still runs."""
STATSD, METRICS = 9125, 9102
"""Where a pod of Airflow's is told what others measure, by UDP, and where it hands that out."""
PLATFORM_FOLDER = "/opt/airflow/platform"
"""Where the platform's own DAGs lie in every container, beside the team's."""
POD_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "get", "list", "patch", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
)
"""What Airflow's operator for pods asks of the API server. Source: its documentation, "KubernetesPodOperator"."""
_USER = 50000
"""The user of Airflow's image."""


@dataclass(frozen=True, kw_only=True)
class GitParts:
    """Where DAGs come from."""

    repository: str
    ref: str
    path: str
    secret: pulumi.Output[str] | None
    """Secret with GITSYNC_USERNAME and GITSYNC_PASSWORD; None for a repository that anybody may read."""


@dataclass(frozen=True, kw_only=True)
class AirflowParts:
    """What the stack adds."""

    image: str
    logs: pulumi.Output[str]
    """s3:// URI below which logs lie."""
    login: pulumi.Output[str]
    """Secret with the database's `uri`."""
    keys: pulumi.Output[str]
    """Secret with what Airflow encrypts and signs with, and the administrator's password."""
    accounts: Mapping[str, pulumi.Output[str]]
    """Service accounts of `workers`, `triggerer` and `apiServer`, known once they have their rights."""
    controllers: Controllers
    parallelism: int
    runs_days: int
    loop: tuple[pulumi.Output[str], pulumi.Output[str]] | None
    """ConfigMap with the loop's DAG, and a word that changes with it."""
    scraped: bool
    git: GitParts | None
    host: str | None


def airflow_values(parts: AirflowParts) -> dict[str, object]:
    """Scheduler, API server, DAG processor and triggerer; each task a pod of its own."""
    name, _, digest = parts.image.partition("@")
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    copies = {
        "replicas": parts.controllers.replicas,
        "podDisruptionBudget": parts.controllers.budget,
    }
    quiet = {"logGroomerSidecar": {"enabled": False}}
    jobs = {
        # Helm waits for pods, which wait for the migration: as hooks these would come after them.
        "useHelmHooks": False,
        # The database's address is such a variable.
        "applyCustomEnv": True,
        "resources": requested("airflow-job"),
    }
    return {
        "executor": "KubernetesExecutor",
        "airflowVersion": AIRFLOW_VERSION,
        "defaultAirflowRepository": repository,
        **({"defaultAirflowTag": tag} if tag else {}),
        **({"defaultAirflowDigest": digest} if digest else {}),
        "postgresql": {"enabled": False},
        "redis": {"enabled": False},
        "statsd": _statsd() if parts.scraped else {"enabled": False},
        "data": {"metadataSecretName": parts.login},
        # The chart wants the address under a key of its own; Airflow takes it from the variable.
        "enableBuiltInSecretEnvVars": {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": False,
            "AIRFLOW__CORE__SQL_ALCHEMY_CONN": False,
            "AIRFLOW_CONN_AIRFLOW_DB": False,
        },
        "secret": [{"envName": "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secretName": parts.login, "secretKey": "uri"}],
        "fernetKeySecretName": parts.keys,
        "apiSecretKeySecretName": parts.keys,
        "jwtSecretName": parts.keys,
        "securityContexts": {
            "pod": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": 0, "fsGroup": 0},
            "containers": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        },
        "config": _config(parts),
        "scheduler": {**copies, **on_system_nodes("airflow"), **quiet},
        "apiServer": {
            **copies,
            **on_system_nodes("airflow"),
            "serviceAccount": {"create": True, "name": parts.accounts["apiServer"]},
        },
        "dagProcessor": {**on_system_nodes("airflow"), **quiet, "dagBundleConfigList": _bundles(parts)},
        "triggerer": {
            **on_system_nodes("airflow"),
            **quiet,
            # Its logs go to the lake as all others do.
            "persistence": {"enabled": False},
            "serviceAccount": {"create": True, "name": parts.accounts["triggerer"]},
        },
        "workers": {
            "resources": requested("airflow-task"),
            "serviceAccount": {"create": True, "name": parts.accounts["workers"]},
        },
        "migrateDatabaseJob": jobs,
        "createUserJob": {**jobs, **_first_user(parts.keys)},
        "databaseCleanup": {"enabled": True, "retentionDays": parts.runs_days, "resources": requested("airflow-job")},
        "dags": {"gitSync": _git(parts.git)},
        **_platforms_own(parts.loop),
    }


def _config(parts: AirflowParts) -> dict[str, Any]:
    return {
        "core": {"parallelism": parts.parallelism, "load_examples": "False"},
        "api": {"workers": 1, **({"base_url": f"https://{parts.host}"} if parts.host else {})},
        "logging": {
            "remote_logging": "True",
            "remote_base_log_folder": parts.logs,
            # Without a connection of this name it uses the pod's own role.
            "remote_log_conn_id": "aws_default",
            "delete_local_logs": "True",
        },
        "kubernetes_executor": {"delete_worker_pods": "True", "delete_worker_pods_on_failure": "True"},
    }


def metrics_policy(services: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """The NetworkPolicy by which pods tell the exporter what they measure, by UDP.

    Args:
        services: ranges in which Services have their addresses.
    """
    port = [{"protocol": "UDP", "port": STATSD}]
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"podSelector": {}}], "ports": port}],
        "egress": [{"to": [{"ipBlock": {"cidr": cidr}} for cidr in services], "ports": port}],
    }


def _statsd() -> dict[str, Any]:
    return {
        "enabled": True,
        "podAnnotations": announced(METRICS),
        "securityContexts": {"pod": {**POD_SECURITY, "runAsUser": 65534}, "container": CONTAINER_SECURITY},
        **on_system_nodes("statsd-exporter"),
    }


def _bundles(parts: AirflowParts) -> list[dict[str, Any]]:
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    own = [{"name": "platform", "classpath": local, "kwargs": {"path": PLATFORM_FOLDER}}] if parts.loop else []
    return [{"name": "dags-folder", "classpath": local, "kwargs": {}}, *own]


def _platforms_own(loop: tuple[pulumi.Output[str], pulumi.Output[str]] | None) -> dict[str, Any]:
    """The loop's DAG in every container. As a file and not a folder: a ConfigMap's folder has it twice, once behind a
    link. Such a file is not followed, so that pods begin anew with another one."""
    if loop is None:
        return {}
    settings, version = loop
    file = "training_loop.py"
    return {
        "volumes": [{"name": "platform-dags", "configMap": {"name": settings}}],
        "volumeMounts": [
            {"name": "platform-dags", "mountPath": f"{PLATFORM_FOLDER}/{file}", "subPath": file, "readOnly": True}
        ],
        "airflowPodAnnotations": {"mlops.platform/loop": version},
    }


def _first_user(keys: pulumi.Output[str]) -> dict[str, Any]:
    """The chart's own user has a password that everybody knows; this one's is made in the cluster."""
    command = (
        "exec airflow users create --role Admin --username admin --email admin@example.com --firstname Platform "
        '--lastname Administrator --password "$ADMIN_PASSWORD"'
    )
    password = {"name": keys, "key": "admin-password"}
    return {
        "args": ["bash", "-c", command],
        "env": [{"name": "ADMIN_PASSWORD", "valueFrom": {"secretKeyRef": password}}],
    }


def _git(git: GitParts | None) -> dict[str, Any]:
    if git is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "repo": git.repository,
        "ref": git.ref,
        "branch": git.ref,
        "subPath": git.path,
        "period": "60s",
        "resources": requested("git-sync"),
        **({"credentialsSecret": git.secret} if git.secret is not None else {}),
    }
