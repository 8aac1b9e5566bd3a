"""The way of Kubeflow Pipelines to its database: a real PgBouncer and a real PostgreSQL, where both are installed.

TLS is not seen here: the server of these tests answers on a socket alone, which has none.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pulumi
import pytest

from components.database.manifests import BOOTSTRAP_SQL, CREATES_DATABASES
from components.ml_platform.kubeflow import parts
from tests.components.test_database_bootstrap import MASTER, Postgres, postgres

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(not (PGBOUNCER and shutil.which("psql")), reason="PgBouncer is not installed here")

__all__ = ["postgres"]  # a fixture

Ask = Callable[[str, str], "subprocess.CompletedProcess[str]"]


class Known:
    """An output whose value is there."""

    def __init__(self, value: str) -> None:
        self._value = value

    def apply(self, function: Callable[[str], str]) -> str:
        return function(self._value)


@pytest.fixture(scope="module")
def ask(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks a database as the servers do: without TLS, by TCP, with the login's password."""
    assert postgres.bootstrap(parts.NAMESPACE, "pw").returncode == 0
    folder = tmp_path_factory.mktemp("pgbouncer")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    host = cast("pulumi.Output[str]", Known(str(postgres.folder)))
    text = cast(str, parts.pooler_ini(host))
    for before, after in {
        "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
        f"listen_port = {parts.DATABASE_PORT}": f"listen_port = {port}",
        "/run/pgbouncer": str(folder),
    }.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "pgbouncer.ini").write_text(text)
    (folder / "users.txt").write_text(f'"{parts.NAMESPACE}" "pw"\n')
    user = "postgres" if os.geteuid() == 0 else None
    for path in (folder, *folder.parents):
        if user and not path.stat().st_mode & 0o001:
            path.chmod(0o755)
    with subprocess.Popen(
        [str(PGBOUNCER), str(folder / "pgbouncer.ini")], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:

        def asked(database: str, statement: str) -> "subprocess.CompletedProcess[str]":
            address = f"host=127.0.0.1 port={port} user={parts.NAMESPACE} dbname={database} sslmode=disable"
            return subprocess.run(
                ["psql", "-X", "-tA", address, "-c", statement],
                env={**os.environ, "PGPASSWORD": "pw"},
                capture_output=True,
                text=True,
                check=False,
            )

        try:
            end = time.monotonic() + 20
            while asked("postgres", "SELECT 1").returncode and time.monotonic() < end:
                time.sleep(0.1)
            yield asked
        finally:
            process.terminate()


def test_the_database_that_only_the_master_may_open_stands_for_the_login_s_own(ask: Ask, postgres: Postgres) -> None:
    refused = postgres.psql(parts.NAMESPACE, "pw", "postgres", "SELECT 1")
    assert "permission denied for database" in refused.stderr
    assert ask("postgres", "SELECT current_database()").stdout == f"{parts.NAMESPACE}\n"


def test_databases_are_made_at_the_first_start_and_found_at_the_next(ask: Ask, postgres: Postgres) -> None:
    """What the API server runs whenever it starts; it goes on where the answer says that there is one."""
    assert "permission denied to create database" in ask("postgres", "CREATE DATABASE mlpipeline").stderr
    script = BOOTSTRAP_SQL + CREATES_DATABASES
    right = script.splitlines()[-1].replace(':"login"', parts.NAMESPACE)
    given: Any = postgres.psql(MASTER, "master", "postgres", right)
    assert given.returncode == 0, given.stderr
    assert ask("postgres", "CREATE DATABASE mlpipeline").returncode == 0
    assert "already exists" in ask("postgres", "CREATE DATABASE mlpipeline").stderr
    assert ask("mlpipeline", "CREATE TABLE runs (id int); SELECT current_database()").stdout.endswith("mlpipeline\n")


def test_a_wrong_password_is_refused(ask: Ask) -> None:
    # psql takes the password from the environment of `asked`; another user has none in the file.
    assert ask("mlpipeline user=somebody", "SELECT 1").returncode != 0
