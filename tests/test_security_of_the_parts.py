"""What the project is made of: no secret in it, packages locked by hashes, all of them on the bill of materials."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_file
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.high_entropy_strings import HexHighEntropyString
from detect_secrets.settings import transient_settings

from tools.secret_filter import GOLDENS, is_a_made_up_id

ROOT = Path(__file__).resolve().parent.parent
BASELINE_FILE = ".secrets.baseline"
BASELINE: dict[str, Any] = json.loads((ROOT / BASELINE_FILE).read_text())
LOCKS = {"platform": ROOT / "uv.lock", "services": ROOT / "services" / "uv.lock"}
each_lock = pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS.keys())

Found = tuple[str, str, str]
"""File, kind and hash of a finding."""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline names our own filter by a path from here."""
    monkeypatch.chdir(ROOT)


def scanned(files: Iterable[str]) -> Iterator[PotentialSecret]:
    settings = {key: BASELINE[key] for key in ("plugins_used", "filters_used")}
    with transient_settings(settings):
        for file in files:
            yield from scan_file(file)


def audited() -> set[Found]:
    return {
        (file, entry["type"], entry["hashed_secret"])
        for file, entries in BASELINE["results"].items()
        for entry in entries
    }


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    return [file for file in listed.stdout.split("\0") if file != BASELINE_FILE and (ROOT / file).is_file()]


def test_no_file_of_the_project_holds_a_secret() -> None:
    findings = list(scanned(tracked()))
    known = audited()
    new = [
        f"{one.filename}:{one.line_number} {one.type}"
        for one in findings
        if (one.filename, one.type, one.secret_hash) not in known
    ]
    assert new == [], (
        "Take it out and revoke it. If it is none, end its line with `# pragma: allowlist secret`; where a line has no "
        "room, `detect-secrets scan --no-verify --baseline .secrets.baseline` and `detect-secrets audit` the file."
    )
    stale = known - {(one.filename, one.type, one.secret_hash) for one in findings}
    assert stale == set(), "The baseline holds what is not there any more."


def test_every_exception_of_the_secret_scan_was_looked_at() -> None:
    entries = [entry for entries in BASELINE["results"].values() for entry in entries]
    assert all(entry["is_secret"] is False for entry in entries)
    assert len(entries) <= 15, "A scan with many exceptions finds nothing."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key = '" + "AKIA" + "QWERTYUIOP234567" + "'", "AWS Access Key"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
        ("password: " + "'x7Kd9" + "QpL2vNw8'", "Secret Keyword"),
        ("url = 'postgres://admin:" + "s3cretw0rd@db.example.com/x'", "Basic Auth Credentials"),
        ("token = 'ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'", "GitHub Token"),
    ],
)
def test_a_planted_secret_is_found(tmp_path: Path, text: str, kind: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"name: example\n{text}\n")
    assert kind in {one.type for one in scanned([str(file)])}


def test_the_name_of_a_secret_is_none(tmp_path: Path) -> None:
    file = tmp_path / "names.py"
    file.write_text('SECRET = "aws:secretsmanager/secret:Secret"\nPASSWORD_KEY = "admin-password"\n')
    assert list(scanned([str(file)])) == []


def test_only_the_entropy_of_recorded_plans_is_passed_over() -> None:
    (plan, entropy), key = (f"{GOLDENS}x.json", HexHighEntropyString()), AWSKeyDetector()
    assert is_a_made_up_id("b13f6c", plan, entropy)
    assert not is_a_made_up_id("b13f6c", plan, key)
    assert not is_a_made_up_id("b13f6c", "components/x.py", entropy)


def packages(lock: Path) -> list[dict[str, Any]]:
    """The locked packages but our own."""
    content = tomllib.loads(lock.read_text())["package"]
    return [package for package in content if package["source"] != {"editable": "."}]


@each_lock
def test_every_package_comes_from_the_index_and_from_nowhere_else(lock: Path) -> None:
    sources = {json.dumps(package["source"]) for package in packages(lock)}
    assert sources == {'{"registry": "https://pypi.org/simple"}'}


@each_lock
def test_every_file_of_every_package_is_locked_by_its_hash(lock: Path) -> None:
    for package in packages(lock):
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        for file in files:
            assert file["hash"].startswith("sha256:"), package["name"]
            assert file["url"].startswith("https://files.pythonhosted.org/"), package["name"]


@each_lock
def test_our_own_package_is_the_only_one_that_is_not_from_the_index(lock: Path) -> None:
    content = tomllib.loads(lock.read_text())["package"]
    own = tomllib.loads((lock.parent / "pyproject.toml").read_text())["project"]["name"]
    assert [package["name"] for package in content if package["source"] == {"editable": "."}] == [own]


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The documents that `make sbom` writes, by name."""
    folder = tmp_path_factory.mktemp("sbom")
    command = [sys.executable, str(ROOT / "tools" / "sbom.py"), "--audit", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    hashes = (folder / "platform.requirements.txt").read_text().count("--hash=sha256:")
    assert hashes > len(packages(LOCKS["platform"]))
    return {file.name.removesuffix(".cdx.json"): json.loads(file.read_text()) for file in folder.glob("*.cdx.json")}


def parts(bill: dict[str, Any]) -> set[tuple[str, str]]:
    return {(part["name"], part["version"]) for part in bill["components"]}


@pytest.mark.parametrize("name", LOCKS)
def test_the_bill_of_materials_holds_every_locked_package(bills: dict[str, dict[str, Any]], name: str) -> None:
    bill = bills[name]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert parts(bill) == {(package["name"], package["version"]) for package in packages(LOCKS[name])}
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


def test_an_image_s_bill_holds_what_it_runs_its_base_image_and_no_more(bills: dict[str, dict[str, Any]]) -> None:
    locked = {(package["name"], package["version"]) for package in packages(LOCKS["services"])}
    names: dict[str, set[str]] = {}
    for image in ("recommender", "pipelines"):
        bill = bills[f"image-{image}"]
        assert bill["metadata"]["component"]["name"] == image
        (base,) = [part for part in bill["components"] if part["type"] == "container"]
        assert (base["name"], base["version"]) == ("python", "3.11-slim")
        assert parts(bill) - {(base["name"], base["version"])} < locked
        names[image] = {part["name"] for part in bill["components"]}
    assert {"fastapi", "uvicorn"} <= names["recommender"]
    assert "mlflow-skinny" in names["pipelines"] - names["recommender"]
    assert "pytest" not in names["recommender"] | names["pipelines"]
