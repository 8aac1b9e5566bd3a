"""A small API server over real HTTP: discovery, create, server-side apply, get, list and delete by uid. It remembers
what it was sent."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Object = dict[str, Any]

_VERBS = ["create", "delete", "get", "list", "patch"]
_RESOURCES = {
    "/api/v1": [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "secrets", "kind": "Secret", "namespaced": True},
        {"name": "events", "kind": "Event", "namespaced": True},
    ],
    "/apis/storage.k8s.io/v1": [{"name": "storageclasses", "kind": "StorageClass", "namespaced": False}],
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request that changes something."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass(kw_only=True)
class FakeApiServer:
    """What the server was sent, and what it holds by path."""

    kubeconfig: Path
    sent: list[Sent] = field(default_factory=list)
    objects: dict[str, Object] = field(default_factory=dict)
    refusal: str = ""
    """When set, creates and applies are answered with it, as an admission webhook would."""
    refused_kind: str = ""
    """The only kind that is refused; empty for all."""
    on_create: Callable[[Object], object] | None = None
    """Called with every object that a client made, as a controller would notice it."""
    going: str = ""
    """A group of kinds that goes when somebody has just read that it is there."""
    number: int = 0
    """Of the object that was made last."""

    def put(self, path: str, body: Object) -> Object:
        """Hold an object, made by somebody else unless the path was asked for."""
        self.number += 1
        metadata = {"uid": f"uid-{self.number}", "resourceVersion": "1", **body["metadata"]}
        self.objects[path] = {**body, "metadata": metadata}
        return self.objects[path]

    def make(self, kind: str, name: str, namespace: str = "") -> Object:
        """Somebody else's object of a core kind."""
        plural = next(row["name"] for row in _RESOURCES["/api/v1"] if row["kind"] == kind)
        within = f"/namespaces/{namespace}" if namespace else ""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        body = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
        return self.put(f"/api/v1{within}/{plural}/{name}", body)


@contextmanager
def serving(folder: Path) -> Iterator[FakeApiServer]:
    """A running server and a kubeconfig that leads to it."""
    fake = FakeApiServer(kubeconfig=folder / "kubeconfig")
    server = _Server(("127.0.0.1", 0), _Handler)
    server.fake = fake
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


class _Server(ThreadingHTTPServer):
    fake: FakeApiServer


class _Handler(BaseHTTPRequestHandler):
    @property
    def fake(self) -> FakeApiServer:
        assert isinstance(self.server, _Server)
        return self.server.fake

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self.fake.going and parts.path == f"/apis/{self.fake.going}/v1":
            self.fake.going = ""
            self._status(404, "page not found")
        elif discovered := _discovered(parts.path, self.fake.going):
            self._answer(200, discovered)
        elif parts.path in self.fake.objects:
            self._answer(200, self.fake.objects[parts.path])
        elif (plural := parts.path.rpartition("/")[2]) in _plurals():
            selector = parse_qs(parts.query).get("labelSelector", [""])[0]
            kind = f"{_plurals()[plural]}List"
            self._answer(200, {"kind": kind, "items": _listed(self.fake, parts.path, plural, selector)})
        else:
            self._status(404, "not found")

    def do_POST(self) -> None:
        sent = self._received()
        path = f"{sent.path}/{sent.body['metadata']['name']}"
        if path in self.fake.objects:
            self._status(409, f"{path} already exists", reason="AlreadyExists")
        elif self.fake.refusal and self.fake.refused_kind in ("", sent.body["kind"]):
            self._status(403, self.fake.refusal)
        else:
            fields = [{"manager": sent.query["fieldManager"], "operation": "Update"}]
            metadata = {**sent.body["metadata"], "managedFields": fields}
            made = self.fake.put(path, {**sent.body, "metadata": metadata})
            if self.fake.on_create:
                self.fake.on_create(made)
            self._answer(201, made)

    def do_PATCH(self) -> None:
        sent = self._received()
        held = self.fake.objects[sent.path]
        if isinstance(sent.body, list):
            changes = {one["path"].rpartition("/")[2]: one["value"] for one in sent.body}
            held["metadata"] |= changes
            self._answer(200, held)
        elif self.fake.refusal:
            self._status(403, self.fake.refusal)
        elif sent.body["metadata"].get("uid", held["metadata"]["uid"]) != held["metadata"]["uid"]:
            self._status(409, "Precondition failed: UID in precondition", reason="Conflict")
        else:
            self._answer(200, self.fake.put(sent.path, {**sent.body, "metadata": held["metadata"]}))

    def do_DELETE(self) -> None:
        sent = self._received()
        held = self.fake.objects.get(sent.path)
        wanted = (sent.body.get("preconditions") or {}).get("uid")
        if held is None:
            self._status(404, "not found")
        elif wanted and wanted != held["metadata"]["uid"]:
            self._status(409, "Precondition failed: UID in precondition", reason="Conflict")
        else:
            for path in [path for path in self.fake.objects if path == sent.path or path.startswith(f"{sent.path}/")]:
                del self.fake.objects[path]
            self._answer(200, {"kind": "Status", "status": "Success"})

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
        self.fake.sent.append(sent)
        return sent

    def _status(self, code: int, message: str, reason: str = "") -> None:
        status = {"kind": "Status", "status": "Failure", "message": message, "code": code, "reason": reason}
        self._answer(code, status)

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        return


def _plurals() -> dict[str, str]:
    """Plural -> kind."""
    return {str(row["name"]): str(row["kind"]) for rows in _RESOURCES.values() for row in rows}


def _listed(fake: FakeApiServer, path: str, plural: str, selector: str) -> list[Object]:
    """Objects of a kind, of one namespace where the path names one, with a label where one is asked for."""
    start = path.removesuffix(f"/{plural}")
    found = [body for at, body in fake.objects.items() if at.startswith(start) and at.split("/")[-2] == plural]
    key, _, value = selector.partition("=")
    return [one for one in found if not key or (one["metadata"].get("labels") or {}).get(key) == value]


def _discovered(path: str, going: str) -> dict[str, Any] | None:
    if path == "/version":
        return {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
    if path == "/apis":
        return {"kind": "APIGroupList", "groups": [_group(name) for name in ("storage.k8s.io", going) if name]}
    if path not in _RESOURCES:
        return None
    resources = [{"verbs": _VERBS, "singularName": "", **row} for row in _RESOURCES[path]]
    return {"kind": "APIResourceList", "groupVersion": path.rpartition("/")[2], "resources": resources}


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}
