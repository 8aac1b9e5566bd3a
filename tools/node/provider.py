"""The Pulumi Kubernetes provider from its Go module, for tests in which the node is not all that is real. It takes
minutes to build, and no other test wants it, so that it is not among what the node needs."""

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

from node.places import Home
from node.programs import BuildError, compile_go, run_go

NAME = "pulumi-resource-kubernetes"
_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_VERSION = "v4.0.0-20260115033456-f47bc2d6f199"
"""Of the module, which has no tags of its own."""
_EMBEDDED = ("schema.json", "terraform-mapping.json")
_MAIN = """package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() { provider.Serve("kubernetes", "VERSION", schema, mapping) }
"""


def build(home: Home) -> None:
    """Build it, unless it is there.

    Raises:
        BuildError: there is no Go toolchain, or it failed.
    """
    if Path(home.program(NAME)).exists():
        return
    if not shutil.which("go"):
        raise BuildError("The provider is built with Go, and there is none on PATH: https://go.dev/dl/")
    folder = home.path / "build" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(json.loads(run_go(["mod", "download", "-json", f"{_MODULE}@{_VERSION}"], folder))["Dir"])
    for name in _EMBEDDED:
        (folder / name).write_bytes((source / "cmd" / NAME / name).read_bytes())
    # Its replacements hold only in a main module; the one of its own SDK points beside it.
    module = (source / "go.mod").read_text().replace(f"module {_MODULE}", "module node/provider", 1)
    module = re.sub(r"^replace github\.com/pulumi/pulumi-kubernetes/sdk/.*$", "", module, flags=re.MULTILINE)
    module += f"\nrequire {_MODULE} {_VERSION}\n"
    compile_go(home, NAME, _MAIN.replace("VERSION", version("pulumi_kubernetes")), {}, module)
