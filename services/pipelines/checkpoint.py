"""Checkpoint: Great Expectations over tables of the lake by the clock, with the result in the lake.

The share of expectations that hold says little of a table: one bad row fails one of them whole. What is judged is the
share of rows that break none, and that what is said of the whole table holds.
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow.csv as csv
import pyarrow.parquet as pq
from great_expectations import expectations as gxe
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipelines.errors import InputError, ServiceError
from pipelines.feature_views import MOMENT, View, views
from pipelines.lake import Lake, Zone

VARIABLE = "MLOPS_CHECKPOINTS"
"""What the platform's module data_quality is to check, as JSON."""
_PLACE = "quality/checkpoints/"


class Checkpoint(BaseModel):
    """One table and what is expected of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    zone: Zone
    folder: str | None = None
    """Folder that the table's files lie below; None looks at the whole zone."""
    file: str | None = None
    """What each of them is called; None takes every file of Parquet or CSV."""
    within_hours: int | None = None
    """Files written in that time are the table; None takes the newest file alone."""
    suite: str | None = None
    """Key of the suite in the zone artifacts, as Great Expectations writes one; None takes what the loop's own features
    are to be, found by the file's name."""
    least_percent: float = Field(default=95.0, ge=0, le=100)
    """Share of rows that break no expectation, in percent, below which the check fails."""


class Checked(BaseModel):
    """How a table fared."""

    model_config = ConfigDict(frozen=True)
    name: str
    rows: int
    percent: float | None
    """Rows that break no expectation; None without rows."""
    broken: tuple[str, ...]
    """Expectations that some row breaks, or the whole table, with the number of rows."""
    table_broken: tuple[str, ...]
    """Those of the whole table alone."""
    passed: bool
    report: str | None
    """Where Great Expectations' own result lies."""


def read(text: str) -> tuple[Checkpoint, ...]:
    """The checkpoints of the platform's variable.

    Raises:
        InputError: it is not what it should be.
    """
    try:
        return TypeAdapter(tuple[Checkpoint, ...]).validate_json(text)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, issue['loc'])) or 'all of it'}: {issue['msg']}" for issue in error.errors()]
        raise InputError(f"{VARIABLE} is no list of checkpoints:\n" + "\n".join(lines)) from None


def check(lake: Lake, checkpoint: Checkpoint, now: datetime) -> Checked:
    """Hold a table against its suite, and keep the result.

    Raises:
        InputError: there is no suite, or Great Expectations does not take it.
        ServiceError: an expectation cannot be evaluated on the table.
    """
    keys = _files(lake, checkpoint, now)
    table = pd.concat([_table(lake.need(checkpoint.zone, key), key) for key in keys]) if keys else pd.DataFrame()
    if not len(table):
        return Checked(
            name=checkpoint.name, rows=0, percent=None, broken=(), table_broken=(), passed=False, report=None
        )
    table = table.reset_index(drop=True)
    found = _run(checkpoint.name, _suite(lake, checkpoint, keys[0]), table)
    failing: set[int] = set()
    broken, whole = [], []
    for item in found["results"]:
        configuration, result = item["expectation_config"], item["result"]
        title = f"{configuration['type']} of {configuration['kwargs'].get('column', 'the table')}"
        if (item["exception_info"] or {}).get("raised_exception"):
            raise ServiceError(f"{checkpoint.name}: {title} cannot be evaluated on {keys[0]}.")
        if item["success"] and not result.get("unexpected_index_list"):
            continue
        rows = result.get("unexpected_index_list")
        if rows is None:
            whole.append(title)
        failing.update(rows or ())
        broken.append(title if rows is None else f"{title}: {len(rows)}")
    percent = 100 * (1 - len(failing) / len(table))
    report = f"{_PLACE}{checkpoint.name}/{now:%Y%m%dT%H%M%S}.json"
    lake.put_json("curated", report, {"checkpoint": checkpoint.model_dump(), "keys": keys, "validation": found})
    return Checked(
        name=checkpoint.name,
        rows=len(table),
        percent=percent,
        broken=tuple(broken),
        table_broken=tuple(whole),
        passed=percent >= checkpoint.least_percent and not whole,
        report=lake.uri("curated", report),
    )


def _files(lake: Lake, checkpoint: Checkpoint, now: datetime) -> list[str]:
    """Keys of the files that are the table."""
    below = f"{checkpoint.folder}/" if checkpoint.folder else ""
    endings = (f"/{checkpoint.file}",) if checkpoint.file else (".parquet", ".csv")
    hours = checkpoint.within_hours
    if hours is None:
        return [key for key in lake.by_age(checkpoint.zone, below) if f"/{key}".endswith(endings)][-1:]
    recent = lake.keys(checkpoint.zone, below, since=now - timedelta(hours=hours))
    return [key for key in recent if f"/{key}".endswith(endings)]


def _table(data: bytes, key: str) -> pd.DataFrame:
    if key.endswith(".parquet"):
        frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    else:
        frame = csv.read_csv(io.BytesIO(data)).to_pandas()
    return frame


def _suite(lake: Lake, checkpoint: Checkpoint, key: str) -> gx.ExpectationSuite:
    if checkpoint.suite is None:
        view = next((one for one in views().views if key.endswith(f"/{one.file}")), None)
        if view is None:
            raise InputError(
                f"{checkpoint.name} names no suite, and {key} is no table of the loop's own features; put a suite into "
                "the zone artifacts and name its key."
            )
        return gx.ExpectationSuite(name=checkpoint.name, expectations=_of(view))
    stored = lake.get("artifacts", checkpoint.suite)
    if stored is None:
        raise InputError(f"{checkpoint.name}: there is no suite at {lake.uri('artifacts', checkpoint.suite)}.")
    try:
        content: Mapping[str, Any] = json.loads(stored)
        suite = gx.ExpectationSuite(name=checkpoint.name, expectations=content["expectations"])
        # What it does not know it leaves out, and says so in its log alone.
        if len(suite.expectations) < len(content["expectations"]):
            raise ValueError("unknown expectations")
        return suite
    except Exception as error:
        # Great Expectations raises what it pleases on what it does not know.
        raise InputError(
            f"{checkpoint.name}: {lake.uri('artifacts', checkpoint.suite)} is no suite that Great Expectations "
            f"{gx.__version__} takes: {type(error).__name__}."
        ) from None


def _of(view: View) -> Sequence[gxe.Expectation]:
    """What a table of the loop's own features is to be."""
    columns = [view.key, MOMENT, *(one.name for one in view.features)]
    numbers = [one.name for one in view.features if one.type != "text"]
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=column) for column in columns),
        gxe.ExpectColumnValuesToBeUnique(column=view.key),
        *(gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0) for column in numbers),
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
    ]


def _run(name: str, suite: gx.ExpectationSuite, table: pd.DataFrame) -> dict[str, Any]:
    """What a checkpoint of Great Expectations says."""
    context = gx.get_context(mode="ephemeral")
    whole = (
        context.data_sources.add_pandas("lake").add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=whole, suite=context.suites.add(suite))
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            result_format={"result_format": "COMPLETE", "include_unexpected_rows": False},
        )
    )
    result = checkpoint.run(batch_parameters={"dataframe": table})
    (found,) = (json.loads(json.dumps(one.to_json_dict(), default=str)) for one in result.run_results.values())
    made: dict[str, Any] = found
    return made
