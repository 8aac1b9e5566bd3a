"""Ports on loopback: the usual ones where they are free, else any that is; asked for ones or an error."""

import socket
from collections.abc import Collection, Mapping

import psutil

from mlops.local.layout import LocalError
from mlops.local.processes import described

USUAL = {"recommender": 8000, "mlflow": 5000, "aws": 5555, "worker": 9108}
"""Part -> the port that its documentation uses."""


class PortError(LocalError):
    """A port cannot be had. Who has it, and what to do."""


def choose(
    asked: Mapping[str, int], remembered: Mapping[str, int], ours: Collection[int], *, names: Collection[str] = USUAL
) -> dict[str, int]:
    """A port for every part.

    Args:
        asked: what the user wants; only these can fail.
        remembered: the ports of the last time, kept while they are free, so that addresses stay the same.
        ours: ports that running parts of this stack hold; they are as good as free.

    Raises:
        PortError: an asked one is taken, twice asked for, or of a part that does not exist.
    """
    for name, port in asked.items():
        if name not in names:
            raise PortError(f'There is no part "{name}" with a port. Allowed: {", ".join(names)}.')
        if not 1 <= port <= 65535:
            raise PortError(f"{port} is no port. Allowed: 1 to 65535.")
        if list(asked.values()).count(port) > 1:
            raise PortError(f"Port {port} is asked for twice. Give each part its own.")
        if port not in ours and not is_free(port):
            raise PortError(
                f"Port {port}, asked for with --port {name}={port}, is taken by {owner(port)}. "
                f"Stop that, or choose another port; without --port {name}=… a free one is taken."
            )
    chosen = dict(asked)
    for name in names:
        if name in chosen:
            continue
        used = set(chosen.values())
        candidates = [port for port in (remembered.get(name), USUAL.get(name)) if port and port not in used]
        chosen[name] = next((port for port in candidates if port in ours or is_free(port)), 0) or _any_free(used)
    return chosen


def is_free(port: int) -> bool:
    """Whether a process could listen on it, on loopback, now."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def owner(port: int) -> str:
    """Who listens on a port, in words."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and port in connection.laddr and connection.pid:
                return described(connection.pid)
    except psutil.Error:
        # Only the administrator may look at others' connections on some systems.
        return "another process"
    return "another process"


def _any_free(used: Collection[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in used:
            return port
