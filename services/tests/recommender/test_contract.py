"""Generated requests against a real process with a real stream: every answer is one that the API documents."""

import subprocess
import sys
from pathlib import Path

from bench.fixtures import ServiceProcess, service

# That a shape fits its data is beyond JSON schema: 400 is right for a tensor that only looks valid. A time in the
# future is refused the same way, and a band of prices whose end is below its start; to filter a catalogue is missing.
_CONFIG = """
[[operations]]
include-path = "/v2/models/{name}/infer"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]

[[operations]]
include-path = "/v2/models/{name}/versions/{version}/infer"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]

[[operations]]
include-path = "/recommendations/{user_id}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-path = "/invocations"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 409, 422]

[[operations]]
include-path = "/events"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]
"""


def test_no_route_answers_whoever_says_nothing_or_something_wrong(saved: Path, tmp_path: Path) -> None:
    told = {"MLOPS_MODEL_PATH": str(saved), "MLOPS_ADMIN_TOKEN": "s3cret", "MLOPS_EXPOSED": "true"}
    limits = {"MLOPS_RATE_LIMIT": "0", "MLOPS_KEY_RATE_LIMIT": "0"}
    with service({**told, **limits, "MLOPS_API_KEYS": f"shop:visitor:{'0' * 64}"}, tmp_path) as process:
        process.wait()
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{process.url}/openapi.json"]
        options = ["--seed", "4", "--max-examples", "3", "--no-color", "--checks", "ignored_auth"]
        header = ["-H", "Authorization: Bearer s3cret", "--phases", "fuzzing"]
        found = subprocess.run([*command, *options, *header], capture_output=True, text=True, cwd=tmp_path, timeout=170)
    assert found.returncode == 0, found.stdout[-6000:]
    assert "Operations:       18 selected" in found.stdout


def test_every_answer_to_generated_requests_is_as_documented(streaming: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(_CONFIG)
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{streaming.url}/openapi.json"]
    options = ["--seed", "4", "--max-examples", "25", "--workers", "1", "--no-color", "--phases", "coverage,fuzzing"]
    header = ["-H", "Authorization: Bearer s3cret"]
    found = subprocess.run([*command, *options, *header], capture_output=True, text=True, cwd=tmp_path, timeout=170)
    assert found.returncode == 0, found.stdout[-6000:]
    assert "Operations:       18 selected" in found.stdout
