"""Builds the services' images under the names that a stack's manifests ask for, and hands them to its cluster.

    .venv/bin/python tools/images.py                  stack local, with docker, podman or buildah, whichever is there
    .venv/bin/python tools/images.py -s dev --load kind

Nothing is pushed: a registry on AWS is filled by a pipeline that may write to it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from set_up import ROOT, SERVICES
from steps import StepError, run

from mlops.cli.errors import BadInputError
from mlops.cli.local.tools import TOOLS as CLUSTERS
from mlops.cli.local.tools import Tool, answers

PARTS = ("recommender", "pipelines")
"""Targets of services/Dockerfile, and repositories of the platform's registry."""
TOOLS = ("docker", "podman", "buildah")
"""What can build, in the order in which it is looked for."""


@dataclass(frozen=True)
class Image:
    part: str
    name: str
    """With registry and tag, as the manifests have it."""
    protocol: str = "kinesis"
    """What its stream speaks: the client of another than Kinesis is a group of its own."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Build the services' images and hand them to a stack's cluster.")
    parser.add_argument("-s", "--stack", default="local", help="whose manifests name them (local)")
    parser.add_argument("--load", choices=CLUSTERS, help="hand them to the cluster that this tool made")
    given = parser.parse_args(arguments)
    tool = next((name for name in TOOLS if answers(name)), None)
    if tool is None:
        there = [name for name in TOOLS if shutil.which(name)]
        which = f"none of {', '.join(TOOLS)} is on PATH"
        if there:
            which = f"of {', '.join(TOOLS)} only {', '.join(there)} is on PATH, and does not answer: `{there[0]} info`"
        return _ended(f"{which}. One of them has to build the images.", 2)
    if given.load and not shutil.which(given.load):
        return _ended(f"--load {given.load} needs {given.load}, which is not on PATH.", 2)
    try:
        environment = CLUSTERS[given.load].environment() if given.load else {}
        for image in wanted(given.stack):
            run(f"build {image.name} with {tool}", build_command(tool, image))
            if given.load:
                _load(tool, CLUSTERS[given.load], environment, image)
    except BadInputError as error:
        return _ended(str(error), 2)
    except StepError as failure:
        return _ended(str(failure), 1)
    return 0


def wanted(stack: str) -> list[Image]:
    """The services' images as the stack's plan names them; none where it deploys no recommender.

    Raises:
        StepError: the stack cannot be planned.
    """
    command = [sys.executable, "-m", "mlops.cli", "plan", "-s", stack, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise StepError(done.stderr.strip().removeprefix("Error: "))
    found: dict[str, Image] = {}
    for node in json.loads(done.stdout)["nodes"]:
        for name, told in _images(node["type"], node["inputs"]):
            part = name.rpartition("/")[2].partition(":")[0]
            if part in PARTS:
                found[part] = Image(part, name, str(told.get("MLOPS_STREAM_PROTOCOL") or "kinesis"))
    if not found:
        raise StepError(f"Stack {stack} runs none of the images {', '.join(PARTS)}: it has no workloads.recommender.")
    return [found[part] for part in PARTS if part in found]


def _images(type_: str, inputs: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The images that a resource runs, with the variables that they are told: of pods, of tasks on Fargate, of a
    function."""
    if type_ == "kubernetes:apps/v1:Deployment":
        containers = inputs["spec"]["template"]["spec"]["containers"]
        return [(str(one["image"]), _told(one.get("env"))) for one in containers]
    if type_ == "aws:ecs/taskDefinition:TaskDefinition":
        containers = json.loads(inputs["containerDefinitions"])
        return [(str(one["image"]), _told(one.get("environment"))) for one in containers]
    if "imageUri" in inputs:
        return [(str(inputs["imageUri"]), dict(inputs.get("environment", {}).get("variables", {})))]
    return []


def _told(variables: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in variables or ()}


def build_command(tool: str, image: Image) -> list[str]:
    """The command that builds one image; buildah has the same arguments under another name."""
    verb = "bud" if tool == "buildah" else "build"
    # The others' own format has no health check.
    form = [] if tool == "docker" else ["--format", "docker"]
    more = [] if image.protocol == "kinesis" else ["--build-arg", f"GROUPS=--group {image.protocol}"]
    return [tool, verb, *form, "--target", image.part, *more, "--tag", image.name, str(SERVICES)]


def _load(tool: str, cluster: Tool, environment: Mapping[str, str], image: Image) -> None:
    """By an archive, which both take whatever built the image."""
    with tempfile.TemporaryDirectory(prefix="mlops-image-") as folder:
        archive = Path(folder) / f"{image.part}.tar"
        if tool == "buildah":
            save = ["buildah", "push", image.name, f"docker-archive:{archive}:{image.name}"]
        else:
            save = [tool, "save", "--output", str(archive), image.name]
        run(f"save {image.name}", save)
        run(f"hand {image.name} to {cluster.name}", [*cluster.load, str(archive)], env=environment)


def _ended(message: str, code: int) -> int:
    print(f"images: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
