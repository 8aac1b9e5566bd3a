"""Into the pods of a real cluster: a command run in one, and a port of one at hand on this machine. Both go through the
API server, as kubectl's do, so that no policy and no address of the cluster stands in the way."""

import select
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from localcloud.provider import RefusedError

_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.5


class PodAccess:
    """One cluster, by a context of a kubeconfig."""

    def __init__(self, kubeconfig: Path, context: str) -> None:
        self._kubeconfig = kubeconfig
        self._context = context

    def run(self, namespace: str, pod: str, command: Sequence[str], say: Callable[[str], object]) -> int:
        """Run a command in a pod's first container, and say each line that it writes.

        Returns:
            Its exit code.

        Raises:
            RefusedError: the API server refuses, or the connection is lost.
        """
        from kubernetes.stream import stream

        opened: Any = stream
        try:
            call = self._core().connect_get_namespaced_pod_exec
            told = {"stdout": True, "stderr": True, "stdin": False, "tty": False, "_preload_content": False}
            running = opened(call, pod, namespace, command=[*command], **told)
            rest = {"stdout": "", "stderr": ""}
            while running.is_open():
                running.update(timeout=_LOOK_SECONDS)
                for channel, read in (("stdout", running.read_stdout), ("stderr", running.read_stderr)):
                    *lines, rest[channel] = (rest[channel] + (read(timeout=0) or "")).split("\n")
                    for line in lines:
                        say(line)
            for line in filter(None, rest.values()):
                say(line)
            return int(running.returncode)
        except Exception as error:  # the client raises whatever its transport raises
            raise RefusedError(f'Pod "{namespace}/{pod}" cannot run {" ".join(command[:4])}: {error}') from None

    @contextmanager
    def port(self, namespace: str, pod: str, port: int) -> Generator[int]:
        """A port on loopback that leads to one of a pod."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=self._serve, args=(server, namespace, pod, port), daemon=True).start()
            yield int(server.getsockname()[1])

    def _serve(self, server: socket.socket, namespace: str, pod: str, port: int) -> None:
        # Closing the server ends it.
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=self._lead, args=(connection, namespace, pod, port), daemon=True).start()

    def _lead(self, connection: socket.socket, namespace: str, pod: str, port: int) -> None:
        from kubernetes.stream import portforward

        opened: Any = portforward
        # What does not come about is seen by who is connected: the connection ends.
        with connection, suppress(Exception):
            call = self._core().connect_get_namespaced_pod_portforward
            there = opened(call, pod, namespace, ports=str(port)).socket(port)
            other = {connection: there, there: connection}
            while True:
                for readable in select.select([*other], [], [])[0]:
                    data = readable.recv(_CHUNK)
                    if not data:
                        return
                    other[readable].sendall(data)

    def _core(self) -> Any:
        """A client of its own for each connection: streams change the one that they are opened by."""
        from kubernetes import client, config

        connect: Any = config.new_client_from_config
        made: Any = client.CoreV1Api
        return made(connect(config_file=str(self._kubeconfig), context=self._context))
