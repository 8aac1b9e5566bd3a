"""Recommendations for many users as one table: the function that one machine and Spark both run.

It needs arrays and Arrow only, so that Spark's workers need neither MLflow nor the lake.
"""

from collections.abc import Iterable

import pyarrow as pa

from recommender.arrays import Mask
from recommender.model import Model

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("rank", pa.int32()),
        ("product_id", pa.string()),
        ("score", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def score(model: Model, users: Iterable[str], k: int, shown: Mask | None = None) -> pa.Table:
    """The k best products of each user, in the order of the users given; ties stand in the order of product ids.

    Args:
        shown: by product, whether it may be among them; all of them where it is not given.
    """
    found = [
        (user, rank, item.product_id, item.score, model.version)
        for user in users
        for rank, item in enumerate(model.recommend(user, k, shown=shown), 1)
    ]
    columns: Iterable[tuple[object, ...]] = zip(*found, strict=True) if found else [()] * len(SCHEMA)
    return pa.table([list(column) for column in columns], schema=SCHEMA)
