"""Training and serving held against each other, before a model reaches a service that cannot read it."""

import re

import httpx

from pipelines.provenance import Runtime

_INFO = re.compile(r"^recommender_runtime_info\{(.*)\}\s+1", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def serving_runtime(url: str, token: str | None = None) -> Runtime | None:
    """What the recommender at an address runs on, from its metrics; None where nobody answers or it does not say."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        text = httpx.get(f"{url}/metrics", headers=headers, timeout=5).text
    except httpx.HTTPError:
        return None
    found = _INFO.search(text)
    labels = dict(_LABEL.findall(found.group(1))) if found else {}
    if not {"python", "numpy", "model_format"} <= labels.keys():
        return None
    return Runtime(python=labels["python"], numpy=labels["numpy"], model_format=labels["model_format"])


def differences(trained: Runtime, serving: Runtime) -> list[str]:
    """Why the serving runtime may not read what the trained one wrote; empty where it may.

    The arrays are plain .npy files of one format, so that minor versions do not matter.
    """
    found = []
    if trained.model_format != serving.model_format:
        found.append(f"model format {trained.model_format} against {serving.model_format}")
    for library, written, running in (
        ("Python", trained.python, serving.python),
        ("numpy", trained.numpy, serving.numpy),
    ):
        if written.split(".")[0] != running.split(".")[0]:
            found.append(f"{library} {written} against {running}")
    return found
