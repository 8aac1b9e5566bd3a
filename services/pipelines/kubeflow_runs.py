"""Starting a run on Kubeflow Pipelines: what a schedule of Kubernetes' own does."""

import json
from pathlib import Path

import httpx

from pipelines.errors import InputError, ServiceError

_RUNS = "/apis/v2beta1/runs"
_TIMEOUT_SECONDS = 60


def start(api: str, run: Path) -> str:
    """Start a run that was rendered before; its id.

    Raises:
        InputError: the file cannot be read, or Kubeflow Pipelines does not take what it holds.
        ServiceError: Kubeflow Pipelines does not answer.
    """
    try:
        body = json.loads(run.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{run} holds no run that can be read: {error}") from None
    try:
        answer = httpx.post(f"{api.rstrip('/')}{_RUNS}", json=body, timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise ServiceError(f"Kubeflow Pipelines at {api} does not answer: {error}") from None
    if answer.is_client_error:
        raise InputError(f"Kubeflow Pipelines does not take the run ({answer.status_code}): {answer.text[:500]}")
    if answer.is_error:
        raise ServiceError(f"Kubeflow Pipelines at {api} fails ({answer.status_code}): {answer.text[:500]}")
    return str(answer.json()["run_id"])
