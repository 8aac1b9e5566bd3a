"""The data lake on S3: bytes, JSON and tables by zone and key.

What a step leaves for another one lies here and nowhere else, so that a step runs as well in a pod of its own as
in one process with the others.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.errors import ServiceError
from pipelines.settings import Settings

Zone = Literal["raw", "curated", "features", "artifacts"]

_DELETE_LIMIT = 1_000
"""Objects that DeleteObjects takes at once."""


class Place(Protocol):
    """Where AWS is."""

    @property
    def region(self) -> str:
        """Its region."""

    @property
    def endpoint_url(self) -> str | None:
        """Its address, where that is not AWS's own."""


def client(service: str, settings: Place) -> Any:
    """A boto3 client at the settings' address."""
    config = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)
    return boto3.client(service, region_name=settings.region, endpoint_url=settings.endpoint_url, config=config)


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """An object with what tells its versions apart."""

    body: bytes
    etag: str
    age_seconds: float
    """Since it was written, by S3's own clock."""


class Lake:
    """The four buckets. Writing is atomic by object; deleting removes every version, for buckets are versioned."""

    def __init__(self, settings: Settings) -> None:
        self._client = client("s3", settings)
        self._buckets: dict[Zone, str] = {
            "raw": settings.bucket_raw,
            "curated": settings.bucket_curated,
            "features": settings.bucket_features,
            "artifacts": settings.bucket_artifacts,
        }

    def uri(self, zone: Zone, key: str) -> str:
        """The object's s3:// address."""
        return f"s3://{self._buckets[zone]}/{key}"

    def put(self, zone: Zone, key: str, data: bytes) -> str:
        """Write an object; returns its key.

        Raises:
            ServiceError: S3 refuses or does not answer.
        """
        self._call(zone, "put_object", Key=key, Body=data)
        return key

    def get(self, zone: Zone, key: str) -> bytes | None:
        """The object, or None where there is none."""
        try:
            body = self._call(zone, "get_object", Key=key)["Body"]
        except KeyError:
            return None
        data: bytes = body.read()
        return data

    def stamped(self, zone: Zone, key: str) -> Stamped | None:
        """The object with its ETag and age, or None where there is none."""
        try:
            found = self._call(zone, "get_object", Key=key)
        except KeyError:
            return None
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = (now - found["LastModified"]).total_seconds()
        return Stamped(body=found["Body"].read(), etag=found["ETag"], age_seconds=age)

    def put_if(self, zone: Zone, key: str, data: bytes, etag: str | None) -> str | None:
        """Write an object only where it is still the one of an ETag, or where there is none; returns the new ETag.

        None where somebody was faster.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            written = self._client.put_object(Bucket=self._buckets[zone], Key=key, Body=data, **condition)
        except ClientError as error:
            # Of AWS's: the condition does not hold, somebody writes right now, there is nothing that could match.
            if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                return None
            raise ServiceError(f"S3 refuses put_object on {self._buckets[zone]}: {error}") from None
        except BotoCoreError as error:
            raise ServiceError(f"S3 does not answer put_object on {self._buckets[zone]}: {error}") from None
        return str(written["ETag"])

    def need(self, zone: Zone, key: str) -> bytes:
        """The object.

        Raises:
            ServiceError: it is missing.
        """
        data = self.get(zone, key)
        if data is None:
            raise ServiceError(f"{self.uri(zone, key)} is missing: the step that writes it has to run first.")
        return data

    def keys(
        self, zone: Zone, prefix: str, *, before: datetime | None = None, since: datetime | None = None
    ) -> list[str]:
        """Keys below a prefix, sorted; only of objects written before a moment, or since one, where it is given."""
        return sorted(
            item["Key"]
            for page in self._pages(zone, "list_objects_v2", prefix)
            for item in page["Contents"]
            if (before is None or item["LastModified"] < before) and (since is None or item["LastModified"] >= since)
        )

    def by_age(self, zone: Zone, prefix: str) -> list[str]:
        """Keys below a prefix, the one that was written last at the end."""
        found = [item for page in self._pages(zone, "list_objects_v2", prefix) for item in page["Contents"]]
        return [item["Key"] for item in sorted(found, key=lambda item: (item["LastModified"], item["Key"]))]

    def delete(self, zone: Zone, *keys: str) -> int:
        """Remove objects with all their versions, so that nothing can be restored; returns how many versions went."""
        return sum(self._remove(zone, self._versions(zone, key, whole_key=True)) for key in keys)

    def delete_below(self, zone: Zone, prefix: str) -> int:
        """Remove everything below a prefix, all versions; returns how many versions went."""
        return self._remove(zone, self._versions(zone, prefix, whole_key=False))

    def replace(self, zone: Zone, key: str, data: bytes) -> None:
        """Write an object and remove its earlier versions: for content that must not come back."""
        earlier = self._versions(zone, key, whole_key=True)
        self.put(zone, key, data)
        # A bucket without versioning has one version called null, and the new object took its place.
        self._remove(zone, [version for version in earlier if version["VersionId"] != "null"])

    def delete_superseded(self, zone: Zone, prefix: str) -> int:
        """Remove what was replaced or deleted below a prefix, so that only what can be read is there."""
        gone = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for page in self._pages(zone, "list_object_versions", prefix)
            for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            # A marker that is the latest hides what is deleted with it.
            if not item["IsLatest"] or "Size" not in item
        ]
        return self._remove(zone, gone)

    def _versions(self, zone: Zone, prefix: str, *, whole_key: bool) -> list[dict[str, str]]:
        return [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for page in self._pages(zone, "list_object_versions", prefix)
            for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not whole_key or item["Key"] == prefix
        ]

    def _remove(self, zone: Zone, versions: list[dict[str, str]]) -> int:
        for start in range(0, len(versions), _DELETE_LIMIT):
            chunk = versions[start : start + _DELETE_LIMIT]
            refused = self._call(zone, "delete_objects", Delete={"Objects": chunk, "Quiet": True}).get("Errors", ())
            if refused:
                # S3 answers 200 all the same, and what should be gone would still be there.
                raise ServiceError(
                    f"S3 did not delete {len(refused)} of {len(chunk)} versions in {self._buckets[zone]}, the first "
                    f"being {refused[0]['Key']}: {refused[0].get('Message') or refused[0]['Code']}. The role needs "
                    "s3:DeleteObjectVersion."
                )
        return len(versions)

    def put_json(self, zone: Zone, key: str, value: object) -> str:
        """Write JSON."""
        return self.put(zone, key, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())

    def put_table(self, zone: Zone, key: str, table: pa.Table) -> str:
        """Write a table as Parquet."""
        return self.put(zone, key, parquet(table))

    def get_table(self, zone: Zone, key: str, columns: list[str] | None = None) -> pa.Table:
        """Read a Parquet table.

        Raises:
            ServiceError: it is missing.
        """
        return pq.read_table(io.BytesIO(self.need(zone, key)), columns=columns)

    def upload(self, zone: Zone, key: str, path: Path) -> str:
        """Copy a file of any size into the lake."""
        try:
            self._client.upload_file(str(path), self._buckets[zone], key)
        except (BotoCoreError, ClientError) as error:
            raise ServiceError(f"{path} could not be copied to {self.uri(zone, key)}: {error}") from None
        return key

    def download(self, zone: Zone, key: str, path: Path) -> Path:
        """Copy an object to a file.

        Raises:
            ServiceError: it is missing.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._client.download_file(self._buckets[zone], key, str(path))
        except (BotoCoreError, ClientError) as error:
            raise ServiceError(f"{self.uri(zone, key)} could not be read: {error}") from None
        return path

    def upload_folder(self, zone: Zone, prefix: str, folder: Path) -> list[str]:
        """Copy a folder's files; returns the keys."""
        return [
            self.upload(zone, f"{prefix}/{path.relative_to(folder).as_posix()}", path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def download_folder(self, zone: Zone, prefix: str, folder: Path) -> Path:
        """Copy everything below a prefix into a folder."""
        for key in self.keys(zone, prefix + "/"):
            self.download(zone, key, folder / key.removeprefix(prefix + "/"))
        return folder

    def _pages(self, zone: Zone, operation: str, prefix: str) -> Iterator[Any]:
        try:
            for page in self._client.get_paginator(operation).paginate(Bucket=self._buckets[zone], Prefix=prefix):
                page.setdefault("Contents", [])
                yield page
        except (BotoCoreError, ClientError) as error:
            raise ServiceError(f"{self.uri(zone, prefix)} cannot be listed: {error}") from None

    def _call(self, zone: Zone, operation: str, **arguments: object) -> Any:
        bucket = self._buckets[zone]
        try:
            return getattr(self._client, operation)(Bucket=bucket, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                raise KeyError(arguments.get("Key")) from None
            raise ServiceError(f"S3 refuses {operation} on {bucket}: {error}") from None
        except BotoCoreError as error:
            raise ServiceError(f"S3 does not answer {operation} on {bucket}: {error}") from None


def parquet(table: pa.Table) -> bytes:
    """The table as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
