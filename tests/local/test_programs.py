"""What the local processes are told: the same names as in the cloud."""

import json
from pathlib import Path

from components.base.release import ReleaseConfig
from mlops.local import programs
from mlops.local.layout import Layout
from mlops.local.programs import StackSettings


def test_the_services_are_told_the_buckets_the_stream_and_how_a_model_takes_over(tmp_path: Path) -> None:
    outputs = {"buckets": {"raw": "raw-1", "artifacts": "artifacts-1"}, "stream": "events"}
    release = ReleaseConfig(strategy="canary")
    settings = StackSettings.of("eu-west-1", "000000000000", outputs, release.environment)
    ports = {"aws": 1, "mlflow": 2, "recommender": 3, "worker": 4}
    told = programs.environment(Layout(tmp_path), ports, settings, "token")
    assert (told["MLOPS_BUCKET_RAW"], told["MLOPS_STREAM"]) == ("raw-1", "events")
    assert json.loads(told["MLOPS_RELEASE"])["strategy"] == "canary"
