"""Graphs that do not come from the recorder: what `pulumi stack export` and `pulumi preview --json` wrote."""

import gzip
import json
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.plan.graph import Graph, from_export, from_preview

EXPORT_VERSIONS = (3, 4)
"""Schema versions of a stack export that this reads. The CLI writes 4 as soon as a stack uses one of its features."""

STDIN = Path("-")
_READ = frozenset({"taint"})
"""Features of a version 4 export that are read."""
_HARMLESS = {
    "hooks": "resource hooks run in the program and are not in these figures",
    "refreshBeforeUpdate": "resources that are refreshed before an update read as they were exported",
    "views": "views of other resources are left out: what they show belongs to those",
}
"""Features whose resources are read all the same, and what is to be known about that."""
_GZIP = b"\x1f\x8b"
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"(\xb5/\xfd": "packed with zstd",
}
_SHOW_SAMES = "pulumi preview --json --show-sames"


class SourceError(Exception):
    """A file holds no graph that can be read. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What was read."""

    graph: Graph
    remarks: tuple[str, ...] = ()
    """What in the file is not in the graph, in whole sentences."""


def read(file: Path, state: Path | None = None) -> Graph:
    """The graph in a file, without the remarks of `source`."""
    return source(file, state).graph


def source(file: Path, state: Path | None = None) -> Source:
    """The graph in a file: a stack export, a preview's JSON, or the output of `mlops plan --json`.

    UTF-8, UTF-16 and UTF-32 with or without a byte order mark, and gzip, are read.

    Args:
        file: `-` for standard input.
        state: an export of the preview's stack: it holds the resources that the preview leaves out.

    Raises:
        SourceError: the file cannot be read, or is none of these, or is a preview that leaves resources out.
    """
    content, name = _content(file), named(file)
    if state is not None:
        if "steps" not in content:
            raise SourceError(f"{name} is no preview, so it needs no state beside it. Leave out one of the two.")
        return _graph_of(content, name, _content(state))
    return _graph_of(content, name, None)


def _graph_of(content: Mapping[str, Any], name: str, state: Mapping[str, Any] | None) -> Source:
    try:
        found = _read(content, name, state)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(
            f"{name} looks like a stack, but a resource in it cannot be read ({type(error).__name__}: {error}). "
            "Write the file anew with `pulumi stack export`."
        ) from None
    if not len(found.graph):
        raise SourceError(f"{name} holds no resources: the stack is empty.")
    return found


def _content(file: Path) -> Mapping[str, Any]:
    name = named(file)
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
        data = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name} cannot be read: {error}.") from None
    for mark, words in _PACKED.items():
        if data.startswith(mark):
            raise SourceError(f"{name} is {words}. Unpack it first; gzip is read as it is.")
    if not data.strip(b"\0 \r\n\t"):
        raise SourceError(f"{name} is empty. Write it with `pulumi stack export --file FILE`.")
    try:
        # The encoding shows in the first bytes: UTF-8, UTF-16 or UTF-32. Source: RFC 8259 and its predecessors.
        content = json.loads(data)
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} cannot be read: it is neither UTF-8 nor UTF-16 nor UTF-32 ({error}).") from None
    except ValueError:
        raise SourceError(_not_json(data, name)) from None
    if not isinstance(content, Mapping):
        raise SourceError(f"{name} holds no stack: it must be a JSON object.")
    return content


def _not_json(data: bytes, name: str) -> str:
    first = data.split(b"\n", 1)[0]
    if b'"sequence"' in first or b'"preludeEvent"' in first:
        return (
            f"{name} is a stream of events. Unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW, and run `{_SHOW_SAMES}` again."
        )
    return f"{name} is not JSON. Write it with `pulumi stack export --file FILE`."


def named(file: Path) -> str:
    """What a file is called in messages."""
    return "standard input" if file == STDIN else file.name


def _read(content: Mapping[str, Any], name: str, state: Mapping[str, Any] | None) -> Source:
    if "deployment" in content:
        return _export(content, name)
    if "steps" in content or "changeSummary" in content:
        return _preview(content, name, state)
    if "nodes" in content:
        stem = name.partition(".")[0]
        return Source(graph=Graph.from_json({"project": "", "stack": stem, **content}))
    if isinstance(content.get("checkpoint"), Mapping):
        latest = content["checkpoint"].get("latest")
        return _export({**content, "deployment": latest if isinstance(latest, Mapping) else {}}, name)
    raise SourceError(
        f"{name} is neither a stack export (`pulumi stack export`), nor a preview (`{_SHOW_SAMES}`), "
        "nor a plan (`mlops plan --json`)."
    )


def _export(content: Mapping[str, Any], name: str) -> Source:
    version = content.get("version")
    if version not in EXPORT_VERSIONS:
        known = " and ".join(map(str, EXPORT_VERSIONS))
        raise SourceError(
            f"{name} is a stack export of version {version}; versions {known} are what Pulumi 3 writes and what this "
            "reads. Export it with the pulumi CLI that `mlops doctor` names, or update this project."
        )
    remarks = [*_of_features(content.get("features") or ()), *_of_pending(content["deployment"])]
    return Source(graph=from_export(content), remarks=tuple(f"{name}: {remark}" for remark in remarks))


def _of_features(features: Any) -> list[str]:
    strange = [str(one) for one in features if one not in _READ and one not in _HARMLESS]
    told = [f"{_HARMLESS[one]}." for one in features if one in _HARMLESS]
    if strange:
        told.append(
            f"it uses what this does not know, and what that means is not in the figures: {', '.join(strange)}."
        )
    return told


def _of_pending(deployment: Mapping[str, Any]) -> list[str]:
    pending = deployment.get("pending_operations") or ()
    if not pending:
        return []
    return [f"{len(pending)} operations were interrupted, so that the state may be behind: run `pulumi refresh`."]


def _preview(content: Mapping[str, Any], name: str, state: Mapping[str, Any] | None) -> Source:
    failure = next((one for one in content.get("diagnostics") or () if one.get("severity") == "error"), None)
    if failure:
        said = " ".join(str(failure.get("message")).split())
        raise SourceError(f"{name} is a preview that failed, and so is not whole: {said}")
    if state is not None:
        if "deployment" not in state:
            raise SourceError("The state beside a preview must be a stack export: `pulumi stack export --file FILE`.")
        try:
            graph = from_preview(content, state)
        except ValueError as error:
            raise SourceError(f"{name} and the state beside it do not belong together: {error}.") from None
        return Source(graph=graph, remarks=(f"{name}: unchanged resources are those of the state.",))
    graph = from_preview(content)
    left_out = _left_out(content)
    if left_out:
        raise SourceError(
            f"{name} leaves out {left_out:,} resources that do not change, so it is not the whole stack. Preview with "
            f"--show-sames (`{_SHOW_SAMES}`), or give the stack's export beside it: --state FILE."
        )
    return Source(graph=graph)


def _left_out(content: Mapping[str, Any]) -> int:
    """How many unchanged resources the summary counts and the steps do not show."""
    same = (content.get("changeSummary") or {}).get("same", 0)
    last = {step["urn"]: step.get("op") for step in content.get("steps") or ()}
    # A step without an operation is one of a resource, whatever happens to it.
    shown = sum(operation in ("same", "refresh", None) for operation in last.values())
    return max(int(same) - shown, 0)
