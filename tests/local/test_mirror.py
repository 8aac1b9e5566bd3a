"""What the stand-in cloud holds is truly made in the emulated AWS."""

import json
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import pytest

from localcloud.mirror import Mirror, MirrorError
from localcloud.world import Thing
from tests.local.conftest import Project, s3, signed

BUCKET, STREAM = "aws:s3/bucket:Bucket", "aws:kinesis/stream:Stream"
SECRET, PARAMETER = "aws:secretsmanager/secret:Secret", "aws:ssm/parameter:Parameter"
TABLE, VERSIONING = "aws:dynamodb/table:Table", "aws:s3/bucketVersioning:BucketVersioning"


def thing(type_: str, name: str, **inputs: object) -> Thing:
    outputs = {"bucket": name, "name": name}
    return Thing(
        type=type_, id=name, urn=f"urn:pulumi:x::x::{type_}::{name}", name=name, inputs=inputs, outputs=outputs
    )


EVERYTHING = (
    thing(BUCKET, "data-1a"),
    thing(VERSIONING, "data-1a", bucket="data-1a", versioningConfiguration={"status": "Enabled"}),
    thing(STREAM, "events-1a", streamModeDetails={"streamMode": "ON_DEMAND"}),
    thing(SECRET, "login-1a", description="a password"),
    thing(PARAMETER, "/app/setting", type="String", value="on"),
    thing(TABLE, "locks-1a", hashKey="id", attributes=[{"name": "id", "type": "S"}]),
    thing("aws:iam/role:Role", "nobody-asks"),
)


@pytest.fixture
def endpoint(running: Project) -> str:
    return str(running.part("aws").url)


def mirror(endpoint: str, running: Project) -> Mirror:
    return Mirror(endpoint, "us-east-1", running.stack.layout.data / "mirrored.json")


def ask(endpoint: str, service: str, action: str, **body: object) -> dict[str, object]:
    """Ask one of the JSON APIs, as any SDK would."""
    headers = {**signed(service), "X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(endpoint, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, object] = json.loads(answer.read())
        return found


def kinds(names: Iterable[str]) -> list[str]:
    return sorted(name.partition(" ")[0] for name in names)


def test_everything_that_services_use_is_made_once_with_its_deployed_name(running: Project, endpoint: str) -> None:
    first = mirror(endpoint, running).reconcile(EVERYTHING)
    assert kinds(first.made) == ["Bucket", "Parameter", "Secret", "Stream", "Table"]
    assert mirror(endpoint, running).reconcile(EVERYTHING).made == ()
    assert b"<Name>data-1a</Name>" in s3(endpoint)
    assert b"Enabled" in s3(f"{endpoint}/data-1a?versioning")
    assert ask(endpoint, "kinesis", "Kinesis_20131202.ListStreams")["StreamNames"] == ["events-1a"]
    parameter = ask(endpoint, "ssm", "AmazonSSM.GetParameter", Name="/app/setting")["Parameter"]
    assert isinstance(parameter, dict)
    assert parameter["Value"] == "on"
    assert ask(endpoint, "dynamodb", "DynamoDB_20120810.ListTables")["TableNames"] == ["locks-1a"]


def test_what_is_not_deployed_any_more_goes_with_all_that_is_in_it_and_nothing_else_goes(
    running: Project, endpoint: str
) -> None:
    mirror(endpoint, running).reconcile(EVERYTHING)
    s3(f"{endpoint}/data-1a/a%20key", "PUT", b"first")
    s3(f"{endpoint}/data-1a/a%20key", "PUT", b"second")
    s3(f"{endpoint}/a-bucket-of-mine", "PUT")
    done = mirror(endpoint, running).reconcile(())
    assert kinds(done.removed) == ["Bucket", "Parameter", "Secret", "Stream", "Table"]
    assert done.held == 0
    assert b"data-1a" not in s3(endpoint)
    assert b"a-bucket-of-mine" in s3(endpoint)


def test_a_refusal_is_told_in_the_emulators_own_words(running: Project, endpoint: str) -> None:
    with pytest.raises(MirrorError, match="The emulated AWS refuses PUT s3/b: The specified bucket is not valid"):
        mirror(endpoint, running).reconcile([thing(BUCKET, "b")])


def test_an_emulator_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(MirrorError, match=r"The emulated AWS at http://127\.0\.0\.1:9 does not answer"):
        Mirror("http://127.0.0.1:9", "us-east-1", tmp_path / "notes.json").reconcile(EVERYTHING)
