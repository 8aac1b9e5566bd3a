"""The features that the reference workload computes, as `services/` defines them: what stores make tables of.

There is one definition, a file of the loop's own package, so that what trains and what is made for it cannot differ.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from mlops.core.config import Config

FILE = Path(__file__).parent.parent / "services" / "pipelines" / "feature_views.json"
MOMENT = "event_timestamp"
"""Column of every view with the moment as of which a row holds (`pipelines.feature_views`)."""

Type = Literal["integer", "number", "text"]


class Feature(Config):
    """One feature of an entity."""

    name: str
    type: Type
    description: str


class View(Config):
    """Features of one kind of entity, a row an entity."""

    name: str
    entity: str
    key: str
    """Column that says which entity a row is of."""
    file: str
    features: tuple[Feature, ...]

    @property
    def columns(self) -> Mapping[str, Type]:
        """Every column with its type: the key, the moment, the features."""
        return {self.key: "text", MOMENT: "text", **{one.name: one.type for one in self.features}}


class _Views(Config):
    project: str
    views: tuple[View, ...]


@cache
def views() -> tuple[View, ...]:
    """The views, in the file's order."""
    return _Views.model_validate_json(FILE.read_bytes()).views
