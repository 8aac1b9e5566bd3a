"""What the files around the service promise to each other; the images themselves are built where Docker is."""

import ast
import fnmatch
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import slim
from recommender import build
from recommender.app import MOST_BODY_BYTES
from recommender.login_settings import LoginSettings
from recommender.protocol import KEEP_ALIVE_SECONDS

SERVICES = Path(__file__).resolve().parents[2]
NGINX = (SERVICES / "nginx.conf").read_text()
DOCKERFILE = (SERVICES / "Dockerfile").read_text()
DOCKERIGNORE = (SERVICES / ".dockerignore").read_text().split()
COMPOSE = yaml.safe_load((SERVICES / "compose.yaml").read_text())


def test_nginx_lets_go_of_an_idle_connection_before_the_service_does() -> None:
    upstream = NGINX[NGINX.index("upstream") : NGINX.index("server {")]
    found = re.search(r"keepalive_timeout (\d+)s", upstream)
    assert found is not None
    assert int(found.group(1)) < KEEP_ALIVE_SECONDS
    assert 'proxy_set_header Connection ""' in NGINX


def test_nginx_and_the_service_refuse_bodies_of_the_same_size() -> None:
    assert "client_max_body_size 1m;" in NGINX
    assert MOST_BODY_BYTES == 1024 * 1024


def test_the_outside_reaches_neither_metrics_nor_the_reload() -> None:
    assert "location = /metrics { return 404; }" in NGINX
    assert "location /admin/ { return 404; }" in NGINX


def test_no_log_of_the_proxy_holds_a_path_that_names_somebody() -> None:
    written = NGINX[NGINX.index("log_format") : NGINX.index("access_log")]
    assert not re.search(r"\$(uri|request|request_uri|args|query_string|remote_user|document_uri)\b", written)
    assert '"route":"$route"' in written
    assert "error_log /dev/stderr alert;" in NGINX
    routes = re.search(r"map \$uri \$route \{(.*?)\}", NGINX, re.DOTALL)
    assert routes is not None
    assert routes.group(1).rstrip().endswith("default other;")


def test_both_images_hold_the_package_that_says_which_build_they_are_of() -> None:
    assert len(re.findall(r"^COPY recommender recommender$", DOCKERFILE, re.MULTILINE)) == 2
    said = subprocess.run([sys.executable, "-m", "recommender.build"], cwd=SERVICES, capture_output=True, text=True)
    assert said.stdout.strip() == build.digest()


def test_a_build_is_another_as_soon_as_a_source_is_changed_added_renamed_or_taken_away(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in (("a.py", "x = 1"), ("b.py", ""), ("sub/c.py", "")):
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.md").write_text("what only people read")
    seen = [build.digest(tmp_path)]
    (tmp_path / "a.py").write_text("x = 2")
    seen.append(build.digest(tmp_path))
    (tmp_path / "d.py").touch()
    seen.append(build.digest(tmp_path))
    (tmp_path / "sub/c.py").rename(tmp_path / "sub/e.py")
    seen.append(build.digest(tmp_path))
    (tmp_path / "b.py").unlink()
    seen.append(build.digest(tmp_path))
    assert len({*seen}) == len(seen)
    (tmp_path / "notes.md").unlink()
    assert build.digest(tmp_path) == seen[-1]


def test_images_are_made_from_the_lock_and_run_as_nobody_in_particular() -> None:
    syncs = re.findall(r"uv sync (.*)", DOCKERFILE)
    assert len(syncs) == 2
    assert all("--locked" in sync and "--no-default-groups" in sync for sync in syncs)
    assert "UV_COMPILE_BYTECODE=1" in DOCKERFILE
    for stage in re.split(r"^FROM ", DOCKERFILE[DOCKERFILE.index(" AS run") :], flags=re.MULTILINE):
        # A stage that installs something of the system does so as root, and is left as nobody again.
        users = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        assert not users or users[-1] == "10001:10001", stage
    assert re.search(r"^FROM \S+ AS run$(?:\n(?!FROM ).*)*^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


def test_the_last_stage_is_the_recommender() -> None:
    assert re.findall(r"^FROM .* AS (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "recommender"


def test_compose_gives_the_service_what_its_settings_read() -> None:
    service = COMPOSE["services"]["recommender"]
    assert service["build"]["target"] == "recommender"
    given = set(service["environment"])
    assert {"MLFLOW_TRACKING_URI", "MLOPS_MODEL_NAME", "MLOPS_MODEL_PATH", "MLOPS_STREAM"} <= given
    assert {str(field.validation_alias) for field in LoginSettings.model_fields.values()} <= given
    assert service["read_only"]
    assert COMPOSE["services"]["nginx"]["depends_on"]["recommender"]["condition"] == "service_healthy"


def test_what_is_copied_into_the_images_is_in_the_project_and_in_the_context() -> None:
    let_in = [line.removeprefix("!") for line in DOCKERIGNORE if line.startswith("!")]
    copies = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert len(copies) >= 4
    for path in (path for copy in copies for path in copy.split()):
        assert (SERVICES / path).exists(), path
        assert any(fnmatch.fnmatch(path, pattern) for pattern in let_in), path
    for place in re.findall(r"^COPY --from=(\S+) ", DOCKERFILE, re.MULTILINE):
        assert re.search(rf"^FROM \S+ AS {place}$", DOCKERFILE, re.MULTILINE), place


def test_what_the_images_start_is_a_module_that_is_in_them() -> None:
    started = re.findall(r'"python", "-m", "([\w.]+)"', DOCKERFILE) + re.findall(
        r"python -m ([\w.]+)$", DOCKERFILE, re.M
    )
    assert set(started) == {"pipelines", "recommender", "recommender.lambda_handler"}
    for name in started:
        path = SERVICES / name.replace(".", "/")
        assert (path / "__main__.py").exists() or path.with_suffix(".py").exists(), name


def test_an_image_knows_every_service_of_aws_that_its_code_calls() -> None:
    called = {
        name for file in _sources() for name in re.findall(r'(?:client|resource)\(\s*"([a-z0-9-]+)"', file.read_text())
    }
    assert called >= {"s3", "kinesis", "dynamodb"}
    assert called <= {*slim.AWS}


def test_a_module_whose_client_an_image_has_not_is_passed_over_and_one_that_is_broken_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pipelines"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "bare.py").write_text("import no_such_client")
    # As Feast does it.
    (package / "wrapped.py").write_text("try:\n  import no_such\nexcept ImportError as e:\n  raise Exception('get it')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipelines"]:
        monkeypatch.delitem(sys.modules, name)
    assert slim.load("pipelines") == ["pipelines.bare", "pipelines.wrapped"]
    (package / "zealous.py").write_text("import pipelines.gone")
    with pytest.raises(ModuleNotFoundError):
        slim.load("pipelines")
    (package / "zealous.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        slim.load("pipelines")


def test_the_loop_does_without_what_is_left_out_and_what_it_imports_late_is_compiled_too() -> None:
    left_out = re.findall(r"--no-install-package (\S+)", DOCKERFILE)
    assert "mypy" in left_out
    absent = [top for top, names in packages_distributions().items() if {name.lower() for name in names} & {*left_out}]
    (modules,) = re.findall(r"slim.py .venv (recommender pipelines [^#]*?)\n\n", DOCKERFILE)
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
        f"import slim; print(*[one for name in {modules.replace(chr(92), ' ').split()!r} for one in slim.load(name)])\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=SERVICES, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    passed_over, loaded = done.stdout.splitlines()[-2:]
    assert not passed_over
    # Implicit leans on a library of the system that the stage which compiles has not; the others are of groups of their
    # own, for images that are built with them.
    elsewhere = {"implicit", "confluent_kafka", "aws_msk_iam_sasl_signer", "pulsar"}
    assert _late_imports() - elsewhere <= {*loaded.split()}


def test_an_environment_is_pruned_of_what_nothing_reads_and_of_nothing_else(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    gone = ("pandas/tests/test_frame.py", "scipy/stats/tests/x.py", "pyarrow/include/a.h", "botocore/data/ec2/api.json")
    kept = (
        "pandas/core.py",
        "evidently/legacy/tests/base.py",
        "botocore/data/s3/api.json",
        "botocore/data/endpoints.json",
    )
    for name in (*gone, *kept):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    slim.prune(tmp_path)
    assert {name for name in (*gone, *kept) if (site / name).exists()} == set(kept)


def _sources() -> list[Path]:
    return [file for part in ("pipelines", "recommender") for file in (SERVICES / part).rglob("*.py")]


def _late_imports() -> set[str]:
    """Packages that a function of the loop imports."""
    found: set[str] = set()
    for file in (SERVICES / "pipelines").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {name.partition(".")[0] for inside in ast.walk(node) for name in _imported(inside)}
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
