"""The features as Feast's objects."""

from collections.abc import Sequence
from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String

from pipelines.feature_views import MOMENT, View, views

_TYPES = {"integer": Int64, "number": Float64, "text": String}


def definitions(place: str) -> Sequence[Entity | FeatureView]:
    """Entities and views over the Parquet files of a place: a folder, or an address on S3."""
    found: list[Entity | FeatureView] = []
    for view in views().views:
        entity = Entity(name=view.entity, join_keys=[view.key], value_type=ValueType.STRING)
        found += [entity, _view(view, entity, place)]
    return found


def _view(view: View, entity: Entity, place: str) -> FeatureView:
    fields = [Field(name=one.name, dtype=_TYPES[one.type], description=one.description) for one in view.features]
    return FeatureView(
        name=view.name,
        entities=[entity],
        # No time to live: Feast would answer null for what is too old, where the loop must say so and stop.
        ttl=timedelta(0),
        # With the key's column Feast need not look into the file for it, which it could not do on S3.
        schema=[Field(name=view.key, dtype=String), *fields],
        source=FileSource(name=f"{view.name}_file", path=f"{place}/{view.file}", timestamp_field=MOMENT),
        online=True,
    )
