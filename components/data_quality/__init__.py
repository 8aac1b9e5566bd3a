"""Slot: what tables of the lake are held against, by the clock, and who hears when they are not what they should be."""

from components.surroundings import DependentConfig

METRICS = "MLOps/Quality"
"""CloudWatch's namespace of how good tables are."""


class DataQualityConfig(DependentConfig):
    """What tables of the lake are held against."""
