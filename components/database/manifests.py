"""What `DatabaseLogin` puts on the cluster. The fields of External Secrets are those of its CRDs at 2.9."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import pulumi
import pulumi_kubernetes as k8s

from components.database.rotation import ROTATES
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

CREATES_DATABASES = 'ALTER ROLE :"login" CREATEDB;\n'
"""For a consumer that asks for its databases to be made whenever it starts, though they are there: PostgreSQL looks at
the right before it looks whether there is one."""

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
                "metadata": _AS_TEXT,
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


def push_address(store: str, credentials: pulumi.Input[str], secret_arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the PushSecret that writes beside the password where it is one for: what changes it wants to know. It
    has the consumer's credentials from the cluster, where the address is."""
    given = ("dbname", "host", "port", "username")
    remote = [{"remoteKey": secret_arn, "property": key} for key in ("engine", *given)]
    return {
        "refreshInterval": "1h0m0s",
        "updatePolicy": "Replace",
        "deletionPolicy": "None",
        "secretStoreRefs": [_store(store)],
        "selector": {"secret": {"name": credentials}},
        "template": {
            "engineVersion": "v2",
            "data": {"engine": "postgres", **{key: f"{{{{ .{key} }}}}" for key in given}},
        },
        "data": [{"match": {"secretKey": ref["property"], "remoteRef": ref}, "metadata": _AS_TEXT} for ref in remote],
    }


def consumer_secret(
    store: str,
    name: str,
    secret_arn: pulumi.Input[str],
    host: pulumi.Input[str],
    port: int,
    login: str,
    *,
    rotates: bool,
) -> dict[str, object]:
    """Spec of the ExternalSecret that the consumer reads. The password is a placeholder that External Secrets
    fills in on the cluster; one that `rotates` is looked for often, and its readers are started anew."""
    authority = pulumi.Output.concat(login, ":{{ .password }}@", host, f":{port}")
    template = {
        "host": host,
        "port": str(port),
        "dbname": login,
        "username": login,
        "password": "{{ .password }}",
        "uri": pulumi.Output.concat("postgresql+psycopg2://", authority, f"/{login}?sslmode=require"),
    }
    spec = _external(store, "5m0s" if rotates else "1h0m0s", name, secret_arn, ("password",))
    labelled = {"metadata": {"labels": ROTATES}} if rotates else {}
    filled = {"engineVersion": "v2", **labelled, "data": template}
    return {**spec, "target": {"name": name, **_OWNED, "template": filled}}


def bootstrap_policy(database_cidrs: Sequence[str], port: int) -> "k8s.networking.v1.NetworkPolicySpecArgs":
    """The NetworkPolicy of the bootstrap's namespace: nothing in, out to DNS and the database."""
    net = k8s.networking.v1
    dns = [net.NetworkPolicyPortArgs(protocol=protocol, port=53) for protocol in ("UDP", "TCP")]
    database = [net.NetworkPolicyPeerArgs(ip_block=net.IPBlockArgs(cidr=cidr)) for cidr in database_cidrs]
    return net.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(),
        policy_types=["Ingress", "Egress"],
        egress=[
            net.NetworkPolicyEgressRuleArgs(ports=dns),
            net.NetworkPolicyEgressRuleArgs(to=database, ports=[net.NetworkPolicyPortArgs(protocol="TCP", port=port)]),
        ],
    )


@dataclass(frozen=True, kw_only=True)
class BootstrapArgs:
    """What the job needs to reach the database as its master, and the login that it makes."""

    host: pulumi.Input[str]
    port: int
    login: str
    master_secret: pulumi.Input[str]
    login_secret: pulumi.Input[str]
    script: pulumi.Input[str]
    """Name of the ConfigMap that holds the SQL."""
    sql: str = BOOTSTRAP_SQL


def bootstrap_job(args: BootstrapArgs) -> "k8s.batch.v1.JobSpecArgs":
    """The job that runs the SQL; the digest in its annotation makes a new script run again.

    Five retries take some five minutes; the deadline lies within the ten minutes for which Pulumi waits. There
    is no `ttlSecondsAfterFinished`: Pulumi would find the job gone and make it again.
    """
    core = k8s.core.v1
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=5,
        active_deadline_seconds=540,
        template=core.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels={"app.kubernetes.io/name": "database-bootstrap", "app.kubernetes.io/instance": args.login},
                annotations={"mlops.platform/script": sha256(args.sql.encode()).hexdigest()[:16]},
            ),
            spec=core.PodSpecArgs(
                restart_policy="Never",
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=core.PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=CLIENT_USER,
                    run_as_group=CLIENT_USER,
                    seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                containers=[_psql(args)],
                volumes=[core.VolumeArgs(name="script", config_map=core.ConfigMapVolumeSourceArgs(name=args.script))],
            ),
        ),
    )


def _psql(args: BootstrapArgs) -> "k8s.core.v1.ContainerArgs":
    core = k8s.core.v1
    return core.ContainerArgs(
        name="psql",
        image=versions.POSTGRES_CLIENT_IMAGE,
        command=["/bin/sh", "-ec", BOOTSTRAP_COMMAND],
        env=[*_connection(args), _from_secret("LOGIN_PASSWORD", args.login_secret, "password")],
        resources=core.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "64Mi"}, limits={"cpu": "500m", "memory": "128Mi"}
        ),
        security_context=core.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=[core.VolumeMountArgs(name="script", mount_path="/bootstrap", read_only=True)],
    )


def _connection(args: BootstrapArgs) -> "list[k8s.core.v1.EnvVarArgs]":
    """libpq's own variables. TLS is required and the server's certificate is not verified: the image does not hold
    the RDS certificate authority, an isolated network cannot fetch it, and the way is private from pod to database."""
    plain: dict[str, pulumi.Input[str]] = {
        "PGHOST": args.host,
        "PGPORT": str(args.port),
        "PGDATABASE": "postgres",
        "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "10",
        "LOGIN": args.login,
    }
    return [
        *(k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in plain.items()),
        _from_secret("PGUSER", args.master_secret, "username"),
        _from_secret("PGPASSWORD", args.master_secret, "password"),
    ]


def _from_secret(variable: str, secret: pulumi.Input[str], key: str) -> "k8s.core.v1.EnvVarArgs":
    selector = k8s.core.v1.SecretKeySelectorArgs(name=secret, key=key)
    return k8s.core.v1.EnvVarArgs(name=variable, value_from=k8s.core.v1.EnvVarSourceArgs(secret_key_ref=selector))


_AS_TEXT: dict[str, object] = {
    "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
    "kind": "PushSecretMetadata",
    "spec": {"secretPushFormat": "string"},
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
