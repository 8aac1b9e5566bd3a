"""Slot: where features are kept for training and answered for online, so that a model is asked what it was taught."""

from typing import ClassVar

from components.surroundings import DependentConfig

FEATURES_ALLOWED = {"mlops.platform/features": "allowed"}
"""Label of a namespace whose pods may ask for features."""
METRICS = "MLOps/Features"
"""CloudWatch's namespace of what the job says that brings features online."""
EXPORT = "featureStore"
READ, WRITE = "read features", "write features"


class FeatureStoreConfig(DependentConfig):
    """Where features are kept for training, and answered for online."""

    exported: ClassVar[frozenset[str]] = frozenset({EXPORT})
