"""AWS on a cluster: one pod in which moto answers AWS's APIs and PostgreSQL is the database, for a stack whose pods run
there. What keeps its data only as long as the pod."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMESPACE = NAME = "mlops-emulated-aws"
AWS_PORT, DATABASE_PORT = 5000, 5432
MOTO = "docker.io/motoserver/moto:5.2.5"
"""Of the version that the services' lock has."""
POSTGRES = "public.ecr.aws/docker/library/postgres:17-alpine"
MASTER = "mlops"
"""RDS's master is no superuser, and neither is this one."""

_USER = 70
"""Whom PostgreSQL's image knows as postgres; initdb wants to know the user that it runs as."""
_CERTIFICATE = """
import datetime
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "database")])
now = datetime.datetime.now(datetime.timezone.utc)
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
made = made.not_valid_after(now + datetime.timedelta(days=365)).sign(key, hashes.SHA256())
encoding = serialization.Encoding.PEM
kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
import os
os.umask(0o077)
open("/data/server.key", "wb").write(key.private_bytes(encoding, *kept))
open("/data/server.crt", "wb").write(made.public_bytes(encoding))
"""
_DATABASE = f"""
for folder in /usr/lib/postgresql/*/bin; do export PATH="$folder:$PATH"; done
if [ ! -s /data/db/PG_VERSION ]; then
    initdb -D /data/db -U rdsadmin -A scram-sha-256 --pwfile=/secrets/owner -E UTF8 --locale=C
    echo "hostssl all all all scram-sha-256" >>/data/db/pg_hba.conf
    postgres --single -D /data/db postgres <<SQL
CREATE ROLE rds_superuser
CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB PASSWORD '$(cat /secrets/master)' IN ROLE rds_superuser
GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION
ALTER DATABASE postgres OWNER TO {MASTER}
ALTER DATABASE template1 OWNER TO {MASTER}
SQL
fi
exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/data -c ssl=on \\
    -c ssl_cert_file=/data/server.crt -c ssl_key_file=/data/server.key
"""


@dataclass(frozen=True, kw_only=True)
class EmulatedAws:
    """The emulated AWS of one stack, as its pods find it."""

    address: str
    """Of its Service."""
    seed: str
    """What the values of its secrets are derived from: kept on the cluster alone."""
    databases: Sequence[str] = ()
    """Names under which the stack's pods know the database."""

    def environment(self) -> dict[str, str]:
        """Variables that lead AWS's SDKs to it."""
        url = f"http://{NAME}.{NAMESPACE}.svc.cluster.local:{AWS_PORT}"
        return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated"}

    def secret(self, *parts: str) -> str:
        """The value of a secret; the same for whoever asks for the same one."""
        return derived(self.seed, *parts)


def derived(seed: str, *parts: str) -> str:
    """A value that only who has the seed can work out."""
    return hmac.new(seed.encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:40]


def manifests(master: Sequence[str], seed: str) -> Iterator[Mapping[str, Any]]:
    """The objects, in the order in which they are to be made.

    Args:
        master: which secret the stack keeps the database master's password in, as `EmulatedAws.secret` is asked for it.
    """
    place = {"name": NAME, "namespace": NAMESPACE}
    values = {"master": derived(seed, *master), "owner": derived(seed, "owner"), "seed": seed}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": values}
    ports = [{"name": "aws", "port": AWS_PORT}, {"name": "database", "port": DATABASE_PORT}]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": place,
        "spec": {"selector": {"app.kubernetes.io/name": NAME}, "ports": ports},
    }
    labels = {"app.kubernetes.io/name": NAME}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": place,
        "spec": {
            "selector": {"matchLabels": labels},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels}, "spec": _pod()},
        },
    }


def way_out(namespace: str) -> Mapping[str, Any]:
    """What lets the pods of a namespace reach it, whatever other policies they have."""
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
    ports = [{"port": port, "protocol": "TCP"} for port in (AWS_PORT, DATABASE_PORT)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [there], "ports": ports}]},
    }


def _pod() -> dict[str, Any]:
    data, secrets, scratch = (
        {"name": "data", "mountPath": "/data"},
        {"name": "secrets", "mountPath": "/secrets", "readOnly": True},
        {"name": "scratch", "mountPath": "/tmp"},
    )
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    # Else moto takes the first part of its own name for a bucket's.
    path_style = [{"name": "S3_IGNORE_SUBDOMAIN_BUCKETNAME", "value": "true"}, {"name": "HOME", "value": "/tmp"}]
    aws = {
        "name": "aws",
        "image": MOTO,
        "command": ["moto_server", "-H", "0.0.0.0", "-p", str(AWS_PORT)],
        "env": path_style,
        "readinessProbe": {"httpGet": {"path": "/moto-api/", "port": AWS_PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "securityContext": own,
        "volumeMounts": [scratch],
    }
    certificate = {
        "name": "certificate",
        "image": MOTO,
        "command": ["python", "-c", _CERTIFICATE],
        "securityContext": own,
        "volumeMounts": [data, scratch],
    }
    database = {
        "name": "database",
        "image": POSTGRES,
        "command": ["/bin/sh", "-ec", _DATABASE],
        "readinessProbe": {"tcpSocket": {"port": DATABASE_PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": own,
        "volumeMounts": [data, secrets, scratch],
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [certificate],
        "containers": [aws, database],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "secrets", "secret": {"secretName": NAME}},
        ],
    }
