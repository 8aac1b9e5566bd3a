"""Slot: where versions of data sets lie that people name in Git."""

from components.surroundings import DependentConfig

VERSION = "version data"


class DataVersioningConfig(DependentConfig):
    """Where versions of data sets lie that people name in Git."""
