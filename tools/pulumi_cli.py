"""Getting the `pulumi` CLI: the official installer, else a build from its Go module.

The build is for machines that reach the registries of programming languages and nothing else.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from steps import StepError, run, say

from mlops.toolchain import MINIMUM, OWN_FOLDER, dotted, version_of

INSTALLER = "https://get.pulumi.com"
MODULE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_SYMBOL = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def install(root: Path) -> bool:
    """Put a CLI under `.tools/`, one way or the other; False, with an explanation printed, if neither works."""
    reasons = []
    for way in (from_installer, from_go_module):
        try:
            way(root)
        except StepError as failure:
            reasons.append(str(failure))
            continue
        if version_of(root / OWN_FOLDER / "bin" / "pulumi"):
            return True
        reasons.append(f"{way.__name__}: the result does not run")
    say("No pulumi CLI could be had:")
    for reason in reasons:
        say(f"  - {reason}")
    say("`mlops plan` and `mlops validate` work without it; `make up` and the engine tests need it.")
    say("Install it yourself (https://www.pulumi.com/docs/install/) or Go (https://go.dev/dl/), then `make setup`.")
    return False


def from_installer(root: Path) -> None:
    """Run Pulumi's own install script, which downloads the release for this machine.

    Raises:
        StepError: no curl, no way to the server, or the script failed.
    """
    if not shutil.which("curl"):
        raise StepError("the official installer needs curl, which is not on PATH")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "install.sh")
        fetch = ["curl", "-fsSL", "--connect-timeout", "10", "--max-time", "60", "-o", str(script), INSTALLER]
        run("fetch the official Pulumi installer", fetch)
        options = ["--version", dotted(MINIMUM), "--install-root", str(root / OWN_FOLDER), "--no-edit-path"]
        run(f"install pulumi {dotted(MINIMUM)}", ["sh", str(script), *options])


def from_go_module(root: Path) -> None:
    """Build the CLI. Without the version symbol the Automation API refuses it.

    Raises:
        StepError: no Go, no module proxy, or the build failed.
    """
    go = shutil.which("go")
    if not go:
        raise StepError("building it from its Go module needs Go, which is not on PATH")
    source = root / "tools" / "pulumi-cli"
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    packages = run("download pulumi's Go modules", [go, "list", "-deps", MODULE], cwd=source, env=environment)
    target = root / OWN_FOLDER / "bin" / "pulumi"
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = f"-s -w -X {VERSION_SYMBOL}=v{dotted(MINIMUM)}"
    run(
        f"build pulumi {dotted(MINIMUM)} from its Go module, some minutes",
        [go, "build", "-v", "-o", str(target), "-ldflags", flags, MODULE],
        cwd=source,
        env=environment,
        progress=_packages_of(len(packages)),
    )


def _packages_of(total: int) -> Callable[[list[str]], str]:
    """What a running build says of itself: `-v` prints a line a package, none for those in Go's cache."""
    return lambda lines: f"{len(lines):,} of at most {total:,} packages"
