"""Writes what the project and its images are made of, as CycloneDX 1.5, from the two locks alone: no network.

    .venv/bin/python tools/sbom.py              dist/sbom/{platform,services,image-*}.cdx.json
    .venv/bin/python tools/sbom.py --audit      and dist/sbom/*.requirements.txt with hashes, for pip-audit

An image holds one dependency group of the services' lock on top of the base image that the Dockerfile names. The base
image is one component; the packages of its operating system are its maker's to list.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from set_up import ROOT, SERVICES, uv
from steps import StepError

OUT = ROOT / "dist" / "sbom"
_EVERYTHING = ("--all-groups", "--all-extras")
IMAGES = ("recommender", "pipelines")
"""Images by the dependency group that each holds."""
PARTS: Mapping[str, tuple[Path, tuple[str, ...]]] = {
    "platform": (ROOT, _EVERYTHING),
    "services": (SERVICES, _EVERYTHING),
    **{f"image-{group}": (SERVICES, ("--no-default-groups", "--group", group)) for group in IMAGES},
}
"""Name of a document -> the folder with the lock, and which of its packages."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Write the software bill of materials of the project and its images.")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="where to write (dist/sbom)")
    parser.add_argument("--audit", action="store_true", help="also write requirements with hashes, for pip-audit")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        for part in PARTS:
            document = materials(part)
            file = given.out / f"{part}.cdx.json"
            file.write_text(json.dumps(document, indent=1) + "\n")
            print(f"sbom: {file}: {len(document['components'])} components")  # noqa: T201
            if given.audit and not part.startswith("image-"):
                text = export(part, "requirements.txt", "--no-emit-project")
                (given.out / f"{part}.requirements.txt").write_text(text)
    except StepError as failure:
        print(f"sbom: {failure}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def materials(part: str) -> dict[str, Any]:
    """The CycloneDX document of a part.

    Raises:
        StepError: uv could not be had, or could not read the lock.
    """
    document: dict[str, Any] = json.loads(export(part, "cyclonedx1.5"))
    if part.startswith("image-"):
        document["metadata"]["component"] |= {"type": "container", "name": part.removeprefix("image-")}
        document["components"].append(base_image((SERVICES / "Dockerfile").read_text()))
    return document


def base_image(dockerfile: str) -> dict[str, str]:
    """The component for the image that the last stages of a Dockerfile start from."""
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    (stage,) = re.findall(r"^FROM (\S+) AS run$", dockerfile, re.MULTILINE)
    named = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], stage)
    name, _, tag = named.partition(":")
    purl = f"pkg:docker/{name}@{tag}"
    return {"type": "container", "bom-ref": purl, "name": name, "version": tag, "purl": purl}


def export(part: str, form: str, *more: str) -> str:
    """What `uv export` says of a part's lock, in one of its formats."""
    folder, packages = PARTS[part]
    command = [uv(), "export", "--frozen", "--offline", "--quiet", "--format", form, *packages, *more]
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise StepError(f"the bill of materials of {part} cannot be written; uv says: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
