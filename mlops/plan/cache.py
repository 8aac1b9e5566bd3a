"""Keeps the last plan of each stack, so that an unchanged one needs neither Pulumi nor pydantic.

The key covers all that a plan follows from: sources, the stack's file, versions of the SDKs, Python, and the
date, because support dates are judged by it.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops.core.clock import today

PACKAGES = ("components", "mlops", "localcloud")
"""Packages whose sources a plan runs."""

FEATURES = Path("services/pipelines/feature_views.json")
"""What stores of features make tables of; `components.features` reads it."""

NO_PART = "cli"
"""Folder of `mlops` that shows plans and has no part in them."""

DISTRIBUTIONS = ("pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes", "pydantic")

Entry = Mapping[str, Any]


def folder(root: Path) -> Path:
    """Where the entries lie: `MLOPS_CACHE_DIR`, else `.local/cache` in the project."""
    given = os.environ.get("MLOPS_CACHE_DIR")
    return Path(given) if given else root / ".local" / "cache"


def key(root: Path, stack: str) -> str:
    """What the plan of a stack follows from, as a digest."""
    digest = hashlib.sha256()
    for text in (sys.version, stack, today().isoformat(), *map(metadata.version, DISTRIBUTIONS)):
        digest.update(text.encode() + b"\0")
    own_files = (root / "Pulumi.yaml", root / f"Pulumi.{stack}.yaml", root / "__main__.py", root / FEATURES)
    for name, path in (*((path.name, path) for path in own_files), *_sources()):
        digest.update(name.encode() + b"\0")
        # A missing file is a fact like any other; whoever needs it will say so.
        with suppress(OSError):
            digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def load(root: Path, stack: str) -> Entry | None:
    """The entry of the stack's last plan; None if it is out of date, damaged or was never made."""
    try:
        entry = json.loads(_file(root, stack).read_bytes())
        return entry["entry"] if entry["key"] == key(root, stack) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(root: Path, stack: str, entry: Entry) -> None:
    """Keep an entry in place of the stack's last one. A folder that cannot be written costs the cache, no more."""
    target = _file(root, stack)
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, suffix=".tmp") as file:
            # Not json.dump, which encodes piece by piece in Python.
            file.write(json.dumps({"key": key(root, stack), "entry": entry}))
        Path(file.name).replace(target)


def _file(root: Path, stack: str) -> Path:
    # The user's text becomes a file name; a digest of it cannot leave the folder.
    return folder(root) / f"plan-{hashlib.sha256(stack.encode()).hexdigest()[:16]}.json"


def _sources() -> Iterable[tuple[str, Path]]:
    """Every source file that a plan runs, with its name within its package."""
    for package in PACKAGES:
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(location).rglob("*.py")):
                inside = path.relative_to(location)
                if inside.parts[0] != NO_PART:
                    yield f"{package}/{inside}", path
