"""The cache of plans: right or not there, and never in the way."""

from pathlib import Path

import pytest

from mlops.plan import cache


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLOPS_CACHE_DIR", raising=False)
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (tmp_path / name).write_text("x")
    return tmp_path


def test_an_unchanged_plan_is_found_again(root: Path) -> None:
    assert cache.load(root, "dev") is None
    cache.store(root, "dev", {"graph": [1]})
    assert cache.load(root, "dev") == {"graph": [1]}


@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"])
def test_a_changed_file_of_the_project_makes_the_plan_anew(root: Path, name: str) -> None:
    cache.store(root, "dev", {})
    (root / name).write_text("y")
    assert cache.load(root, "dev") is None


def test_a_changed_source_makes_the_plan_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = root / "network.py"
    source.write_text("ZONES = 2")
    monkeypatch.setattr(cache, "_sources", lambda: [("components/network/__init__.py", source)])
    cache.store(root, "dev", {})
    assert cache.load(root, "dev") == {}
    source.write_text("ZONES = 3")
    assert cache.load(root, "dev") is None


def test_a_new_version_of_an_sdk_makes_the_plan_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store(root, "dev", {})
    monkeypatch.setattr(cache.metadata, "version", lambda name: "999")
    assert cache.load(root, "dev") is None


def test_the_date_counts_because_support_dates_are_judged_by_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store(root, "dev", {})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "4102444800")
    assert cache.load(root, "dev") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "x"}', "\0\0"])
def test_a_damaged_entry_counts_as_none(root: Path, content: str) -> None:
    cache.store(root, "dev", {})
    (entry,) = (root / ".local" / "cache").iterdir()
    entry.write_text(content)
    assert cache.load(root, "dev") is None


def test_a_folder_that_cannot_be_written_costs_the_cache_and_nothing_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_text("")
    monkeypatch.setenv("MLOPS_CACHE_DIR", str(root / "file" / "below"))
    cache.store(root, "dev", {})
    assert cache.load(root, "dev") is None


def test_the_name_of_a_stack_cannot_lead_out_of_the_folder(root: Path) -> None:
    cache.store(root, "../../escape", {})
    assert sorted(path.name for path in root.iterdir()) == [".local", "Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py"]


def test_every_file_that_a_plan_runs_is_among_the_sources_and_the_command_line_is_not() -> None:
    names = {name for name, _ in cache._sources()}
    assert {"components/platform.py", "mlops/core/cidr.py", "localcloud/fakes.py", "mlops/tiers/prod.py"} <= names
    assert not any(name.startswith("mlops/cli/") for name in names)
