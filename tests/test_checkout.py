"""What a checkout brings: nothing in it stands for a place on somebody's machine."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_no_link_leads_out_of_the_project() -> None:
    """A tracked link in the place of an environment would replace whatever a checkout has there."""
    listed = subprocess.run(["git", "ls-files", "--stage", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    entries = [entry.partition("\t") for entry in listed.stdout.split("\0") if entry]
    links = [ROOT / name for fields, _, name in entries if fields.startswith("120000 ")]
    leading_out = [link for link in links if not (link.parent / link.readlink()).resolve().is_relative_to(ROOT)]
    assert leading_out == []
    assert not [name for _, _, name in entries if ".venv" in Path(name).parts]
