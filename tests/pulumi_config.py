"""The real CLI's `pulumi config`, which needs neither a program nor an account: on a backend in a folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class PulumiConfig:
    """A project with one new stack, `dev`, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "Pulumi.dev.yaml"
        own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
        found = str(own) if own.exists() else shutil.which("pulumi")
        if not found:
            pytest.fail("This needs the pulumi CLI. Run `make setup`.")
        self._pulumi = found
        (folder / "state").mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        self.run("stack", "init", "dev", stack=False)

    def run(self, *arguments: str, stack: bool = True) -> str:
        """What a command prints. It must succeed."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        own = {
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        done = subprocess.run(
            [self._pulumi, *arguments, "--non-interactive", *(["-s", "dev"] if stack else [])],
            cwd=self.folder,
            env={**kept, **own},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
