"""The process manager (supervisord), reached over XML-RPC on a Unix socket in the stack's folder."""

import contextlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.local.layout import MARK, Layout, LocalError
from mlops.local.programs import NAMES

WATCH = "health"
"""The supervised process that looks after the others."""
_START_SECONDS = 20.0
_CALL_SECONDS = 30.0
_FOREIGN = ("AWS_", "MLFLOW_", "MLOPS_", "PULUMI_", "PYTHON", "VIRTUAL_ENV", "FEAST_", "MOTO_")
"""Variables of the user's shell that must not reach the processes: real credentials, other servers."""


class SupervisorError(LocalError):
    """The process manager does not do what it was asked. One sentence and what to do."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the supervisor knows of one program."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED or FATAL."""
    pid: int
    """0 where it does not run."""
    started: float
    """Unix time of the last start."""

    @property
    def up(self) -> bool:
        return self.state in ("RUNNING", "STARTING")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CALL_SECONDS)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _Connection(self._path)


class Supervisor:
    """The process manager of one local stack."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def running(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("supervisor.getState"))
        except xmlrpc.client.Fault:
            # It is shutting down, and says no to everything.
            return True
        except SupervisorError:
            return False

    def start(self) -> None:
        """Start it, with nothing under it but what looks after the others. One that runs is left alone.

        Raises:
            SupervisorError: it does not come up; the text ends with its own words.
        """
        if self.running():
            return
        self._layout.configuration.write_text(_configuration(self._layout))
        log = self._layout.logs / "supervisor.out"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._layout.services_python, "-m", "supervisor.supervisord", "-c", self._layout.configuration],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._layout.root,
                env=self._environment(),
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while not self.running():
            if process.poll() is not None or time.monotonic() > until:
                raise SupervisorError(f"The process manager does not start:\n{log.read_text()[-1500:]}")
            time.sleep(0.05)

    def states(self) -> dict[str, State]:
        """Every program by name; empty where the supervisor does not run, or not for much longer."""
        try:
            rows = self._call("supervisor.getAllProcessInfo")
        except (SupervisorError, xmlrpc.client.Fault):
            return {}
        return {
            row["name"]: State(
                name=row["name"], state=row["statename"], pid=int(row["pid"]), started=float(row["start"])
            )
            for row in rows
        }

    def start_program(self, name: str) -> None:
        """Start a program without waiting for it; one that runs is left alone."""
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call("supervisor.startProcess", name, False)

    def stop_program(self, name: str) -> None:
        """Stop a program and wait for it; one that does not run is left alone."""
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call("supervisor.stopProcess", name, True)

    def shutdown(self) -> None:
        """Ask it to stop everything and end; without waiting."""
        with contextlib.suppress(SupervisorError, xmlrpc.client.Fault):
            self._call("supervisor.shutdown")

    def _call(self, method: str, *arguments: object) -> Any:
        """
        Raises:
            SupervisorError: it does not answer.
            Fault: it refuses.
        """
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self._layout.supervisor_socket))
        try:
            target: Any = proxy
            for part in method.split("."):
                target = getattr(target, part)
            return target(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise SupervisorError(f"The local stack's process manager does not answer: {error}.") from None

    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {
            **kept,
            MARK: str(self._layout.run),
            "TMPDIR": str(self._layout.temporary),
            "PYTHONUNBUFFERED": "1",
            # Loopback needs no proxy, and a proxy cannot reach it.
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }


def _configuration(layout: Layout) -> str:
    sections = [
        {
            "": "unix_http_server",
            "file": layout.supervisor_socket,
            "chmod": "0700",
        },
        {
            "": "supervisord",
            "nodaemon": "true",
            "silent": "true",
            "logfile": layout.logs / "supervisor.log",
            "logfile_maxbytes": "1MB",
            "logfile_backups": "1",
            "pidfile": layout.run / "supervisor.pid",
            "childlogdir": layout.logs,
        },
        {
            "": "rpcinterface:supervisor",
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
        *(_program(layout, name, "mlops.local.launch", autostart=False) for name in NAMES),
        _program(layout, WATCH, "mlops.local.watch", autostart=True),
    ]
    texts = []
    for section in sections:
        lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in section.items() if key]
        texts.append("\n".join([f"[{section['']}]", *lines]))
    return "\n\n".join(texts) + "\n"


def _program(layout: Layout, name: str, module: str, *, autostart: bool) -> dict[str, object]:
    command = shlex.join([sys.executable, "-m", module, str(layout.root), *([] if autostart else [name])])
    return {
        "": f"program:{name}",
        "command": command,
        "directory": layout.root,
        "autostart": str(autostart).lower(),
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "3",
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": "10",
        "redirect_stderr": "true",
        "stdout_logfile": layout.logs / f"{name}.log",
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "1",
    }
