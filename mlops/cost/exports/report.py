"""AWS's cost and usage report, as it is delivered: CSV, gzip or Parquet, in one part or several. Columns: the data
dictionary in the user guide of AWS Data Exports (Cost and Usage Report)."""

import csv
import gzip
import importlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops.core.usage import MONTH_HOURS
from mlops.cost.exports.observed import Billed, Export, ExportError, Owner

COUNTED = frozenset({"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"})
"""Types of lines that are use. Taxes, fees, credits, refunds and negations are not."""
GZIP, PARQUET, ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
"""First bytes of each kind of file."""
PARTS = (".csv", ".csv.gz", ".parquet")

_COLUMNS = {
    "service": ("lineItem/ProductCode", "line_item_product_code"),
    "usage_type": ("lineItem/UsageType", "line_item_usage_type"),
    "amount": ("lineItem/UsageAmount", "line_item_usage_amount"),
    "usd": ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    "start": ("lineItem/UsageStartDate", "line_item_usage_start_date"),
    "end": ("lineItem/UsageEndDate", "line_item_usage_end_date"),
}
_OPTIONAL = {
    "type": ("lineItem/LineItemType", "line_item_line_item_type"),
    "currency": ("lineItem/CurrencyCode", "line_item_currency_code"),
    "account": ("lineItem/UsageAccountId", "line_item_usage_account_id"),
    "unit": ("pricing/unit", "pricing_unit"),
    "region": ("product/region", "product_region_code", "product_region"),
}
_SEPARATE = re.compile(r"[^A-Za-z0-9]|(?<=[a-z])(?=[A-Z])")
"""Where a tag's name is parted in the names of columns: `CostCenter` is `cost_center`."""
_LONGEST = timedelta(days=1)
"""A report goes by the hour or the day. What is billed for a whole month at once says nothing of the window."""


def read(files: Iterable[Path], name: str, owner: Owner) -> Export:
    """The use in all parts of a report together, brought to a month.

    Raises:
        ExportError: a part is no report, or holds figures that cannot be.
    """
    return _together([row for file in files for row in _rows(file, owner)], name, owner)


def _rows(file: Path, owner: Owner) -> Iterator[Mapping[str, Any]]:
    content = file.read_bytes()
    if content.startswith(ZIP):
        raise ExportError(f"{file.name} is a ZIP archive: unpack it, and give what is in it.")
    if content.startswith(PARQUET):
        yield from _named(_parquet(file, owner), file, owner)
        return
    if content.startswith(GZIP):
        content = gzip.decompress(content)
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    yield from _named(reader, file, owner, reader.fieldnames or ())


def _parquet(file: Path, owner: Owner) -> list[Mapping[str, Any]]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ExportError(
            f"{file.name} is Parquet, which needs pyarrow; the platform does not install it by itself. "
            "Run `uv sync --extra parquet` (or `pip install pyarrow`), or have the report delivered as CSV."
        ) from None
    schema = parquet.read_schema(file)
    wanted = [name for names in _columns(owner).values() for name in names if name in schema.names]
    rows: list[Mapping[str, Any]] = parquet.read_table(file, columns=wanted).to_pylist()
    return rows or [dict.fromkeys(wanted)]


def _named(
    rows: Iterable[Mapping[str, Any]], file: Path, owner: Owner, given: Iterable[str] = ()
) -> Iterator[Mapping[str, Any]]:
    """Rows under our names for the columns."""
    rows = iter(rows)
    first = next(rows, None)
    present = set(given) or set(first or {})
    names: dict[str, str] = {}
    for ours, theirs in _columns(owner).items():
        found = next((name for name in theirs if name in present), None)
        if found is None and ours in _COLUMNS:
            raise ExportError(
                f"{file.name} is no cost and usage report: the column {theirs[0]} (or {theirs[1]}) is missing."
            )
        if found:
            names[ours] = found
    for row in [first, *rows] if first else []:
        if row[names["start"]] is not None:
            yield {ours: row[theirs] for ours, theirs in names.items()}


def _columns(owner: Owner) -> dict[str, tuple[str, ...]]:
    """Our name for each column -> its names in the two kinds of report; a tag's as AWS writes it in each."""
    tags = {
        f"tag {key}": (f"resourceTags/user:{key}", f"resource_tags_user_{_SEPARATE.sub('_', key).lower()}")
        for key in owner.tags
    }
    return _COLUMNS | _OPTIONAL | tags


def _owned(rows: list[Mapping[str, Any]], owner: Owner) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """The lines of the stack: by its tags where the report has them and some line carries them, and by its region."""
    notes: list[str] = []
    tagged = [row for row in rows if all(row.get(f"tag {key}") == value for key, value in owner.tags.items())]
    if any(f"tag {key}" in row for row in rows[:1] for key in owner.tags):
        words = ", ".join(f"{key}={value}" for key, value in owner.tags.items())
        if tagged:
            notes += [f"Lines that do not carry {words} were left out: {len(rows) - len(tagged)}."]
            rows = tagged
        else:
            notes += [f"No line carries {words}: all were taken for this stack's."]
    here = [row for row in rows if row.get("region") in (None, "", "global", owner.region)]
    if owner.region and here and len(here) < len(rows):
        notes += [f"Lines of other regions than {owner.region} were left out: {len(rows) - len(here)}."]
        rows = here
    return rows, tuple(notes)


def _together(rows: list[Mapping[str, Any]], name: str, owner: Owner) -> Export:
    counted, others = _owned([row for row in rows if "type" not in row or row["type"] in COUNTED], owner)
    window = _window(counted)
    if window is None:
        return Export()
    factor = MONTH_HOURS / (window.total_seconds() / 3600)
    sums: dict[tuple[str, str, str], list[float]] = {}
    for row in counted:
        amount, usd = float(row["amount"] or 0), float(row["usd"] or 0)
        if amount < 0:
            raise ExportError(f"{name}: {row['usage_type']} has a negative amount, {amount:g}.")
        if row.get("currency") not in (None, "", "USD"):
            raise ExportError(f"{name} is in {row['currency']}; prices here are in US dollars.")
        key = (str(row["service"]), str(row["usage_type"]), str(row.get("unit") or ""))
        totals = sums.setdefault(key, [0.0, 0.0])
        totals[0] += amount
        totals[1] += usd
    bill = tuple(
        Billed(service=service, usage_type=usage_type, unit=unit, amount=amount * factor, usd=usd * factor)
        for (service, usage_type, unit), (amount, usd) in sums.items()
    )
    return Export(bill=bill, notes=(*others, *_notes(rows, counted, window)))


def _window(rows: Iterable[Mapping[str, Any]]) -> timedelta | None:
    """From the first hour to the last, of lines by the hour or the day if there are any."""
    spans = [(_moment(row["start"]), _moment(row["end"])) for row in rows]
    spans = [span for span in spans if span[1] - span[0] <= _LONGEST] or spans
    if not spans:
        return None
    length = max(end for _, end in spans) - min(start for start, _ in spans)
    return length if length > timedelta() else None


def _notes(rows: list[Mapping[str, Any]], counted: list[Mapping[str, Any]], window: timedelta) -> Iterator[str]:
    left = sorted({str(row["type"]) for row in rows if "type" in row} - COUNTED)
    if left:
        count = sum(1 for row in rows if row["type"] not in COUNTED)
        yield f"{count} {'line is' if count == 1 else 'lines are'} no use and left out: {', '.join(left)}."
    for what, key in (("accounts", "account"), ("regions", "region")):
        found = sorted({str(row[key]) for row in counted if row.get(key)} - {"global"})
        if len(found) > 1:
            yield (
                f"The report holds {len(found)} {what} ({', '.join(found)}), and all of it was taken for this stack's. "
                "Filter it first if it is not."
            )
    if window < timedelta(days=7):
        yield f"The report covers {window.total_seconds() / 86400:.1f} days only; a month was reckoned from it."


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")).replace(tzinfo=None)
