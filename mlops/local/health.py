"""Whether a part works: its own process answers, where it should, with what it should."""

import socket
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from mlops.local.ports import owner
from mlops.local.processes import listens
from mlops.local.programs import Program

_SECONDS = 3.0
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Health:
    """The result of one look."""

    ok: bool
    detail: str
    """What is wrong, or an empty string."""


def look(program: Program, pid: int) -> Health:
    """Ask a part whether it works.

    An answer alone proves nothing: on a taken port it comes from another process. So the port must be held by the
    part's own process or one that it has started.
    """
    if not pid:
        return Health(False, "is not running")
    if program.probe == "socket":
        return _socket(program.path)
    assert program.port is not None
    if not _connects(program.port):
        return Health(False, "does not listen yet")
    if not listens(pid, program.port):
        return Health(False, f"port {program.port} is taken by {owner(program.port)}")
    return Health(True, "") if program.probe == "tcp" else _http(f"http://127.0.0.1:{program.port}{program.path}")


def fetch(url: str, seconds: float = _SECONDS) -> tuple[int, bytes]:
    """Status and body of a GET, past any proxy.

    Raises:
        OSError: nobody answers.
    """
    try:
        with _direct.open(url, timeout=seconds) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()
    except HTTPException as error:
        raise OSError(str(error)) from None


def _http(url: str) -> Health:
    try:
        status, _ = fetch(url)
    except (URLError, OSError) as error:
        return Health(False, f"does not answer: {getattr(error, 'reason', error)}")
    return Health(status == 200, "" if status == 200 else f"answers {status}")


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _socket(path: str) -> Health:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_SECONDS)
        try:
            probe.connect(path)
            probe.sendall(b"null\n")
        except OSError:
            return Health(False, "does not listen yet")
    return Health(True, "")
