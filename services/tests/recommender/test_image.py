"""What the files around the service promise to each other; the images themselves are built where Docker is."""

import re
from pathlib import Path

import yaml

from recommender.app import MOST_BODY_BYTES
from recommender.login_settings import LoginSettings
from recommender.protocol import KEEP_ALIVE_SECONDS

SERVICES = Path(__file__).resolve().parents[2]
NGINX = (SERVICES / "nginx.conf").read_text()
DOCKERFILE = (SERVICES / "Dockerfile").read_text()
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
