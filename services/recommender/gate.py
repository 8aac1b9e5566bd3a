"""The gate that every request passes: who sends it, whether it may, and how often.

What is not listed here as open or as a visitor's is an operator's: a route that somebody adds, the documentation and
paths that do not exist included.
"""

import contextlib
import math
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from recommender.limit import Limit, network_of
from recommender.login import INSIDE, Caller, KeysError, Login, LoginError
from recommender.metrics import Metrics
from recommender.settings import Settings

V2 = "/v2"
_OPEN = frozenset({"/health", "/ping", "/ready", "/v2/health/live", "/v2/health/ready"})
"""Probes, which can say nothing of themselves, and which must be answered when all others have to wait."""
_VISITORS = ("/recommendations/", "/products/", "/v2/models/")
_VISITORS_EXACTLY = frozenset({"/events", "/invocations", V2})


class Gate:
    """Lets a request through, with the caller in its scope, or answers it. Plain ASGI: it costs microseconds."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._login = Login(settings) if settings.asks_login else None
        self._rate, self._key_rate = settings.limit, settings.key_limit
        self._limit = Limit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        # Whether or not it asks: what it sees depends on who it is.
        state["caller"] = INSIDE if self._login is None else Caller("nobody")
        refusal = await (self._greet(scope, state) if is_open(scope["path"]) else self._refusal(scope, state))
        await (refusal or self._app)(scope, receive, send)

    async def _greet(self, scope: Scope, state: dict[str, object]) -> None:
        """Let everybody in; who says who it is may be told more."""
        if self._login is not None:
            with contextlib.suppress(LoginError, KeysError):
                state["caller"] = await self._login.who(scope["headers"])

    async def _refusal(self, scope: Scope, state: dict[str, object]) -> JSONResponse | None:
        address = f"address {network_of((scope.get('client') or ('',))[0])}"
        if self._login is None:
            return self._too_often(scope, state, address, self._rate)
        try:
            caller = await self._login.who(scope["headers"])
        except LoginError as error:
            # Counted as well: guessing is asking.
            return self._too_often(scope, state, address, self._rate) or self._answer(
                scope, 401, "login", str(error), {"WWW-Authenticate": "Bearer"}
            )
        except KeysError:
            text = "The keys that tokens are verified with cannot be read at the moment: try again."
            return self._answer(scope, 503, "login", text, {"Retry-After": "5"})
        state["caller"] = caller
        refusal = self._too_often(scope, state, caller.name, self._key_rate if caller.person is None else self._rate)
        if refusal is not None or _needed(scope["path"]) in caller.scopes:
            return refusal
        text = f"This needs the scope {_needed(scope['path'])}."
        return self._answer(scope, 403, "scope", text)

    def _too_often(self, scope: Scope, state: dict[str, object], who: str, rate: float) -> JSONResponse | None:
        wait = self._limit.wait(who, rate)
        state["charge"] = lambda cost: self._limit.charge(who, cost)
        if not wait:
            return None
        text = f"More than {rate:g} requests a second, on average: wait, and ask again."
        return self._answer(scope, 429, "limit", text, {"Retry-After": str(max(1, math.ceil(wait)))})

    def _answer(
        self, scope: Scope, status: int, reason: str, text: str, headers: Mapping[str, str] | None = None
    ) -> JSONResponse:
        self._metrics.turned_away.labels(reason).inc()
        return JSONResponse({"error" if scope["path"].startswith(V2) else "detail": text}, status, headers)


def caller_of(request: Request) -> Caller:
    """Who sends it."""
    caller: Caller = request.state.caller
    return caller


def charge(request: Request, cost: int) -> None:
    """Count a request that was let in as so many."""
    if cost > 1 and "charge" in request.state:
        request.state.charge(cost - 1)


def is_open(path: str) -> bool:
    """Whether nobody who asks for it has to say who they are."""
    return path in _OPEN or (path.startswith("/v2/models/") and path.endswith("/ready"))


def _needed(path: str) -> str:
    return "visitor" if path in _VISITORS_EXACTLY or path.startswith(_VISITORS) else "operator"
