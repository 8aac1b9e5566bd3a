"""Values of Argo Workflows' chart. Pure.

Source of the keys: argoproj/argo-helm, charts/argo-workflows/values.yaml at argo-workflows-1.0.18.
"""

from dataclasses import dataclass
from typing import Any

import pulumi

from components.database import PORT as DATABASE_PORT
from components.kubernetes.objects import CONTAINER_SECURITY, OUT_OF_ENDPOINTS, POD_SECURITY
from components.kubernetes.placement import Controllers, on_system_nodes, requested
from components.kubernetes.scraping import announced

METRICS_PORT = 9090
"""Where the controller has its metrics, by the chart's default."""


@dataclass(frozen=True, kw_only=True)
class Sso:
    """How people log in."""

    issuer: str
    secret: pulumi.Output[str]
    """Secret with `client-id` and `client-secret`."""
    redirect: str


@dataclass(frozen=True, kw_only=True)
class ArgoParts:
    """What the stack adds."""

    bucket: pulumi.Output[str]
    region: str
    folder: str
    """Where artifacts and logs lie in the bucket."""
    database: pulumi.Output[str]
    """Host of PostgreSQL."""
    database_name: str
    login: pulumi.Output[str]
    """Secret with `username` and `password`."""
    server_account: pulumi.Output[str]
    account: str
    """Account of workflows that name none."""
    namespaces: pulumi.Output[list[dict[str, str]]]
    """Accounts that run steps: `name` and `namespace`."""
    controllers: Controllers
    parallelism: int
    archive_days: int
    scraped: bool
    sso: Sso | None


def argo_values(parts: ArgoParts) -> dict[str, object]:
    """A controller and a server with as many replicas as the cluster's controllers have."""
    copies = {
        "replicas": parts.controllers.replicas,
        "pdb": {**parts.controllers.budget, "maxUnavailable": 1},
        "podSecurityContext": POD_SECURITY,
        **on_system_nodes("argo-workflows"),
    }
    return {
        # The CRDs with every field are fetched by a job from GitHub, where a closed network does not lead.
        "crds": {"install": True, "keep": True, "full": False},
        "images": {"pullPolicy": "IfNotPresent"},
        "useStaticCredentials": False,
        "artifactRepository": {
            "archiveLogs": True,
            "s3": {
                "bucket": parts.bucket,
                "endpoint": f"s3.{parts.region}.amazonaws.com",
                "region": parts.region,
                "insecure": False,
                "useSDKCreds": True,
                "keyFormat": parts.folder + "{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}",
            },
        },
        # What stands beside each step: it reports how it ended, and carries logs into the lake.
        "executor": {
            "resources": requested("argo-executor"),
            "securityContext": {**CONTAINER_SECURITY, "runAsUser": 65532, "readOnlyRootFilesystem": False},
        },
        "workflow": {
            "serviceAccount": {"create": False, "name": parts.account},
            "rbac": {"create": True, "serviceAccounts": parts.namespaces},
        },
        "controller": {
            **copies,
            "parallelism": parts.parallelism,
            "workflowNamespaces": parts.namespaces.apply(lambda rows: [row["namespace"] for row in rows]),
            "workflowDefaults": {
                "spec": {"serviceAccountName": parts.account, "securityContext": POD_SECURITY},
            },
            "persistence": _persistence(parts),
            "metricsConfig": {"enabled": parts.scraped},
            "podAnnotations": announced(METRICS_PORT) if parts.scraped else {},
        },
        "server": {
            **copies,
            "serviceAccount": {"create": True, "name": parts.server_account},
            "authModes": ["sso", "client"] if parts.sso else ["client"],
            "securityContext": {**CONTAINER_SECURITY, "readOnlyRootFilesystem": False},
            "livenessProbe": {"enabled": True},
            "lifecycle": OUT_OF_ENDPOINTS,
            "sso": _sso(parts.sso) if parts.sso else {"enabled": False},
        },
    }


def _persistence(parts: ArgoParts) -> dict[str, Any]:
    """The archive of finished runs; their credentials are read from the secret by the servers themselves."""
    return {
        "archive": True,
        "archiveTTL": f"{parts.archive_days}d",
        "nodeStatusOffLoad": True,
        "connectionPool": {"maxIdleConns": 10, "maxOpenConns": 20, "connMaxLifetime": "300s"},
        "postgresql": {
            "host": parts.database,
            "port": DATABASE_PORT,
            "database": parts.database_name,
            "tableName": "argo_workflows",
            "userNameSecret": {"name": parts.login, "key": "username"},
            "passwordSecret": {"name": parts.login, "key": "password"},
            "ssl": True,
            "sslMode": "require",
        },
    }


def _sso(sso: Sso) -> dict[str, Any]:
    return {
        "enabled": True,
        "issuer": sso.issuer,
        "clientId": {"name": sso.secret, "key": "client-id"},
        "clientSecret": {"name": sso.secret, "key": "client-secret"},
        "redirectUrl": sso.redirect,
        "scopes": ["openid", "email", "groups"],
        "rbac": {"enabled": True},
    }
