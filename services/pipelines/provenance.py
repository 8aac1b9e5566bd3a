"""Which code and which runtime made something."""

import hashlib
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import recommender
from recommender.manifest import FORMAT_VERSION

_RECOMMENDER = Path(recommender.__file__).parent
_OF_MODELS = ("__init__.py", "arrays.py", "manifest.py", "model.py", "model_arrays.py", "pseudonyms.py")
MODEL_SOURCES = tuple(_RECOMMENDER / name for name in _OF_MODELS)
"""What makes, saves and reads a model; the rest of the service has no part in it."""


@cache
def code_version() -> str:
    """First 12 hex digits of the SHA-256 of the sources: an image holds no git, but it holds these."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), *MODEL_SOURCES):
        digest.update(f"{path.parent.name}/{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a model's files depend on."""

    python: str
    numpy: str
    model_format: str = str(FORMAT_VERSION)


def runtime() -> Runtime:
    """Of this process."""
    return Runtime(python=platform.python_version(), numpy=np.__version__)
