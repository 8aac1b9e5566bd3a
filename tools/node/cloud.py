"""What stands in for AWS beside the node: PostgreSQL for RDS, moto for the APIs. The node's DNS knows their names."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from node.places import CLOUD_ADDRESS, CLOUD_NAME, DATABASE_ADDRESS, SOCKET, Home
from node.processes import NodeError, enter, start, wait

MASTER, MASTER_PASSWORD = "mlops", "master-of-the-stand-in"
"""RDS's master is no superuser, and neither is this one."""
_OWNER, _OWNER_PASSWORD = "rdsadmin", "owner-of-the-stand-in"
_SERVER = """
listen_addresses = '{address}'
unix_socket_directories = '{folder}'
ssl = on
fsync = off
shared_buffers = 64MB
log_statement = all
"""
_ROLES = f"""
CREATE ROLE rds_superuser;
CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB PASSWORD '{MASTER_PASSWORD}' IN ROLE rds_superuser;
GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;
ALTER DATABASE postgres OWNER TO {MASTER};
ALTER DATABASE template1 OWNER TO {MASTER};
"""
_MAKE = """
import sys, boto3
s3, kinesis = boto3.client("s3"), boto3.client("kinesis")
for kind, name in (word.split("=", 1) for word in sys.argv[1:]):
    if kind == "bucket":
        s3.create_bucket(Bucket=name)
    elif name not in kinesis.list_streams()["StreamNames"]:
        kinesis.create_stream(StreamName=name, ShardCount=1)
"""

Described = Sequence[Mapping[str, Any]]
"""Resources of a stack, as `mlops plan --json` has them under `nodes`."""


def lacking(project: Path) -> list[str]:
    """Why the stand-ins cannot run here, a sentence each; nothing when they can."""
    why = []
    if _postgres() is None:
        why.append("The stand-in for RDS needs PostgreSQL (Debian: postgresql postgresql-client).")
    if not _services(project, "moto_server").exists():
        why.append("The stand-in for AWS needs the services' environment: `make services`.")
    return why


def up(home: Home, nodes: Described, project: Path) -> None:
    """Bring both up, with the stack's buckets and stream, and make its names resolve to them.

    Raises:
        NodeError: one does not start.
    """
    names = [node["outputs"]["address"] for node in nodes if node["type"] == "aws:rds/instance:Instance"]
    home.hosts.write_text(f"{CLOUD_ADDRESS} {CLOUD_NAME}\n" + "".join(f"{DATABASE_ADDRESS} {name}\n" for name in names))
    _database(home)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    # Else moto takes the first part of its own name for a bucket's.
    path_style = ["env", "S3_IGNORE_SUBDOMAIN_BUCKETNAME=true"]
    start(home, "cloud", [*path_style, str(_services(project, "moto_server")), "-H", CLOUD_ADDRESS, "-p", "443"])
    wait(home, "cloud", ["curl", "-fsS", f"http://{CLOUD_ADDRESS}:443/moto-api/"], 90)
    own = {"AWS_ENDPOINT_URL": f"http://{CLOUD_ADDRESS}:443", "AWS_DEFAULT_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "node", "AWS_SECRET_ACCESS_KEY": "node"}
    _said(
        enter(str(_services(project, "python")), "-c", _MAKE, *_kept(nodes)), environment={**environment, **own, **keys}
    )


def _kept(nodes: Described) -> Iterator[str]:
    """What holds data, as kind and name."""
    for node in nodes:
        if node["type"] == "aws:s3/bucket:Bucket":
            yield f"bucket={node['outputs']['bucket']}"
        elif node["type"] == "aws:kinesis/stream:Stream":
            yield f"stream={node['outputs']['name']}"


def _database(home: Home) -> None:
    """PostgreSQL over TLS, with RDS's roles."""
    programs = _postgres()
    if programs is None:
        raise NodeError("PostgreSQL is not installed.")
    # Not in the home, which its user may not be able to enter.
    folder = Path(SOCKET).parent / "database"
    made = not folder.exists()
    if made:
        folder.mkdir(mode=0o700)
        shutil.chown(folder, "postgres", "postgres")
        password = folder.parent / "owner"
        password.write_text(_OWNER_PASSWORD)
        password.chmod(0o644)
        of_database = ["-D", str(folder), "-U", _OWNER, f"--pwfile={password}", "-A", "scram-sha-256"]
        _said([*_as_postgres(), str(programs / "initdb"), *of_database, "-E", "UTF8", "--locale=C"])
        certificate = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
        _said(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rds", *certificate])
        for file in (folder / "server.key", folder / "server.crt"):
            shutil.chown(file, "postgres", "postgres")
            file.chmod(0o600)
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(_SERVER.format(address=DATABASE_ADDRESS, folder=folder))
        with (folder / "pg_hba.conf").open("a") as who:
            who.write("hostssl all all 0.0.0.0/0 scram-sha-256\n")
    start(home, "database", [*_as_postgres(), str(programs / "postgres"), "-D", str(folder)])
    wait(home, "database", ["pg_isready", "-h", DATABASE_ADDRESS], 30)
    if made:
        sql(home, _ROLES, user=_OWNER, password=_OWNER_PASSWORD)


def sql(home: Home, statements: str, *, user: str = MASTER, password: str = MASTER_PASSWORD) -> str:
    """What the database answers, a line a row."""
    command = ["psql", "-h", DATABASE_ADDRESS, "-U", user, "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1"]
    return _said(enter(*command), given=statements, environment={**os.environ, "PGPASSWORD": password})


def _postgres() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version that Debian's packages have brought."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return found[-1].parent if found and shutil.which("psql") and shutil.which("setpriv") else None


def _as_postgres() -> list[str]:
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _services(project: Path, program: str) -> Path:
    return project / "services" / ".venv" / "bin" / program


def _said(command: Sequence[str], *, given: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise NodeError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
