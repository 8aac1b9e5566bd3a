"""The features as they are defined: the one description that Feast, SageMaker and the platform's tables are made of.

It is a file, so that what makes tables and feature groups for them reads it without this package.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).parent / "feature_views.json"
MOMENT = "event_timestamp"
"""Column of every view with the moment as of which a row holds."""


class Feature(BaseModel):
    """One feature of an entity."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    type: Literal["integer", "number", "text"]
    description: str


class View(BaseModel):
    """Features of one kind of entity, a row an entity."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    entity: str
    key: str
    """Column that says which entity a row is of."""
    file: str
    """Parquet file of a snapshot's features."""
    features: tuple[Feature, ...]


class Views(BaseModel):
    """All views of a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    project: str
    views: tuple[View, ...]


@cache
def views() -> Views:
    """What the file says."""
    return Views.model_validate_json(FILE.read_bytes())
