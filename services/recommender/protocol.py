"""HTTP on the wire: uvicorn's protocol, which waits for the head of a request for ever, with an end to its patience.

What is no HTTP is refused in JSON, as everything else is.
"""

import asyncio
import json
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

KEEP_ALIVE_SECONDS = 75
"""Longer than any proxy in front keeps an idle connection (nginx 60 s, an ALB 60 s): whoever closes first must not
be the one that is still sent requests."""
MOST_HEAD_SECONDS = 10.0
"""From the first byte of a request to the end of its headers."""
MOST_HEAD_BYTES = 64 * 1024
"""Of the request's line and its headers; an ALB lets 64 K through
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html)."""


class PatientProtocol(HttpToolsProtocol):
    """One connection. Between two requests it may be idle as long as it is kept alive; bytes that begin no request, or
    that belong to one which is answered already, do not keep it longer."""

    _timer: TimerHandle | None = None
    _in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._expect(KEEP_ALIVE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._too_large()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._expect(MOST_HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Its headers are here."""
        self._in_head = False
        self._expect(None)
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MOST_HEAD_BYTES:
            self._too_large()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body is here."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered."""
        super().on_response_complete()
        if not self._in_head and not self.pipeline:
            self._expect(KEEP_ALIVE_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        if not self.transport.is_closing():
            self._refuse(400, "This is no HTTP request that can be read.")

    def _too_large(self) -> None:
        self._refuse(431, f"The request's line and headers are larger than {MOST_HEAD_BYTES} bytes.")

    def _expect(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._give_up) if seconds is not None else None

    def _give_up(self) -> None:
        if self._in_head:
            self._refuse(408, f"The request's headers did not come within {MOST_HEAD_SECONDS:.0f} s.")
        else:
            self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        cycle = self.cycle
        in_body = cycle is not None and cycle.more_body and not cycle.response_started and not self._in_head
        # Into the middle of another answer nothing can be said.
        if cycle is None or cycle.response_complete or in_body:
            body = json.dumps({"detail": text}).encode()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
            if in_body:
                cycle.disconnected = True
        self.transport.close()


def uvicorn_options(trusted_proxies: str) -> dict[str, Any]:
    """How uvicorn is told to speak it."""
    return {
        "http": PatientProtocol,
        "loop": "uvloop",
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies,
    }
