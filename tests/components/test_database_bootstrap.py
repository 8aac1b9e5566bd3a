"""What the bootstrap job does to a database, seen on a real PostgreSQL where one is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.database.manifests import BOOTSTRAP_COMMAND, BOOTSTRAP_SQL

SERVER = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
"""Debian keeps the server's programs off the PATH."""
INITDB = shutil.which("initdb") or (str(SERVER) if SERVER else None)

pytestmark = pytest.mark.skipif(not (INITDB and shutil.which("psql")), reason="PostgreSQL is not installed here")

MASTER = "platform_admin"


@dataclass(frozen=True)
class Postgres:
    """A server that listens on a socket in its own folder, and nowhere else."""

    folder: Path

    def psql(self, user: str, password: str, database: str, statement: str) -> "subprocess.CompletedProcess[str]":
        command = ["psql", "-X", "-tA", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", user, "-d", database]
        environment = {**os.environ, "PGPASSWORD": password}
        return subprocess.run([*command, "-c", statement], env=environment, capture_output=True, text=True, check=False)

    def bootstrap(self, login: str, password: str) -> "subprocess.CompletedProcess[str]":
        """Run the job's command as the job does: a shell without a terminal, the script where it mounts it."""
        script = self.folder / "bootstrap.sql"
        script.write_text(BOOTSTRAP_SQL)
        environment = {
            **os.environ,
            "PGHOST": str(self.folder),
            "PGDATABASE": "postgres",
            "PGUSER": MASTER,
            "PGPASSWORD": "master",
            "LOGIN": login,
            "LOGIN_PASSWORD": password,
        }
        command = BOOTSTRAP_COMMAND.replace("/bootstrap/bootstrap.sql", str(script))
        return subprocess.run(
            ["/bin/sh", "-ec", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """As on RDS: a superuser that nobody has, and a master that may make roles and databases but is none."""
    assert INITDB
    folder = tmp_path_factory.mktemp("pg")
    # The server refuses to run as root; its folder must then be its own.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
                path.chmod(0o755)
        shutil.chown(folder, user)
    (folder / "superuser").write_text("super")
    server = str(Path(INITDB).with_name("pg_ctl"))
    authentication = ["-A", "scram-sha-256", "-U", "rdsadmin", f"--pwfile={folder}/superuser"]
    options = f"-k {folder} -c listen_addresses= -c log_statement=all -c fsync=off"
    data = ["-D", f"{folder}/data"]
    subprocess.run([INITDB, *data, *authentication], user=user, check=True, stdout=subprocess.DEVNULL)
    start = [server, *data, "-w", "-o", options, "-l", f"{folder}/log", "start"]
    subprocess.run(start, user=user, check=True, stdout=subprocess.DEVNULL)
    made = Postgres(folder)
    try:
        for statement in (
            f"CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE PASSWORD 'master'",
            f"ALTER DATABASE postgres OWNER TO {MASTER}",
        ):
            assert made.psql("rdsadmin", "super", "postgres", statement).returncode == 0
        yield made
    finally:
        subprocess.run([server, *data, "-m", "immediate", "stop"], user=user, check=False, stdout=subprocess.DEVNULL)


def test_a_consumer_owns_its_database_and_is_nobody_special(postgres: Postgres) -> None:
    assert postgres.bootstrap("owner", "first").returncode == 0
    assert postgres.psql("owner", "first", "owner", "CREATE TABLE t (a int)").returncode == 0
    attributes = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
    answer = postgres.psql("owner", "first", "owner", f"{attributes} WHERE rolname = 'owner'")
    assert answer.stdout.strip() == "f|f|f|f|f"


def test_a_consumer_sees_no_database_but_its_own(postgres: Postgres) -> None:
    assert postgres.bootstrap("one", "a").returncode == 0
    assert postgres.bootstrap("other", "b").returncode == 0
    for database in ("other", "postgres"):
        refused = postgres.psql("one", "a", database, "SELECT 1")
        assert "permission denied for database" in refused.stderr


def test_a_second_run_keeps_the_data_and_sets_the_password_of_the_secret(postgres: Postgres) -> None:
    assert postgres.bootstrap("again", "old").returncode == 0
    assert postgres.psql("again", "old", "again", "CREATE TABLE kept (a int)").returncode == 0
    assert postgres.bootstrap("again", "new").returncode == 0
    assert postgres.psql("again", "new", "again", "SELECT count(*) FROM kept").stdout.strip() == "0"
    assert postgres.psql("again", "old", "again", "SELECT 1").returncode != 0


def test_no_password_is_in_the_servers_log_or_in_the_jobs_output(postgres: Postgres) -> None:
    done = postgres.bootstrap("quiet", "Unmistakable1234")
    assert done.returncode == 0
    assert "CREATE ROLE quiet" in postgres.log()
    for text in (done.stdout, done.stderr, postgres.log()):
        assert "Unmistakable1234" not in text


def test_the_master_keeps_no_rights_on_a_consumers_data(postgres: Postgres) -> None:
    assert postgres.bootstrap("private", "p").returncode == 0
    assert postgres.psql("private", "p", "private", "CREATE TABLE secrets (a int)").returncode == 0
    members = "SELECT count(*) FROM pg_auth_members WHERE roleid = 'private'::regrole AND NOT admin_option"
    assert postgres.psql(MASTER, "master", "postgres", members).stdout.strip() == "0"


def test_an_empty_password_opens_no_door(postgres: Postgres) -> None:
    assert postgres.bootstrap("empty", "").returncode == 0
    assert postgres.psql("empty", "", "empty", "SELECT 1").returncode != 0


def test_the_job_fails_loudly_when_the_database_is_out_of_reach(postgres: Postgres) -> None:
    away = Postgres(postgres.folder / "nowhere")
    away.folder.mkdir(exist_ok=True)
    assert away.bootstrap("lost", "x").returncode != 0
