"""What was really used, from the exports of cost tools: OpenCost, Prometheus, and AWS's cost and usage report."""

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops.cost.exports import opencost, prometheus, report
from mlops.cost.exports.observed import Billed, Export, ExportError, Observed, Owner

_REGION = re.compile(r"^(?:[A-Z]{2,4}\d?|[a-z]{2}-[a-z]+-\d)-")


def read(file: Path, owner: Owner | None = None) -> Export:
    """Read an export, whichever tool wrote it.

    OpenCost: the answer of `/allocation` with `aggregate=namespace,controller,pod`. Prometheus: the answer of an
    instant query with the labels namespace, workload, resource (cpu, memory) and statistic (average, most). AWS: a
    cost and usage report as CSV, gzip or Parquet, or a folder with its parts; of its lines those of the owner.

    Raises:
        ExportError: the file is none of these, or holds figures that cannot be.
    """
    try:
        export = _read(file, owner or Owner())
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, zlib.error) as error:
        raise ExportError(
            f"{file.name} looks like an export, but cannot be read ({type(error).__name__}: {error})."
        ) from None
    if not export.workloads and not export.bill:
        raise ExportError(f"{file.name} holds no usage at all.")
    return export


def _read(file: Path, owner: Owner) -> Export:
    if file.is_dir():
        parts = sorted(part for part in file.iterdir() if part.name.endswith(report.PARTS))
        if not parts:
            raise ExportError(f"{file} holds no part of a report: none ends in {', '.join(report.PARTS)}.")
        return report.read(parts, file.name, owner)
    with file.open("rb") as opened:
        start = opened.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        return _from_json(json.loads(file.read_text(encoding="utf-8-sig")), file)
    return report.read([file], file.name, owner)


def _from_json(content: Any, file: Path) -> Export:
    # Both tools say `status: success`; what they answer is below `data`.
    data = content.get("data") if isinstance(content, Mapping) else None
    if isinstance(data, list):
        return Export(workloads=tuple(opencost.workloads(data, file.name)))
    if isinstance(data, Mapping) and isinstance(data.get("result"), list):
        return Export(workloads=tuple(prometheus.workloads(data["result"], file.name)))
    if isinstance(content, Mapping) and (message := content.get("message") or content.get("error")):
        raise ExportError(f"{file.name} is no usage, but an answer that says: {message}")
    raise ExportError(
        f"{file.name} is neither an allocation of OpenCost (`/allocation?aggregate=namespace,controller,pod`) nor an "
        "answer of Prometheus (`/api/v1/query`)."
    )


def usage_names(usage_type: str) -> tuple[str, ...]:
    """A usage type as it is and without the region that most services write before it (`EUW1-`, `EU-`,
    `us-east-1-`). us-east-1 is mostly left out, and `KMS-Requests` only looks as if it had one."""
    return (usage_type, _REGION.sub("", usage_type))


__all__ = ["Billed", "Export", "ExportError", "Observed", "Owner", "read", "usage_names"]
