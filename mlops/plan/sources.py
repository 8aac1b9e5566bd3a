"""Graphs that do not come from the recorder: what `pulumi stack export` and `pulumi preview --json` wrote."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops.plan.graph import Graph, from_export, from_preview

EXPORT_VERSION = 3
"""Schema version of a stack export that this reads (`pulumi stack export`, Pulumi 3)."""


class SourceError(Exception):
    """A file holds no graph that can be read. The text is complete."""


def read(file: Path) -> Graph:
    """The graph in a file: a stack export, a preview's JSON, or the output of `mlops plan --json`.

    Raises:
        SourceError: the file cannot be read, or is none of these.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file} cannot be read: {error}.") from None
    except ValueError:
        raise SourceError(f"{file.name} is not JSON. Write it with `pulumi stack export --file {file.name}`.") from None
    if not isinstance(content, Mapping):
        raise SourceError(f"{file.name} holds no stack: it must be a JSON object.")
    try:
        graph = _graph(content, file)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(
            f"{file.name} looks like a stack, but a resource in it cannot be read ({type(error).__name__}: {error}). "
            "Write the file anew with `pulumi stack export`."
        ) from None
    if not len(graph):
        raise SourceError(f"{file.name} holds no resources: the stack is empty.")
    return graph


def _graph(content: Mapping[str, Any], file: Path) -> Graph:
    if "deployment" in content:
        version = content.get("version")
        if version != EXPORT_VERSION:
            raise SourceError(
                f"{file.name} is a stack export of version {version}; version {EXPORT_VERSION} is what Pulumi 3 writes "
                "and what this reads. Export it with the pulumi CLI that `mlops doctor` names, or update this project."
            )
        return from_export(content)
    if "steps" in content:
        return from_preview(content)
    if "nodes" in content:
        return Graph.from_json({"project": "", "stack": file.stem, **content})
    raise SourceError(
        f"{file.name} is neither a stack export (`pulumi stack export`), nor a preview (`pulumi preview --json`), "
        "nor a plan (`mlops plan --json`)."
    )
