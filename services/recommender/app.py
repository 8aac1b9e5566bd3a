"""The ASGI application: routes, what every request passes, and the errors' bodies."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommender import api, invocations, v2
from recommender.events import Stream
from recommender.gate import V2, Gate, is_open
from recommender.metrics import Metrics
from recommender.schema import Problem
from recommender.service import NoCatalogueError, NotReadyError, Service
from recommender.settings import Settings
from recommender.v2_schema import ErrorBody

MOST_BODY_BYTES = 1024 * 1024
"""Five hundred events and a thousand users fit; more would only be parsed to be refused."""

MOST_WAIT_SECONDS = 10.0
"""For the next part of a body: who sends half a request does not keep a connection for ever."""

MOST_BODY_SECONDS = 30.0
"""For all of it, however busily it drips."""

log = logging.getLogger("recommender")

_NO_MODEL = "No model is loaded yet: /ready tells why."


def create_app(settings: Settings, stream: Stream | None = None) -> FastAPI:
    """The application. `stream` takes the place of the one that the settings name."""
    service = Service(settings, stream)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Recommender",
        version="1",
        description="Recommendations from collaborative filtering, by popularity for users it does not know.",
        lifespan=lifespan,
        # Clients of the V2 protocol send JSON without saying so. No cookie is read here that a page could borrow.
        strict_content_type=False,
        # A redirect would answer without JSON, and with whatever host the client named.
        redirect_slashes=False,
    )
    app.state.service = service
    app.include_router(api.routes(service), responses=_turned_away(Problem))
    app.include_router(invocations.routes(service), responses=_turned_away(Problem))
    app.include_router(v2.routes(service), responses=_turned_away(ErrorBody))
    app.add_exception_handler(NotReadyError, _not_ready)
    app.add_exception_handler(NoCatalogueError, _no_catalogue)
    app.add_exception_handler(v2.ProtocolError, v2.protocol_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(StarletteHTTPException, _http_error)  # type: ignore[arg-type]
    if settings.asks_login:
        _document_login(app)
    # The last one is the first that a request passes: who is turned away is counted too.
    app.add_middleware(Gate, settings=settings, metrics=service.metrics)
    app.add_middleware(Observe, metrics=service.metrics)
    return app


def _document_login(app: FastAPI) -> None:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        schema["components"]["securitySchemes"] = {"login": {"type": "http", "scheme": "bearer"}}
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                if not is_open(path):
                    operation["security"] = [{"login": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


class Observe:
    """Counts and times every request, and ends those that are too large, too slow, or that something unforeseen
    happens to. Plain ASGI: it costs microseconds."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, _patient(scope, receive), noted)
        except Exception as error:
            # Where, and not what: the text of an unforeseen error may hold what somebody sent.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s in %s, %s:%s", type(error).__name__, place.name, Path(place.filename).name, place.lineno)
            if status:
                raise ConnectionAbortedError from None
            await _unforeseen(scope)(scope, receive, noted)
        finally:
            # Paths are unbounded, routes are not.
            route = getattr(scope.get("route"), "path", "unknown").replace(":path", "")
            self._metrics.requests.labels(scope["method"], route, status or 500).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)


def _patient(scope: Scope, receive: Receive) -> Receive:
    """Receives a body, as long as it is neither too large nor too slow."""
    end: float | None = None
    received = 0
    # Once it is complete nothing is waited for but the client's leaving.
    waits = True

    def declared() -> int:
        sizes = (value for name, value in scope["headers"] if name == b"content-length" and value.isdigit())
        # As many digits as matter.
        return int(next(sizes, b"0")[:18])

    async def counted() -> Message:
        nonlocal end, received, waits
        if end is None and declared() > MOST_BODY_BYTES:
            # Nobody waits for what will be thrown away.
            raise HTTPException(413, f"The body is larger than {MOST_BODY_BYTES} bytes.", {"Connection": "close"})
        now = time.monotonic()
        end = end if end is not None else now + MOST_BODY_SECONDS
        try:
            message = await asyncio.wait_for(receive(), min(MOST_WAIT_SECONDS, end - now)) if waits else await receive()
        except TimeoutError:
            raise HTTPException(408, "The body did not come in time.", {"Connection": "close"}) from None
        received += len(message.get("body", b""))
        waits = bool(message.get("more_body"))
        if received > MOST_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MOST_BODY_BYTES} bytes.", {"Connection": "close"})
        return message

    return counted


def _turned_away(body: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What every route may answer where there is a login or a limit."""
    why = {
        401: "Nobody knows who asks",
        403: "Who asks may not",
        429: "Too many requests: Retry-After tells when",
    }
    return {status: {"model": body, "description": text} for status, text in why.items()}


def _unforeseen(scope: Scope) -> JSONResponse:
    text = "Something went wrong here; the log says where."
    return JSONResponse({"error" if scope["path"].startswith(V2) else "detail": text}, 500)


async def _not_ready(request: Request, _: Exception) -> Response:
    body = {"error": _NO_MODEL} if _speaks_v2(request) else {"detail": _NO_MODEL}
    return JSONResponse(body, 503, {"Retry-After": "1"})


async def _no_catalogue(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "No catalogue is known here yet to filter by: the loop writes it."}, 409)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    # Where and why, and not what was sent: that may be no JSON (NaN, half a character), and it may be personal.
    issues = [
        {"type": issue["type"], "loc": [_text(part) for part in issue["loc"]], "msg": _text(issue["msg"])}
        for issue in error.errors()
    ]
    if not _speaks_v2(request):
        return JSONResponse({"detail": issues}, 422)
    lines = [f"{'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in issues]
    return JSONResponse({"error": "; ".join(lines)}, 400)


def _text(part: object) -> object:
    return part.encode("utf-8", "replace").decode() if isinstance(part, str) else part


async def _http_error(request: Request, error: StarletteHTTPException) -> Response:
    if not _speaks_v2(request):
        return await http_exception_handler(request, error)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


def _speaks_v2(request: Request) -> bool:
    return request.url.path.startswith(V2)
