"""Slot: where experiments are tracked beside the ML platform, for teams that have them there already."""

from components.surroundings import DependentConfig

LOG = "log experiments"


class ExperimentTrackingConfig(DependentConfig):
    """Where experiments are tracked beside the ML platform."""
