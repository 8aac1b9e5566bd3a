"""The machine-learning loop: from events to a model that is gated, registered, deployed and watched."""

import os

# Before any of them is imported: they read it once. MLflow compares with "true", so "1" would not do.
for _name, _value in {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "FEAST_USAGE": "False",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)
