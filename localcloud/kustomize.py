"""What the remote component `kubernetes:kustomize/v2:Directory` makes of a folder of this project.

The provider renders the folder, for which it fetches what the folder refers to. A plan asks nobody, so what a folder
makes is held as facts, and a folder without facts is refused: its objects would have no price, no rule and no room.
One function serves the recorder and the stand-in's Construct, so both see the same children.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from localcloud.eks_component import Constructed, ConstructionError, Registrar

TYPE = "kubernetes:kustomize/v2:Directory"
_FACTS: Mapping[str, str] = {"components/ml_platform/kubeflow/overlay": "kubeflow.json"}
"""Folder -> what it makes, derived by `tools/kubeflow.py`."""


def construct(name: str, inputs: Mapping[str, Any], registrar: Registrar) -> Constructed:
    """Register the objects of a folder as the provider does: named by the component, the namespace and themselves.

    Raises:
        ConstructionError: nobody has written down what the folder makes.
    """
    folder = PurePosixPath(str(inputs.get("directory", "")))
    # A fork runs the program from a folder of its own: what counts is where the folder lies in the project's package.
    facts = next((table for known, table in _FACTS.items() if f"/{folder}".endswith(f"/{known}")), None)
    if facts is None:
        raise ConstructionError(
            f"{name} applies the folder {folder}, and nothing is known of what it makes; known: {', '.join(_FACTS)}. "
            "Derive its facts as tools/kubeflow.py does, and name them in localcloud/kustomize.py."
        )
    definitions: list[str] = []
    for row in made_of(facts):
        metadata = row["metadata"]
        where = f"{metadata['namespace']}/" if "namespace" in metadata else ""
        version = row["apiVersion"] if "/" in row["apiVersion"] else f"core/{row['apiVersion']}"
        definition = row["kind"] == "CustomResourceDefinition"
        child = registrar.register(
            f"kubernetes:{version}:{row['kind']}",
            f"{name}:{where}{metadata['name']}",
            row,
            depends_on=() if definition else definitions,
        )
        if definition:
            definitions.append(child.urn)
    return Constructed(outputs={}, dependencies={})


@cache
def made_of(table: str) -> tuple[Mapping[str, Any], ...]:
    """The objects in a table of facts."""
    return tuple(json.loads(files("localcloud").joinpath("data", table).read_text(encoding="utf-8")))
