"""A real DVC with its remote on an emulated S3. Long: it installs DVC into an environment of its own."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.platforms import ROOT

UV = next(iter((ROOT / ".tools" / "uv" / "bin").glob("uv")), None) or shutil.which("uv")
MOTO = ROOT / "services" / ".venv" / "bin" / "python"
SERVE = (
    "import sys; from moto.server import ThreadedMotoServer; import time\n"
    "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start()\n"
    "print(server.get_host_and_port()[1], flush=True)\n"
    "sys.stdin.read(); server.stop()"
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not UV or not MOTO.exists(), reason="uv and the services' environment are not set up"),
]


def ran(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_data_set_is_put_into_the_lake_and_found_again_from_a_commit(tmp_path: Path) -> None:
    own = tmp_path / "environment"
    ran([str(UV), "venv", "-q", str(own)], tmp_path, {})
    ran([str(UV), "pip", "install", "-q", "--python", str(own / "bin" / "python"), "dvc[s3]==3.67.1"], tmp_path, {})
    dvc = str(own / "bin" / "dvc")
    server = subprocess.Popen([str(MOTO), "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        credentials = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "DVC_NO_ANALYTICS": "true",
        }
        make = f"import boto3; boto3.client('s3', endpoint_url='{url}').create_bucket(Bucket='artifacts')"
        ran([str(MOTO), "-c", make], tmp_path, credentials)
        team = tmp_path / "team"
        team.mkdir()
        ran(["git", "init", "-q"], team, {})
        ran([dvc, "init", "-q"], team, credentials)
        ran([dvc, "remote", "add", "-d", "lake", "s3://artifacts/dvc"], team, credentials)
        ran([dvc, "remote", "modify", "lake", "endpointurl", url], team, credentials)
        (team / "orders.csv").write_text("id,price\n1,3.5\n")
        ran([dvc, "add", "-q", "orders.csv"], team, credentials)
        ran([dvc, "push", "-q"], team, credentials)
        shutil.rmtree(team / ".dvc" / "cache")
        (team / "orders.csv").unlink()
        ran([dvc, "pull", "-q"], team, credentials)
        assert (team / "orders.csv").read_text() == "id,price\n1,3.5\n"
        look = (
            f"import boto3; client = boto3.client('s3', endpoint_url='{url}'); "
            "print([one['Key'] for one in client.list_objects_v2(Bucket='artifacts')['Contents']])"
        )
        assert "'dvc/files/md5/" in ran([str(MOTO), "-c", look], tmp_path, credentials)
    finally:
        assert server.stdin
        server.stdin.close()
        server.wait(30)
