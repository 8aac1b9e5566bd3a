"""The emulated AWS that measurements run against."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3

from bench.fixtures import answers, free_port

_SERVICES = Path(__file__).resolve().parent.parent
_REGION = "us-east-1"
_ZONES = ("raw", "curated", "features", "artifacts")
_KEYS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": _REGION,
    "AWS_DEFAULT_REGION": _REGION,
}


def lake(aws: str) -> dict[str, str]:
    """Versioned buckets and a stream, by the variables that name them and the way to them."""
    s3 = boto3.client("s3", endpoint_url=aws, region_name=_REGION)
    for zone in _ZONES:
        s3.create_bucket(Bucket=f"bench-{zone}")
        s3.put_bucket_versioning(Bucket=f"bench-{zone}", VersioningConfiguration={"Status": "Enabled"})
    boto3.client("kinesis", endpoint_url=aws, region_name=_REGION).create_stream(StreamName="bench", ShardCount=1)
    buckets = {f"MLOPS_BUCKET_{zone.upper()}": f"bench-{zone}" for zone in _ZONES}
    return {**buckets, "MLOPS_STREAM": "bench", "AWS_ENDPOINT_URL": aws}


@contextlib.contextmanager
def emulated(folder: Path) -> Iterator[str]:
    """Address of S3 and Kinesis as the local stack has them, journal included; this process and its children have keys
    for them meanwhile, and no others."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "local_stack.aws", "--port", str(port), "--journal", str(folder / "journal")]
    with (folder / "aws.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **_KEYS, "PYTHONPATH": str(_SERVICES)},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while not answers(f"{url}/moto-api/"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the emulated AWS did not come up:\n{(folder / 'aws.log').read_text()[-2000:]}")
            time.sleep(0.1)
        with _variables(_KEYS):
            yield url
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
