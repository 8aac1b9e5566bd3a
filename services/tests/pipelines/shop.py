"""A shop for tests: settings, a clock that stands still, and the few things that tests do with a lake."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.generator import Generated, Sample, generate, write
from pipelines.ingest import Ingested, drop_files, ingest
from pipelines.loop import Context, LoopOptions
from pipelines.privacy import PrivacyRules
from pipelines.quality import QualityRules
from pipelines.runner import run_loop
from pipelines.settings import Settings
from pipelines.tracking import CHAMPION, Version
from pipelines.validate import Validated, validate

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The newest event of every sample."""
NOW = END.replace(minute=1)

PRODUCTS = "product_id,name,category,price\np1,Cup,kitchen,3.5\np2,Hat,garden,9\n"
USERS = "user_id,email,age_band,consent\nana,ana@example.com,18-34,true\nbo,bo@example.com,55+,true\n"
HEADER = "event_id,user_id,product_id,event_type,timestamp\n"


def made(**sample: Any) -> Generated:
    """A sample whose newest event is at END."""
    return generate(Sample(**{"end": END, **sample}))


@dataclass
class Shop:
    """One platform."""

    settings: Settings
    folder: Path
    now: datetime = NOW

    def context(self, options: LoopOptions | None = None, run: str = "test") -> Context:
        """A context of this shop."""
        return Context(self.settings, options or LoopOptions(), run, lambda: self.now)

    def fill(self, generated: Generated, *, parquet: bool = False) -> None:
        """Put generated tables into the inbox."""
        drop_files(self.context().lake, write(generated, self.folder / "generated", parquet=parquet))

    def drop(self, **files: str | bytes) -> None:
        """Put texts into the inbox as CSV files."""
        folder = self.folder / "dropped"
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, text in files.items():
            paths.append(folder / f"{name}.csv")
            paths[-1].write_bytes(text.encode() if isinstance(text, str) else text)
        drop_files(self.context().lake, paths)

    def drop_events(self, *rows: str) -> None:
        """Two known users, two known products, and these events."""
        self.drop(users=USERS, products=PRODUCTS, events=HEADER + "".join(f"{row}\n" for row in rows))

    def ingest(self, *, assume_consent: bool = False, privacy: PrivacyRules | None = None) -> Ingested:
        """Run the step."""
        found = self.context(LoopOptions(privacy=privacy or PrivacyRules()))
        return ingest(found.raw, found.stream, self.now, assume_consent=assume_consent)

    def validate(self, rules: QualityRules | None = None, *, assume_consent: bool = False) -> Validated:
        """Ingest and validate."""
        taken = self.ingest(assume_consent=assume_consent)
        return validate(self.context().raw, taken, rules or QualityRules(), self.now)

    def person(self, user_id: str) -> str:
        """What the lake calls a user."""
        return self.context().raw.masker.pseudonyms.of(user_id)

    def events(self) -> list[dict[str, Any]]:
        """All events of the raw lake."""
        raw = self.context().raw
        keys = [key for batch in raw.batches() for key in raw.parts(batch.name)]
        return [row for key in keys for row in raw.lake.get_table("raw", key).to_pylist()]

    def loop(self, options: LoopOptions | None = None, *, fresh: bool = False) -> dict[str, Any]:
        """Run the loop."""
        return run_loop(self.settings, options or LoopOptions(), fresh=fresh, clock=lambda: self.now)

    def champion(self) -> Version:
        """The version that serves."""
        found = self.context().tracking.aliased(CHAMPION)
        assert found is not None
        return found

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Every version of every object in the four buckets."""
        client = self.context().lake._client
        names = self.settings
        for bucket in (names.bucket_raw, names.bucket_curated, names.bucket_features, names.bucket_artifacts):
            for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for item in page.get("Versions", ()):
                    body = client.get_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])["Body"]
                    data = body.read()
                    yield f"{bucket}/{item['Key']}", gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data

    def naming(self, text: str) -> list[str]:
        """Objects of which any version holds the text: in a column of a table, or anywhere in another file."""
        return [
            name
            for name, body in self.objects()
            if (_in_table(body, text) if body.startswith(b"PAR1") else text.encode() in body)
        ]


def _in_table(body: bytes, text: str) -> bool:
    table = pq.read_table(io.BytesIO(body))
    strings = [column for column in table.columns if pa.types.is_string(column.type)]
    return any(pc.any(pc.match_substring(column, text)).as_py() for column in strings)
