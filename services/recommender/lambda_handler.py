"""The same application on AWS Lambda, behind an HTTP API or a function URL (payload format 2.0).

`handler(event, context)` serves a runtime that is there already; `python -m recommender.lambda_handler` speaks
Lambda's runtime API itself, so that the image needs no other entry than this command.

Lambda freezes a process between two requests, so nothing here happens in the background: accepted events are written
before the answer is given; the registry is looked at after an answer, once `poll_seconds` have passed, and what was
shown is written once `impression_seconds` have. The last impressions of a process that Lambda ends are lost.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import asyncio
import base64
import http.client
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from typing import Any, cast
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.types import Message, Scope

from recommender.app import create_app
from recommender.by_reference import SecretError, own_environment
from recommender.service import Service
from recommender.settings import Settings, SettingsError

_FIRST_MODEL_SECONDS = 9.0
"""Lambda gives the start ten seconds before it starts over."""
_RUNTIME = "/2018-06-01/runtime"
_TEXT = ("text/", "application/json", "application/openmetrics-text")

log = logging.getLogger("recommender")


class EventError(ValueError):
    """The event is no HTTP request of payload format 2.0."""


class Function:
    """One application and the loop it lives on, from one invocation to the next."""

    def __init__(self, settings: Settings, app: FastAPI | None = None) -> None:
        self._app = app if app is not None else create_app(settings)
        self._service = cast(Service, self._app.state.service)
        self._poll_seconds = settings.poll_seconds
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._loop.run_until_complete(self._start())
        self._looked = time.monotonic()

    async def _start(self) -> None:
        await self._stack.enter_async_context(self._service.running(watch=False))
        try:
            await asyncio.wait_for(self._service.refresh(), _FIRST_MODEL_SECONDS)
        except TimeoutError:
            log.warning("no model after %g s; asked for again with the next requests", _FIRST_MODEL_SECONDS)

    def close(self) -> None:
        """Write waiting events and stop."""
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.close()

    def __call__(self, event: Mapping[str, Any]) -> dict[str, object]:
        """Answer one event.

        Raises:
            EventError: it is no HTTP request of payload format 2.0.
        """
        return self._loop.run_until_complete(self._answer(scope(event), body(event)))

    async def _answer(self, request: Scope, content: bytes) -> dict[str, object]:
        if self._service.current is None:
            await self._service.refresh()
        sent: list[Message] = []
        received = False

        async def receive() -> Message:
            nonlocal received
            if received:
                return {"type": "http.disconnect"}
            received = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(request, receive, send)
        if self._service.writer is not None:
            await self._service.writer.drain()
        await self._service.impressions.flush_if_due()
        if time.monotonic() - self._looked >= self._poll_seconds:
            self._looked = time.monotonic()
            await self._service.refresh()
        return _response(sent)


def scope(event: Mapping[str, Any]) -> Scope:
    """The ASGI scope of an event.

    Raises:
        EventError: it is no HTTP request of payload format 2.0.
    """
    try:
        context = event["requestContext"]
        method, path = str(context["http"]["method"]), str(event["rawPath"])
        stage = str(context.get("stage", "$default"))
        headers = {str(name).lower(): str(value) for name, value in event.get("headers", {}).items()}
    except (KeyError, TypeError, AttributeError):
        raise EventError(
            "The event is not an HTTP request of payload format 2.0: put an HTTP API or a function URL in front."
        ) from None
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    host, _, port = headers.get("host", "lambda").partition(":")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode("utf-8", "replace"),
        "root_path": "",
        "query_string": str(event.get("rawQueryString", "")).encode(),
        "headers": [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()
        ],
        "client": (str(context["http"].get("sourceIp", "")), 0),
        "server": (host, int(port) if port.isdigit() else 443),
    }


def body(event: Mapping[str, Any]) -> bytes:
    """The body of an event."""
    text = str(event.get("body") or "")
    return base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()


def _response(messages: list[Message]) -> dict[str, object]:
    start = next(message for message in messages if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
    headers: dict[str, str] = {}
    for raw_name, raw_value in start["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    is_text = headers.get("content-type", "text/").startswith(_TEXT)
    return {
        "statusCode": start["status"],
        "headers": headers,
        "body": content.decode() if is_text else base64.b64encode(content).decode(),
        "isBase64Encoded": not is_text,
    }


@cache
def _function() -> Function:
    # Whatever stands in front of a function, it is not the network of a cluster.
    exposed = os.environ.get("MLOPS_EXPOSED") or "true"
    return Function(Settings.from_environment({**own_environment(), "MLOPS_EXPOSED": exposed}))


def handler(event: Mapping[str, Any], _: object = None) -> dict[str, object]:
    """Entry point for Lambda's own Python runtime: `recommender.lambda_handler.handler`."""
    return _function()(event)


def serve(address: str, function: Function, invocations: int | None = None) -> None:
    """Answer invocations of the runtime API at host:port: for ever, or as many as given."""
    connection = http.client.HTTPConnection(address)
    while invocations is None or invocations > 0:
        connection.request("GET", f"{_RUNTIME}/invocation/next")
        taken = connection.getresponse()
        event = json.loads(taken.read())
        path = f"{_RUNTIME}/invocation/{taken.headers['Lambda-Runtime-Aws-Request-Id']}"
        try:
            _post(connection, f"{path}/response", function(event))
        except EventError as error:
            _post(connection, f"{path}/error", {"errorType": "EventError", "errorMessage": str(error)})
        if invocations is not None:
            invocations -= 1


def _post(connection: http.client.HTTPConnection, path: str, answer: dict[str, object]) -> None:
    connection.request("POST", path, json.dumps(answer), {"Content-Type": "application/json"})
    connection.getresponse().read()


def main() -> int:
    """Serve the runtime API that the environment names; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        sys.stderr.write(
            "AWS_LAMBDA_RUNTIME_API is not set: this command runs on Lambda; see `python -m recommender`.\n"
        )
        return 2
    try:
        function = _function()
    except (SettingsError, SecretError) as error:
        sys.stderr.write(f"{error}\n")
        problem: dict[str, object] = {"errorType": type(error).__name__, "errorMessage": str(error)}
        _post(http.client.HTTPConnection(address), f"{_RUNTIME}/init/error", problem)
        return 2
    serve(address, function)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
