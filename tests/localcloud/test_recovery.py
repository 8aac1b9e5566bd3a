"""Locks: one of a dead process is removed, one of a living process is respected."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import recovery
from localcloud.recovery import BusyError, clear_stale_lock


def lock(backend: Path, content: str) -> Path:
    path = backend / ".pulumi" / "locks" / "organization" / "mlops" / "dev" / "one.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    return path


def test_without_a_lock_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert clear_stale_lock(tmp_path, "mlops", "dev") is None


def test_the_lock_of_a_dead_process_is_removed_with_a_word_about_it(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = lock(tmp_path, json.dumps({"pid": dead.pid}))
    said = clear_stale_lock(tmp_path, "mlops", "dev")
    assert said == (
        "The last operation on stack dev was stopped hard; its lock was removed and it goes on from its state."
    )
    assert not path.exists()


def test_a_lock_that_was_never_written_to_its_end_is_removed(tmp_path: Path) -> None:
    path = lock(tmp_path, "")
    assert clear_stale_lock(tmp_path, "mlops", "dev")
    assert not path.exists()


def test_the_lock_of_a_living_process_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_PATIENCE_SECONDS", 0.1)
    path = lock(tmp_path, json.dumps({"pid": os.getpid()}))
    with pytest.raises(BusyError, match=rf"Another pulumi \(process {os.getpid()}\) is working on stack dev"):
        clear_stale_lock(tmp_path, "mlops", "dev")
    assert path.exists()
