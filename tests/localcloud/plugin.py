"""A provider plugin of two objects' worth, run as a process: what stands where the real Kubernetes provider would be.
It makes objects on the API server that it is told of, and answers as the real one does."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc  # type: ignore[import-untyped]
import yaml
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer, add_ResourceProviderServicer_to_server


class Plugin(ResourceProviderServicer):
    url = ""

    def Attach(self, request: Any, context: Any) -> Empty:
        return Empty()

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        told = MessageToDict(request)["args"]
        assert told["enableServerSideApply"] == "false"
        self.url = yaml.safe_load(Path(told["kubeconfig"]).read_text())["clusters"][0]["cluster"]["server"]
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        answer = provider_pb2.DiffResponse
        return answer(changes=answer.DIFF_NONE if request.old_inputs == request.news else answer.DIFF_SOME)

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        body = MessageToDict(request.properties)
        if not request.preview:
            body = self._ask("POST", _folder(body), body)
        metadata = body["metadata"]
        id_ = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
        answer = provider_pb2.CreateResponse(id=id_)
        answer.properties.update({**body, "__inputs": {}})
        return answer

    def Delete(self, request: Any, context: Any) -> Empty:
        body = MessageToDict(request.properties)
        self._ask("DELETE", f"{_folder(body)}/{body['metadata']['name']}", {})
        return Empty()

    def _ask(self, method: str, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}{path}?fieldManager=plugin", json.dumps(body).encode(), headers, method=method)
        with urlopen(request) as answer:
            return json.load(answer)


def _folder(body: dict[str, Any]) -> str:
    namespace = body["metadata"].get("namespace")
    return f"/api/v1/namespaces/{namespace}/configmaps" if namespace else "/api/v1/namespaces"


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(8))
    add_ResourceProviderServicer_to_server(Plugin(), server)
    sys.stdout.write(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    sys.stdout.flush()
    server.start()
    threading.Event().wait()
