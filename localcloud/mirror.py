"""Makes what the stand-in cloud only pretends, where an emulated AWS is at hand: buckets, streams, secrets, parameters
and tables get the names that the program's outputs say, on a server that answers AWS's APIs on loopback.

Plain HTTP without signatures, which the emulator does not check: no AWS SDK is needed for five kinds of things.
"""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from localcloud.world import Thing

_TIMEOUT_SECONDS = 30
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


class MirrorError(Exception):
    """The emulated AWS did not take something. One sentence with the thing, and its own words."""


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """What a reconciliation did, as `Bucket storage-raw-1049aef`."""

    made: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    held: int = 0
    """How many things are there now."""


class Mirror:
    """The emulated AWS of one stack."""

    def __init__(self, endpoint: str, region: str, notes: Path) -> None:
        """
        Args:
            endpoint: `http://127.0.0.1:5555`.
            notes: a file that holds what was made here, so that nothing else is ever removed.
        """
        self._aws = _Aws(endpoint, region)
        self._notes = notes

    def reconcile(self, things: Iterable[Thing]) -> Mirrored:
        """Make what is missing and remove what was made here and is not wanted any more.

        Raises:
            MirrorError: the emulated AWS refuses or does not answer.
        """
        wanted: dict[str, list[Thing]] = {type_: [] for type_ in _KINDS}
        versioned = set()
        for thing in things:
            if thing.type in wanted:
                wanted[thing.type].append(thing)
            elif thing.type == _VERSIONING:
                enabled = (thing.inputs.get("versioningConfiguration") or {}).get("status") == "Enabled"
                versioned |= {str(thing.inputs.get("bucket"))} if enabled else set()
        ours = self._read_notes()
        made, removed = [], []
        for type_, (name_key, kind) in _KINDS.items():
            names = {str(thing.outputs.get(name_key) or thing.id): thing for thing in wanted[type_]}
            outdated = set(ours.get(type_, ())) - names.keys()
            if not names and not outdated:
                continue
            service = kind(self._aws)
            there = service.names()
            for name in sorted(outdated & there):
                service.remove(name)
                removed.append(f"{type_.rpartition(':')[2]} {name}")
            for name in sorted(names.keys() - there):
                service.make(name, names[name].inputs)
                made.append(f"{names[name].noun} {name}")
            if isinstance(service, _Buckets):
                service.version(versioned & names.keys())
            ours[type_] = sorted(names)
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        self._notes.write_text(json.dumps(ours))
        return Mirrored(made=tuple(made), removed=tuple(removed), held=sum(map(len, ours.values())))

    def _read_notes(self) -> dict[str, list[str]]:
        if not self._notes.exists():
            return {}
        notes: dict[str, list[str]] = json.loads(self._notes.read_text())
        return notes


@dataclass(frozen=True)
class _Aws:
    """Requests to the emulator."""

    endpoint: str
    region: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def target(self, service: str, action: str, **body: Any) -> dict[str, Any]:
        """Call one of the APIs that speak JSON; `action` is the whole target, as `Kinesis_20131202.ListStreams`."""
        headers = {"X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.1"}
        answer = self.send(service, "POST", "/", json.dumps(body).encode(), headers)
        parsed: dict[str, Any] = json.loads(answer or b"{}")
        return parsed

    def send(
        self, service: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        # The scope tells the emulator service and region; nobody looks at the signature.
        scope = f"Credential=local/20260101/{self.region}/{service}/aws4_request"
        everything = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/xml",
            **(headers or {}),
        }
        request = Request(self.endpoint + path, data=body or None, headers=everything, method=method)
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            text = error.read().decode(errors="replace")
            raise MirrorError(f"The emulated AWS refuses {method} {service}{path}: {_message(text) or error}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise MirrorError(f"The emulated AWS at {self.endpoint} does not answer: {reason}.") from None


def _message(text: str) -> str:
    """What an error says, from JSON or XML."""
    try:
        body = json.loads(text)
        return str(body.get("message") or body.get("Message") or text)
    except ValueError:
        start, _, rest = text.partition("<Message>")
        return rest.partition("</Message>")[0] if rest else start[:300]


class _Service:
    def __init__(self, aws: _Aws) -> None:
        self._aws = aws

    def names(self) -> set[str]:
        """What is there."""
        raise NotImplementedError

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        """Make one thing."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Remove one thing, whatever is in it."""
        raise NotImplementedError


class _Buckets(_Service):
    def names(self) -> set[str]:
        return set(_texts(self._send("GET", "/"), "Bucket/Name"))

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        region = self._aws.region
        place = (
            f"<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
        self._send("PUT", f"/{name}", b"" if region == "us-east-1" else place.encode())

    def version(self, names: Iterable[str]) -> None:
        """Keep versions in these buckets, where that is not so already."""
        for name in sorted(names):
            if b"Enabled" not in self._send("GET", f"/{name}?versioning"):
                body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
                self._send("PUT", f"/{name}?versioning", body)

    def remove(self, name: str) -> None:
        while True:
            page = self._send("GET", f"/{name}?versions")
            found = [*_pairs(page, "Version"), *_pairs(page, "DeleteMarker")]
            for key, version in found:
                self._send("DELETE", f"/{name}/{quote(key)}?versionId={quote(version)}")
            if not found:
                break
        self._send("DELETE", f"/{name}")

    def _send(self, method: str, path: str, body: bytes = b"") -> bytes:
        return self._aws.send("s3", method, path, body)


class _Streams(_Service):
    def names(self) -> set[str]:
        return set(self._call("ListStreams")["StreamNames"])

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        mode = (inputs.get("streamModeDetails") or {}).get("streamMode", "PROVISIONED")
        size = {} if mode == "ON_DEMAND" else {"ShardCount": int(inputs.get("shardCount") or 1)}
        self._call("CreateStream", StreamName=name, StreamModeDetails={"StreamMode": mode}, **size)
        hours = int(inputs.get("retentionPeriod") or 24)
        if hours > 24:
            self._call("IncreaseStreamRetentionPeriod", StreamName=name, RetentionPeriodHours=hours)

    def remove(self, name: str) -> None:
        self._call("DeleteStream", StreamName=name, EnforceConsumerDeletion=True)

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        return self._aws.target("kinesis", f"Kinesis_20131202.{action}", **body)


class _Secrets(_Service):
    """Secrets come without a value, as the program makes them: whoever owns a value puts it."""

    def names(self) -> set[str]:
        return {secret["Name"] for secret in self._call("ListSecrets", MaxResults=100)["SecretList"]}

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        self._call("CreateSecret", Name=name, Description=str(inputs.get("description") or ""))

    def remove(self, name: str) -> None:
        self._call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        return self._aws.target("secretsmanager", f"secretsmanager.{action}", **body)


class _Parameters(_Service):
    def names(self) -> set[str]:
        return {one["Name"] for one in self._call("DescribeParameters", MaxResults=50)["Parameters"]}

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        value = inputs.get("value") or inputs.get("insecureValue") or "-"
        self._call("PutParameter", Name=name, Type=str(inputs.get("type") or "String"), Value=str(value))

    def remove(self, name: str) -> None:
        self._call("DeleteParameter", Name=name)

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        return self._aws.target("ssm", f"AmazonSSM.{action}", **body)


class _Tables(_Service):
    def names(self) -> set[str]:
        return set(self._call("ListTables")["TableNames"])

    def make(self, name: str, inputs: Mapping[str, Any]) -> None:
        indexes = [
            {
                "IndexName": index["name"],
                "KeySchema": _key_schema(index),
                "Projection": {"ProjectionType": index.get("projectionType", "ALL")},
            }
            for index in inputs.get("globalSecondaryIndexes") or ()
        ]
        self._call(
            "CreateTable",
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": one["name"], "AttributeType": one["type"]} for one in inputs.get("attributes") or ()
            ],
            KeySchema=_key_schema(inputs),
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )

    def remove(self, name: str) -> None:
        self._call("DeleteTable", TableName=name)

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        return self._aws.target("dynamodb", f"DynamoDB_20120810.{action}", **body)


def _key_schema(inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    keys = (("HASH", inputs.get("hashKey")), ("RANGE", inputs.get("rangeKey")))
    return [{"AttributeName": str(name), "KeyType": kind} for kind, name in keys if name]


def _elements(document: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(document)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _texts(document: bytes, path: str) -> list[str]:
    return [element.text or "" for element in _elements(document).findall(f".//{path}")]


def _pairs(document: bytes, tag: str) -> list[tuple[str, str]]:
    found = _elements(document).findall(f".//{tag}")
    return [(one.findtext("Key") or "", one.findtext("VersionId") or "null") for one in found]


_KINDS: dict[str, tuple[str, Callable[[_Aws], _Service]]] = {
    "aws:s3/bucket:Bucket": ("bucket", _Buckets),
    "aws:kinesis/stream:Stream": ("name", _Streams),
    "aws:secretsmanager/secret:Secret": ("name", _Secrets),
    "aws:ssm/parameter:Parameter": ("name", _Parameters),
    "aws:dynamodb/table:Table": ("name", _Tables),
}
"""Type -> the output that holds the name, and how it is made."""
