"""The emulated AWS remembers: killed and started again, everything is as it was, down to version ids."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

Start = Callable[..., "Aws"]


class Aws:
    """One emulated AWS in a process of its own."""

    def __init__(self, journal: Path, port: int, file_bytes: int | None) -> None:
        self._port = port
        command = [sys.executable, "-m", "local_stack.aws", "--port", str(port), "--journal", str(journal)]
        self.process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "MOTO_ACCOUNT_ID": "000000000000"},
            preexec_fn=lambda: _limit(file_bytes) if file_bytes else None,
        )
        end = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert self.process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self._port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _limit(file_bytes: int) -> None:
    # Writing past it fails as on a full disk, once the signal that would come instead is ignored.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the emulated AWS on the test's own journal, as often as asked."""
    with socket.socket() as probe, ExitStack() as stack:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()

        def begin(file_bytes: int | None = None) -> Aws:
            aws = Aws(tmp_path / "journal", port, file_bytes)
            stack.callback(aws.kill)
            return aws

        yield begin


def versions(aws: Aws, bucket: str) -> list[tuple[str, str, int]]:
    """Key, version id and size of all versions in a bucket."""
    listed = aws.client("s3").list_object_versions(Bucket=bucket)
    return [(one["Key"], one["VersionId"], one["Size"]) for one in listed.get("Versions", [])]


def make_bucket(aws: Aws) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    return s3


def test_objects_events_secrets_and_version_ids_outlive_a_kill(start: Start) -> None:
    aws = start()
    s3, kinesis, secrets = make_bucket(aws), aws.client("kinesis"), aws.client("secretsmanager")
    s3.put_object(Bucket="data", Key="ünï/a b+c", Body=b"one")
    s3.put_object(Bucket="data", Key="ünï/a b+c", Body=b"two!", Metadata={"some_name": "value"})
    kinesis.create_stream(StreamName="events", ShardCount=2)
    records = [{"Data": b"%d" % number, "PartitionKey": str(number)} for number in range(100)]
    put = kinesis.put_records(StreamName="events", Records=records)["Records"]
    arn = secrets.create_secret(Name="login", SecretString="x")["ARN"]
    before = versions(aws, "data")
    aws.kill()

    again = start()
    assert versions(again, "data") == before
    got = again.client("s3").get_object(Bucket="data", Key="ünï/a b+c")
    assert (got["Body"].read(), got["Metadata"]) == (b"two!", {"some_name": "value"})
    assert again.client("secretsmanager").describe_secret(SecretId="login")["ARN"] == arn
    assert read_stream(again) == sorted((one["ShardId"], one["SequenceNumber"]) for one in put)


def read_stream(aws: Aws) -> list[tuple[str, str]]:
    kinesis = aws.client("kinesis")
    found = []
    for shard in kinesis.list_shards(StreamName="events")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
        found += [(shard["ShardId"], record["SequenceNumber"]) for record in records]
    return sorted(found)


def test_an_upload_in_parts_is_there_again_and_an_unfinished_one_can_be_finished(start: Start) -> None:
    aws = start()
    s3 = make_bucket(aws)
    part = b"x" * (5 * 1024 * 1024)
    done, open_ = (s3.create_multipart_upload(Bucket="data", Key=key)["UploadId"] for key in ("done", "open"))
    tags = {
        key: s3.upload_part(Bucket="data", Key=key, UploadId=upload, PartNumber=1, Body=part)["ETag"]
        for key, upload in (("done", done), ("open", open_))
    }
    finish(s3, "done", done, tags)
    aws.kill()
    again = start()
    finish(again.client("s3"), "open", open_, tags)
    assert [(key, size) for key, _, size in versions(again, "data")] == [("done", len(part)), ("open", len(part))]


def finish(s3: Any, key: str, upload: str, tags: dict[str, str]) -> None:
    parts = {"Parts": [{"ETag": tags[key], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="data", Key=key, UploadId=upload, MultipartUpload=parts)


def test_what_was_deleted_leaves_the_file_with_the_next_start(start: Start, tmp_path: Path) -> None:
    aws = start()
    s3 = make_bucket(aws)
    secret = b"a person's data " * 100_000
    version = s3.put_object(Bucket="data", Key="user", Body=secret)["VersionId"]
    s3.put_object(Bucket="data", Key="kept", Body=b"kept")
    s3.delete_object(Bucket="data", Key="user", VersionId=version)
    aws.kill()
    start().kill()
    assert b"a person's data" not in (tmp_path / "journal").read_bytes()
    assert (tmp_path / "journal").stat().st_size < 20_000
    assert [key for key, _, _ in versions(start(), "data")] == ["kept"]


def test_looking_and_probing_does_not_make_the_file_grow(start: Start, tmp_path: Path) -> None:
    aws = start()
    s3 = make_bucket(aws)
    aws.client("kinesis").create_stream(StreamName="events", ShardCount=1)
    size = (tmp_path / "journal").stat().st_size
    for _ in range(10):
        s3.list_buckets()
        s3.list_objects_v2(Bucket="data")
        read_stream(aws)
    assert (tmp_path / "journal").stat().st_size == size


def test_what_a_kill_has_torn_off_is_cut_away_and_the_rest_is_there(start: Start, tmp_path: Path) -> None:
    aws = start()
    s3 = make_bucket(aws)
    s3.put_object(Bucket="data", Key="whole", Body=b"1")
    s3.put_object(Bucket="data", Key="torn", Body=b"2" * 1000)
    aws.kill()
    journal = tmp_path / "journal"
    os.truncate(journal, journal.stat().st_size - 100)
    again = start()
    assert [key for key, _, _ in versions(again, "data")] == ["whole"]
    again.client("s3").put_object(Bucket="data", Key="after", Body=b"3")
    again.kill()
    assert [key for key, _, _ in versions(start(), "data")] == ["after", "whole"]


def test_on_a_full_disk_nothing_changes_and_the_message_says_so(start: Start) -> None:
    aws = start(file_bytes=100_000)
    s3 = make_bucket(aws)
    s3.put_object(Bucket="data", Key="fits", Body=b"1")
    with pytest.raises(ClientError, match="The disk of this machine is full: nothing was changed"):
        s3.put_object(Bucket="data", Key="too-large", Body=b"2" * 200_000)
    s3.put_object(Bucket="data", Key="fits-too", Body=b"3")
    before = versions(aws, "data")
    aws.kill()
    assert versions(start(), "data") == before
    assert [key for key, _, _ in before] == ["fits", "fits-too"]
