"""What comes over the wire and is no proper request: it ends in time, and is answered in JSON."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from recommender import app as application
from recommender import protocol
from recommender.app import create_app
from recommender.events import Record
from recommender.protocol import MOST_HEAD_BYTES, uvicorn_options
from recommender.settings import Settings

HOST = b"Host: x\r\n"
POST = b"POST /events HTTP/1.1\r\n" + HOST
EVENT = b'{"user_id": "ana", "product_id": "cup", "event_type": "view"}'


class Nowhere:
    """A stream that takes everything."""

    def put(self, _: list[Record]) -> list[Record]:
        return []


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A service whose patience is a tenth of what it is, and which breaks where it is told to."""
    from tests.recommender.conftest import tiny

    folder = tiny().save(tmp_path_factory.mktemp("wire") / "model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "MOST_HEAD_SECONDS", 1.0)
        patch.setattr(protocol, "KEEP_ALIVE_SECONDS", 2.0)
        patch.setattr(application, "MOST_WAIT_SECONDS", 1.0)
        patch.setattr(application, "MOST_BODY_SECONDS", 2.0)
        made = create_app(Settings.from_environment({"MLOPS_MODEL_PATH": str(folder)}), Nowhere())

        @made.get("/breaks")
        async def breaks() -> None:
            raise ZeroDivisionError("ana@example.com")

        options = uvicorn_options("")
        server = uvicorn.Server(uvicorn.Config(made, host="127.0.0.1", port=0, log_config=None, **options))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def connect(address: tuple[str, int]) -> Iterator[Callable[[], socket.socket]]:
    opened: list[socket.socket] = []

    def one() -> socket.socket:
        opened.append(socket.create_connection(address, timeout=15))
        return opened[-1]

    yield one
    for connection in opened:
        connection.close()


def answer(connection: socket.socket) -> tuple[int, object, bool]:
    """Status, the body read as JSON, and whether the connection was closed after it."""
    received = b""
    closed = False
    connection.settimeout(0.7)
    try:
        while chunk := connection.recv(65_536):
            received += chunk
        closed = True
    except TimeoutError:
        pass
    except ConnectionResetError:
        closed = True
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), received
    return int(head.split()[1]), json.loads(body), closed


def until_closed(connection: socket.socket, drip: bytes) -> float:
    """Seconds until the other side lets go of a connection that is fed drop by drop; 15 where it does not."""
    started = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - started < 15:
        try:
            connection.sendall(drip)
            if not connection.recv(65_536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


SLOW = {
    "nothing at all": (b"", b"", 2),
    "empty lines": (b"\r\n", b"\r\n", 2),
    "half a line": (b"GET /hea", b"l", 1),
    "headers without end": (b"GET /health HTTP/1.1\r\n" + HOST, b"x-a: b\r\n", 1),
    "a header without end": (b"GET /health HTTP/1.1\r\n" + HOST + b"x: ", b"y", 1),
    "half a body": (POST + b"Content-Length: 5000\r\n\r\n{", b"", 1),
    "a body in drops": (POST + b"Content-Length: 5000\r\n\r\n{", b" ", 2),
    "chunks in drops": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 2),
    "a body that nobody wants": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 5000\r\n\r\n", b"x", 2),
    "a body that was refused": (b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 5000\r\n\r\n", b"x", 2),
    "half a second request": (b"GET /health HTTP/1.1\r\n" + HOST + b"\r\nGET /hea", b"l", 1),
}


@pytest.mark.parametrize("what", SLOW)
def test_whoever_is_slow_on_purpose_is_let_go(connect: Callable[[], socket.socket], what: str) -> None:
    first, drip, seconds = SLOW[what]
    connection = connect()
    connection.sendall(first)
    # Some are two patiences after each other: the body's, and that for what follows an answer.
    assert until_closed(connection, drip) < 2 * seconds + 2.5


def test_who_is_quick_is_kept(connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    for _ in range(3):
        connection.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        time.sleep(1.2)
    connection.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET /ready HTTP/1.1\r\n" + HOST + b"\r\n")
    time.sleep(0.3)
    assert connection.recv(65_536).count(b"HTTP/1.1 200") == 2, "pipelined"


ODD = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "a method of one's own": (b"STEAL /health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "letters of no address": ("GET /recommendations/ü HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400),
    "two lengths": (
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400
    ),
    "length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400
    ),
    "a chunk that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "one huge header": (b"GET /health HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 2 * MOST_HEAD_BYTES + b"\r\n\r\n", 431),
    "many headers": (b"GET /health HTTP/1.1\r\n" + HOST + b"x: y\r\n" * MOST_HEAD_BYTES, 431),
    "a huge address": (b"GET /" + b"x" * 2 * MOST_HEAD_BYTES + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "something unforeseen": (b"GET /breaks HTTP/1.1\r\n" + HOST + b"\r\n", 500),
    "no such path": (b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a slash too many": (b"GET /health/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a body that is announced too large": (POST + b"Content-Length: 9999999\r\n\r\n", 413),
    "a body whose size is no size": (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
    "no such method": (b"DELETE /events HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "options": (b"OPTIONS /events HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "an upgrade": (
        b"GET /health HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200
    ),
    "a body in chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVENT), EVENT), 202,
    ),
    "a body that asks first": (
        b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2000000000\r\n\r\n", 404
    ),
    "a body that is packed": (
        POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 400
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_whatever_is_sent_is_answered_in_json(connect: Callable[[], socket.socket], what: str) -> None:
    sent, status = ODD[what]
    connection = connect()
    connection.sendall(sent)
    found, body, _ = answer(connection)
    assert isinstance(body, dict)
    assert found == status


def test_an_unforeseen_error_is_logged_by_its_place_and_not_by_its_text(
    connect: Callable[[], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect()
    with caplog.at_level(logging.DEBUG):
        connection.sendall(b"GET /breaks HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer(connection)[1] == {"detail": "Something went wrong here; the log says where."}
    assert "ZeroDivisionError in breaks, test_wire.py" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_whose_forwarded_address_is_believed_is_a_setting(saved: Path) -> None:
    for trusted, believed in (("", False), ("127.0.0.1", True), ("10.0.0.0/8,127.0.0.1", True)):
        options = uvicorn_options(trusted)
        assert options["proxy_headers"] is believed
        assert options["forwarded_allow_ips"] == trusted
