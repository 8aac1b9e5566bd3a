"""A small API server over real HTTP: discovery, server-side apply and delete, and it remembers what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

_NAMESPACE = {"name": "namespaces", "kind": "Namespace", "namespaced": False}
_RESOURCES = {
    "/api/v1": [
        _NAMESPACE,
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "secrets", "kind": "Secret", "namespaced": True},
    ],
    "/apis/apps/v1": [{"name": "deployments", "kind": "Deployment", "namespaced": True}],
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request that changes something."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: dict[str, Any]


@dataclass(kw_only=True)
class FakeApiServer:
    """What the server was sent, and what it holds."""

    kubeconfig: Path
    sent: list[Sent] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusal: str = ""
    """When set, every apply is answered with it, as an admission webhook would."""


@contextmanager
def serving(folder: Path) -> Iterator[FakeApiServer]:
    """A running server and a kubeconfig that leads to it."""
    fake = FakeApiServer(kubeconfig=folder / "kubeconfig")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    cluster = {"name": "fake", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "fake", "context": {"cluster": "fake", "user": "nobody"}}
    users = [{"name": "nobody", "user": {"token": "none"}}]
    config = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "fake"}
    fake.kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(fake: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, _discovered(self.path))

        def do_PATCH(self) -> None:
            sent = self._received()
            if fake.refusal:
                self._answer(403, {"kind": "Status", "status": "Failure", "message": fake.refusal, "code": 403})
                return
            fake.objects[sent.path] = sent.body
            self._answer(200, sent.body)

        def do_DELETE(self) -> None:
            found = fake.objects.pop(self._received().path, None)
            self._answer(200 if found else 404, {"kind": "Status", "message": "not found", "code": 404})

        def _received(self) -> Sent:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = Sent(
                method=self.command,
                path=parts.path,
                query={key: values[0] for key, values in parse_qs(parts.query).items()},
                content_type=self.headers.get("Content-Type", ""),
                body=json.loads(text or "null") or {},
            )
            fake.sent.append(sent)
            return sent

        def _answer(self, code: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            return

    return Handler


def _discovered(path: str) -> dict[str, Any]:
    path = urlsplit(path).path
    if path == "/version":
        return {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
    if path == "/apis":
        version = {"groupVersion": "apps/v1", "version": "v1"}
        return {
            "kind": "APIGroupList",
            "groups": [{"name": "apps", "versions": [version], "preferredVersion": version}],
        }
    resources = [{"verbs": ["get", "patch", "delete"], "singularName": "", **row} for row in _RESOURCES.get(path, [])]
    return {"kind": "APIResourceList", "groupVersion": path.rpartition("/")[2], "resources": resources}
