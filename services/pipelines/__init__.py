"""The machine-learning loop: from events to a model that is gated, registered, deployed and watched."""

import os

# Before any of them is imported: they read it once. MLflow compares with "true", so "1" would not do.
for _name, _value in {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    # Its default waits for minutes before it says that nobody answers.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    # It would print addresses into the command's own answer, and copy the lock file of whatever folder it runs in.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    # Progress bars of a thousand small downloads tell nothing.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}.items():
    os.environ.setdefault(_name, _value)
