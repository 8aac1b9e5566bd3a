"""The job that makes the role of Pulsar's clients, against imitations of what it asks. What real brokers say of its
token and its rights is in services/tests/pipelines/test_streams.py."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.data_pipeline.pulsar import introduce
from tests.platforms import ROOT

KEY = bytes(range(32))


@dataclass
class Asked:
    """What came, as method and path, headers and body; and what is answered, by method and path."""

    url: str = ""
    answers: dict[str, list[int]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def server() -> Iterator[Asked]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            what = f"{self.command} {self.path}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.requests.append((what, dict(self.headers), body))
            codes = asked.answers.get(what, [])
            self.send_response(codes.pop(0) if codes else 204)
            self.end_headers()

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        asked.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield asked
        http.shutdown()
        thread.join()


def introduced(asked: Asked) -> list[tuple[str, bytes]]:
    introduce.Admin(asked.url, "super", None).introduce("public/default", "events", 3, "client")
    return [(what, body) for what, _, body in asked.requests]


MADE = [
    ("GET /admin/v2/namespaces/public/default", b""),
    ("PUT /admin/v2/persistent/public/default/events/partitions", b"3"),
    ("POST /admin/v2/namespaces/public/default/permissions/client", b'["produce", "consume"]'),
]


def test_the_topic_is_made_and_the_role_may_write_to_and_read_its_namespace() -> None:
    with server() as asked:
        assert introduced(asked) == MADE
        assert {headers["Authorization"] for _, headers, _ in asked.requests} == {"Bearer super"}


def test_a_topic_that_is_there_stays_as_it_is() -> None:
    with server() as asked:
        asked.answers[MADE[1][0]] = [409]
        assert introduced(asked) == MADE


def test_it_waits_for_brokers_that_do_not_answer_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with server() as asked:
        asked.answers[MADE[0][0]] = [503, 404]
        assert introduced(asked) == [MADE[0], *MADE[:1], *MADE]


def test_who_is_refused_hears_by_whom_and_nothing_of_the_token() -> None:
    with server() as asked:
        asked.answers[MADE[2][0]] = [401]
        with pytest.raises(OSError, match="permissions/client was answered with 401") as caught:
            introduced(asked)
        assert "super" not in str(caught.value)


_READ = "import jwt, sys; print(jwt.decode(sys.argv[1], bytes.fromhex(sys.argv[2]), algorithms=['HS256']))"


def test_the_token_is_one_that_others_read_and_the_same_whenever_it_is_made() -> None:
    made = introduce.token(KEY, "client")
    assert introduce.token(KEY, "client") == made
    python = ROOT / "services" / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.skip("The services' environment, which has PyJWT, is not set up (`make setup`).")
    for key, answer in ((KEY, "{'sub': 'client'}"), (KEY[::-1], "")):
        done = subprocess.run([python, "-c", _READ, made, key.hex()], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == answer, done.stderr


def test_the_token_is_applied_to_a_secret_of_the_pods_own_namespace(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("pulsar")
    (tmp_path / "token").write_text("of-the-account\n")
    with server() as asked:
        introduce.hand_over("pulsar-token-client", "a.b.c", api=asked.url, account=tmp_path)
    ((what, headers, body),) = asked.requests
    path = "/api/v1/namespaces/pulsar/secrets/pulsar-token-client"
    assert what == f"PATCH {path}?fieldManager=mlops-platform&force=true"
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer of-the-account"
    document = json.loads(body)
    assert base64.b64decode(document["data"]["TOKEN"]) == b"a.b.c"
    assert document["metadata"] == {"name": "pulsar-token-client", "namespace": "pulsar"}
