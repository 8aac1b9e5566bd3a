"""The features, as Feast definitions: the one description that training, evaluation and serving share."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String

from pipelines.schema import PRODUCT_VIEW, USER_VIEW

USER = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
PRODUCT = Entity(name="product", join_keys=["product_id"], value_type=ValueType.STRING)

USER_FIELDS = (
    Field(name="events", dtype=Int64, description="Events of the user in the snapshot."),
    Field(name="purchases", dtype=Int64, description="Purchases among the events."),
    Field(name="favourite_category", dtype=String, description="Category with the greatest weight."),
    Field(name="age_band", dtype=String, description="The group that fairness is judged by."),
)
PRODUCT_FIELDS = (
    Field(name="popularity", dtype=Float64, description="Sum over users of the strongest interaction's weight."),
    Field(name="events", dtype=Int64, description="Events of the product in the snapshot."),
    Field(name="purchases", dtype=Int64, description="Purchases among the events."),
    Field(name="category", dtype=String, description="Category of the catalogue."),
)


def definitions(folder: Path) -> Sequence[Entity | FeatureView]:
    """Entities and views over the Parquet files of a folder."""
    return (
        USER,
        PRODUCT,
        _view(USER_VIEW, USER, USER_FIELDS, folder / "users.parquet"),
        _view(PRODUCT_VIEW, PRODUCT, PRODUCT_FIELDS, folder / "products.parquet"),
    )


def _view(name: str, entity: Entity, fields: tuple[Field, ...], path: Path) -> FeatureView:
    source = FileSource(name=f"{name}_file", path=str(path), timestamp_field="event_timestamp")
    # No time to live: Feast would answer null for what is too old, where the loop must say so and stop.
    return FeatureView(name=name, entities=[entity], ttl=timedelta(0), schema=list(fields), source=source, online=True)
