"""Settings of Kubeflow Pipelines as its servers read them, and the pooler before the database. Pure.

Sources, all in github.com/kubeflow/pipelines at 2.17.0: the keys of `pipeline-install-config` in
manifests/kustomize/base/installs/generic/postgres; `providers` of `kfp-launcher` in backend/src/v2/config/s3.go; the
artifact repository in manifests/kustomize/third-party/argo/base. That its API server connects with `sslmode=disable`,
to the database `postgres` first, and asks for its own to be made at every start: backend/src/apiserver/client/sql.go
and client_manager.go. RDS takes no connection without TLS.
"""

import json
from typing import Any

import pulumi
from pydantic import Field

from components.database import PORT as RDS_PORT
from components.kubernetes.objects import CONTAINER_SECURITY, OUT_OF_ENDPOINTS, POD_SECURITY
from components.ml_platform.mlflow.auth import from_secret
from mlops.core.versions import PGBOUNCER_IMAGE

NAMESPACE = "kubeflow"
RUNNER = "pipeline-runner"
"""The service account that pipelines' steps run as unless they say otherwise."""
ARTIFACTS = "kubeflow/"
"""Where its artifacts, logs and pipelines lie in the zone of artifacts."""
DATABASE_PORT = 5432
PORTS = (3000, 8080, 8887, 8888, 9090, DATABASE_PORT)
"""What its servers answer on, the pooler included."""
METRICS_PORTS = (8888, 9090)
"""Where the API server, and Argo's controller and that of schedules, answer with metrics (`overlay/servers.yaml`)."""
POOLER = {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/part-of": NAMESPACE}

_PIPELINES, _METADATA = "mlpipeline", "metadb"
_USER = 998
"""The user `pgbouncer` of CloudNativePG's image (cloudnative-pg/pgbouncer-containers, Dockerfile)."""


def days(*, default: int) -> Any:
    """A field for days that a server counts in hours."""
    return Field(default=default, ge=1, le=3650)


def install_config(bucket: pulumi.Input[str], region: str, runs_days: int) -> dict[str, pulumi.Input[str]]:
    """What the servers take from the ConfigMap `pipeline-install-config`."""
    return {
        "appName": "pipeline",
        "dbType": "pgx",
        "postgresHost": "postgres",
        "postgresPort": str(DATABASE_PORT),
        "pipelineDb": _PIPELINES,
        "mlmdDb": _METADATA,
        "ConMaxLifeTime": "120s",
        "bucketName": bucket,
        "objectStoreHost": f"s3.{region}.amazonaws.com",
        "region": region,
        "autoUpdatePipelineDefaultVersion": "true",
        "cronScheduleTimezone": "UTC",
        # Version 1 needs the cache server and the metadata writer, which are left out.
        "BLOCK_V1_PIPELINES": "true",
        "V1_ALLOWED_NAMESPACES": "",
        "RUNS_RETENTION_TIME": f"{runs_days * 24}h",
        "ARCHIVED_RUNS_RETENTION_TIME": f"{runs_days * 24}h",
    }


def launcher(bucket: pulumi.Output[str], region: str) -> dict[str, pulumi.Input[str]]:
    """Where steps keep their artifacts, with the role of their service account."""
    default = {"endpoint": f"s3.{region}.amazonaws.com", "region": region, "disableSSL": False}
    providers = {"s3": {"default": {**default, "credentials": {"fromEnv": True}}}}
    return {
        "defaultPipelineRoot": pulumi.Output.concat("s3://", bucket, "/", ARTIFACTS, "artifacts"),
        # JSON is YAML.
        "providers": json.dumps(providers),
    }


def workflow_controller(bucket: pulumi.Output[str], region: str) -> dict[str, pulumi.Input[str]]:
    """Argo's settings: logs into the lake, and finished workflows gone after an hour, when their runs are stored."""
    security = {**CONTAINER_SECURITY, "runAsUser": 65532, "readOnlyRootFilesystem": False}

    def repository(name: str) -> str:
        s3 = {
            "endpoint": f"s3.{region}.amazonaws.com",
            "region": region,
            "bucket": name,
            "keyFormat": f"{ARTIFACTS}logs/{{{{workflow.name}}}}/{{{{pod.name}}}}",
            "useSDKCreds": True,
        }
        return json.dumps({"archiveLogs": True, "s3": s3})

    hour = dict.fromkeys(("secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure"), 3600)
    return {
        "artifactRepository": bucket.apply(repository),
        "executor": json.dumps({"imagePullPolicy": "IfNotPresent", "securityContext": security}),
        # It would answer with a certificate that nobody vouches for; the namespace is closed but for scrapers.
        "metricsConfig": json.dumps({"secure": False}),
        "workflowDefaults": json.dumps({"spec": {"ttlStrategy": hour, "securityContext": POD_SECURITY}}),
    }


def pooler_ini(host: pulumi.Output[str]) -> pulumi.Output[str]:
    """PgBouncer: in without TLS from the namespace, out with it. The database `postgres`, which nobody but the master
    may open, stands for the login's own. Source: pgbouncer.org/config.html."""

    def text(address: str) -> str:
        return "\n".join(
            (
                "[databases]",
                f"postgres = host={address} port={RDS_PORT} dbname={NAMESPACE}",
                f"* = host={address} port={RDS_PORT}",
                "[pgbouncer]",
                "listen_addr = 0.0.0.0",
                f"listen_port = {DATABASE_PORT}",
                "unix_socket_dir =",
                "auth_type = scram-sha-256",
                "auth_file = /run/pgbouncer/users.txt",
                "server_tls_sslmode = require",
                "pool_mode = session",
                "default_pool_size = 20",
                "max_client_conn = 200",
                # What drivers send at the start and PgBouncer does not know by itself.
                "ignore_startup_parameters = extra_float_digits",
                "",
            )
        )

    return host.apply(text)


def pooler(secret: pulumi.Input[str], settings: pulumi.Input[str]) -> dict[str, object]:
    """Its Deployment. The login is written into memory at the start: PgBouncer reads it from a file only."""
    user = 'printf \'"%s" "%s"\\n\' "$LOGIN" "$PASSWORD" > /run/pgbouncer/users.txt'
    container = {
        "name": "pgbouncer",
        "image": PGBOUNCER_IMAGE,
        "command": ["/bin/sh", "-ec", f"umask 077; {user}; exec /usr/bin/pgbouncer /etc/pgbouncer/pgbouncer.ini"],
        "env": [from_secret("LOGIN", secret, "username"), from_secret("PASSWORD", secret, "password")],
        "ports": [{"name": "postgres", "containerPort": DATABASE_PORT}],
        "readinessProbe": {"tcpSocket": {"port": DATABASE_PORT}, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": DATABASE_PORT}, "periodSeconds": 20},
        "lifecycle": OUT_OF_ENDPOINTS,
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/pgbouncer", "readOnly": True},
            {"name": "login", "mountPath": "/run/pgbouncer"},
        ],
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER},
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": settings}},
            {"name": "login", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        ],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": POOLER},
        "template": {"metadata": {"labels": POOLER}, "spec": spec},
    }


def pooler_service() -> dict[str, object]:
    """Its Service, by the name that the servers know."""
    return {
        "selector": POOLER,
        "ports": [{"name": "postgres", "port": DATABASE_PORT, "targetPort": "postgres"}],
    }
