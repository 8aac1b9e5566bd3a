"""Columns of users, products and events: the one place that names them."""

from typing import Literal, get_args

import pyarrow as pa

EventType = Literal["view", "cart", "purchase"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
WEIGHTS: dict[str, float] = {"view": 1.0, "cart": 2.0, "purchase": 3.0}
"""How strongly an event says that a user wants a product."""

Kind = Literal["users", "products", "events"]

REQUIRED: dict[Kind, tuple[str, ...]] = {
    "users": ("user_id",),
    "products": ("product_id",),
    "events": ("user_id", "product_id", "event_type", "timestamp"),
}
OPTIONAL: dict[Kind, tuple[str, ...]] = {
    "users": ("email", "age_band", "consent"),
    "products": ("name", "category", "price"),
    "events": ("event_id",),
}

UNKNOWN = "unknown"
"""Stands for a group, a category or a name that nobody gave."""

USER_VIEW, PRODUCT_VIEW = "user_features", "product_features"
"""Names of the feature views."""

TIMESTAMP = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("product_id", pa.string()),
        ("event_type", pa.string()),
        ("timestamp", TIMESTAMP),
    ]
)
USERS = pa.schema(
    [("user_id", pa.string()), ("email_hash", pa.string()), ("age_band", pa.string()), ("consent", pa.bool_())]
)
"""As stored: the e-mail address is masked before anything is written."""
PRODUCTS = pa.schema(
    [("product_id", pa.string()), ("name", pa.string()), ("category", pa.string()), ("price", pa.float64())]
)
