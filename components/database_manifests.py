"""What `DatabaseLogin` puts on the cluster, as plain dictionaries. Fields: External Secrets 2.9, its CRDs."""

from collections.abc import Sequence

import pulumi

from components.kubernetes_objects import CONTAINER_SECURITY, POD_SECURITY
from mlops.core import versions

SECRETS = "external-secrets.io"
GENERATORS = "generators.external-secrets.io/v1alpha1"
READY = {"pulumi.com/waitFor": "condition=Ready"}
"""Annotation: the object counts as made once External Secrets has done its part."""

MASTER = "master"
LOGIN = "login"
CLIENT_USER = 70
"""`postgres` in the Alpine image, which has no numeric USER of its own."""

PASSWORD: dict[str, object] = {"length": 32, "digits": 8, "symbols": 0, "noUpper": False, "allowRepeat": True}
"""Letters and digits only, because the password becomes part of a URI: 32 of them are about 190 bits."""

BOOTSTRAP_SQL = r"""-- Makes one consumer's role and database. Run again, it sets the password to that of the secret.
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', :'login')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'login') \gexec
-- psql reads the password from standard input and sends a SCRAM verifier: no statement, and so no log, holds it.
\password :login
-- Only a member of the owning role may make a database for it.
GRANT :"login" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', :'login', :'login')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'login') \gexec
REVOKE ALL ON DATABASE :"login" FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE :"login" FROM CURRENT_USER;
"""

BOOTSTRAP_COMMAND = (
    r'printf "%s\n%s\n" "$LOGIN_PASSWORD" "$LOGIN_PASSWORD" | '
    'psql -X -q -v ON_ERROR_STOP=1 -v login="$LOGIN" -f /bootstrap/bootstrap.sql'
)
"""`printf` is built into the shell: the password is in no process's arguments."""


def push_password(store: str, generator: pulumi.Input[str], secret_arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the PushSecret: a new password, kept only if the secret holds none yet.

    `deletionPolicy` None: the secret belongs to Pulumi, which deletes it.
    """
    return {
        "refreshInterval": "1h0m0s",
        "updatePolicy": "IfNotExists",
        "deletionPolicy": "None",
        "secretStoreRefs": [_store(store)],
        "selector": {"generatorRef": {"apiVersion": GENERATORS, "kind": "Password", "name": generator}},
        "data": [
            {
                "match": {
                    "secretKey": "password",
                    "remoteRef": {"remoteKey": secret_arn, "property": "password"},
                },
                "metadata": {
                    "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
                    "kind": "PushSecretMetadata",
                    "spec": {"secretPushFormat": "string"},
                },
            }
        ],
    }


def master_secret(store: str, secret_arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the ExternalSecret with the master's credentials, for the bootstrap job alone.

    Read every five minutes: RDS rotates them, and the job's retries outlast one interval.
    """
    return _external(store, "5m0s", MASTER, secret_arn, ("username", "password"))


def stored_password(store: str, secret_arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the ExternalSecret with the consumer's password as Secrets Manager holds it, for the job."""
    return _external(store, "5m0s", LOGIN, secret_arn, ("password",))


def consumer_secret(
    store: str, name: str, secret_arn: pulumi.Input[str], host: pulumi.Input[str], port: int, login: str
) -> dict[str, object]:
    """Spec of the ExternalSecret that the consumer reads. The password is a placeholder that External Secrets
    fills in on the cluster."""
    authority = pulumi.Output.concat(login, ":{{ .password }}@", host, f":{port}")
    template = {
        "host": host,
        "port": str(port),
        "dbname": login,
        "username": login,
        "password": "{{ .password }}",
        "uri": pulumi.Output.concat("postgresql+psycopg2://", authority, f"/{login}?sslmode=require"),
    }
    spec = _external(store, "1h0m0s", name, secret_arn, ("password",))
    return {**spec, "target": {"name": name, **_OWNED, "template": {"engineVersion": "v2", "data": template}}}


def bootstrap_policy(database_cidrs: Sequence[str], port: int) -> dict[str, object]:
    """Spec of the NetworkPolicy for the bootstrap's namespace: nothing in, out to DNS and the database."""
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
            {
                "to": [{"ipBlock": {"cidr": cidr}} for cidr in database_cidrs],
                "ports": [{"protocol": "TCP", "port": port}],
            },
        ],
    }


def bootstrap_job(
    *,
    host: pulumi.Input[str],
    port: int,
    login: str,
    master_secret: pulumi.Input[str],
    login_secret: pulumi.Input[str],
    script: pulumi.Input[str],
    digest: str,
) -> dict[str, object]:
    """Spec of the job that runs `BOOTSTRAP_SQL`; `digest` is that script's, so that a new script runs.

    TLS is required and the server's certificate is not verified: the image does not hold the RDS certificate
    authority, an isolated network cannot fetch it, and the way is private from pod to database. Five retries
    take some five minutes; the deadline lies within the ten minutes for which Pulumi waits. There is no
    `ttlSecondsAfterFinished`: Pulumi would find the job gone and make it again.
    """
    variables = [
        {"name": "PGHOST", "value": host},
        {"name": "PGPORT", "value": str(port)},
        {"name": "PGDATABASE", "value": "postgres"},
        {"name": "PGSSLMODE", "value": "require"},
        {"name": "PGCONNECT_TIMEOUT", "value": "10"},
        {"name": "LOGIN", "value": login},
        _from_secret("PGUSER", master_secret, "username"),
        _from_secret("PGPASSWORD", master_secret, "password"),
        _from_secret("LOGIN_PASSWORD", login_secret, "password"),
    ]
    labels = {"app.kubernetes.io/name": "database-bootstrap", "app.kubernetes.io/instance": login}
    container = {
        "name": "psql",
        "image": versions.POSTGRES_CLIENT_IMAGE,
        "command": ["/bin/sh", "-ec", BOOTSTRAP_COMMAND],
        "env": variables,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "script", "mountPath": "/bootstrap", "readOnly": True}],
    }
    return {
        "backoffLimit": 5,
        "activeDeadlineSeconds": 540,
        "template": {
            "metadata": {"labels": labels, "annotations": {"mlops.platform/script": digest}},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": {**POD_SECURITY, "runAsUser": CLIENT_USER, "runAsGroup": CLIENT_USER},
                "containers": [container],
                "volumes": [{"name": "script", "configMap": {"name": script}}],
            },
        },
    }


_OWNED = {"creationPolicy": "Owner", "deletionPolicy": "Retain"}


def _external(
    store: str, interval: str, name: str, secret_arn: pulumi.Input[str], properties: Sequence[str]
) -> dict[str, object]:
    return {
        "refreshInterval": interval,
        "secretStoreRef": _store(store),
        "target": {"name": name, **_OWNED},
        "data": [{"secretKey": key, "remoteRef": {"key": secret_arn, "property": key}} for key in properties],
    }


def _store(name: str) -> dict[str, str]:
    return {"kind": "ClusterSecretStore", "name": name}


def _from_secret(variable: str, secret: pulumi.Input[str], key: str) -> dict[str, object]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
