"""The plan of another git revision: its files in a folder of their own, planned there with their own code.

The packages that it depends on are those installed here, not those of its lock: a plan says what a program registers,
and which version of an SDK it used makes no resource another one.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from mlops.cli.errors import BadInputError
from mlops.cli.options import Target
from mlops.plan import cache
from mlops.plan.graph import Graph

_PATIENCE_SECONDS = 300
"""A plan takes seconds; what takes this long waits for something that does not come."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A commit that exists."""

    given: str
    commit: str

    def __str__(self) -> str:
        short = self.commit[:10]
        return short if self.given.startswith(short) else f"{self.given} ({short})"


def resolve(target: Target, given: str) -> Revision:
    """The commit that a name stands for.

    Raises:
        BadInputError: no git, no repository, or no such revision.
    """
    try:
        inside = _git(target.root, "rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        raise BadInputError("--base needs git, and there is none on PATH. Install it: https://git-scm.com.") from None
    if inside.returncode:
        raise BadInputError(
            f"--base {given}: {target.root} is not in a git repository, so there is no revision to compare with. "
            "Compare with a deployed stack instead: --state FILE."
        )
    found = _git(target.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{given}^{{commit}}")
    if found.returncode or not given.strip():
        raise BadInputError(
            f'--base {given}: there is no revision "{given}" in this repository. `git log --oneline` lists some; a '
            f"branch of a remote may have to be fetched first: `git fetch origin`."
        )
    return Revision(given=given, commit=found.stdout.decode().strip())


def has_uncommitted(target: Target) -> bool:
    """Whether the working tree says something else than its last commit."""
    return bool(_git(target.root, "status", "--porcelain", "--", ".").stdout.strip())


def planned_at(target: Target, revision: Revision) -> Graph:
    """The graph that the stack had at a revision. The repository is not touched, and nothing is left behind.

    Raises:
        BadInputError: the revision does not hold this project, or does not plan.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-base-") as folder:
        root = Path(folder).resolve()
        _unpack(target, revision, root)
        try:
            done = _plan(target, root)
        except subprocess.TimeoutExpired:
            raise BadInputError(
                f"--base {revision}: {target.stack} was not planned within {_PATIENCE_SECONDS} s there."
            ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("Error: ") or "it gave no reason"
        raise BadInputError(
            f"--base {revision}: {target.stack} cannot be planned there, so there is nothing to compare with. "
            f"It says:\n{said}"
        )
    try:
        return Graph.from_json(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        raise BadInputError(
            f"--base {revision}: its `mlops plan --json` is not one that this version reads. "
            "Compare with the deployed stack instead: --state FILE."
        ) from None


def _unpack(target: Target, revision: Revision, root: Path) -> None:
    archive = _git(target.root, "archive", "--format=tar", revision.commit)
    if archive.returncode:
        raise BadInputError(f"--base {revision}: this project's folder is not in it. Choose a later revision.")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(root, filter="data")


def _plan(target: Target, root: Path) -> subprocess.CompletedProcess[bytes]:
    """`mlops plan --json` in the unpacked project, with the packages that lie there before those installed here."""
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH")))),
        "MLOPS_CACHE_DIR": str(cache.folder(target.root) / "base"),
    }
    return subprocess.run(
        [sys.executable, "-m", "mlops.cli", "plan", "--stack", target.stack, "--json"],
        cwd=root,
        env=variables,
        capture_output=True,
        timeout=_PATIENCE_SECONDS,
    )


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # A repository's own settings must not decide what is compared, nor may git wait for a pager or a password.
    variables = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}
    return subprocess.run(["git", *arguments], cwd=root, env=variables, capture_output=True)
