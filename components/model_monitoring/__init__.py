"""Slot: who looks at what models are asked and answer, and says when that is no longer what they were trained on."""

from components.surroundings import DependentConfig

METRICS = "MLOps/Models"
"""CloudWatch's namespace of what reports on models say."""
OBSERVE = "observe models"


class ModelMonitoringConfig(DependentConfig):
    """Who looks at what models are asked and answer."""
