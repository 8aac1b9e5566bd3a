"""A local stack as a whole: begin what needs no output, go on with the rest, wait, stop, leave nothing."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlops.local import ports, processes, programs, worker
from mlops.local.health import fetch, look
from mlops.local.layout import Layout, LocalError, read_json, write_json
from mlops.local.programs import Program, StackSettings
from mlops.local.progress import Progress
from mlops.local.supervisor import WATCH, State, Supervisor

LEAST_FREE_BYTES = 2 * 1024**3
"""Below this nothing is begun: the services need about as much for a first run."""
_STOP_SECONDS = 25.0


class LocalStackError(LocalError):
    """The local stack cannot go on. What happened and what to do."""


class NotInstalledError(LocalStackError):
    """The services have no environment to run in. What installs it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part as it is now."""

    name: str
    what: str
    state: str
    """`works`, `starts`, `stopped`, `fails`, `hangs`, or `unattended`: it runs without a process manager."""
    detail: str
    pid: int
    started: float
    url: str | None
    restarts: int


class LocalStack:
    """The processes of one project's local stack."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.supervisor = Supervisor(self.layout)

    def check(self) -> None:
        """
        Raises:
            NotInstalledError: the services have no environment.
            LocalStackError: the disk is full.
        """
        if missing := self.layout.missing_service():
            raise NotInstalledError(
                f"The services are not installed: {missing} does not exist. "
                "`make setup` and then `make services` install them; "
                "`mlops up -s local --infrastructure-only` does without."
            )
        free = shutil.disk_usage(self.layout.root).free
        if free < LEAST_FREE_BYTES:
            raise LocalStackError(
                f"The disk has {free / 1024**3:.1f} GB left, and the local stack needs "
                f"{LEAST_FREE_BYTES / 1024**3:.0f}. Free some space; nothing was begun and nothing is lost."
            )

    def begin(self, region: str, account: str, asked: Mapping[str, int]) -> dict[str, int]:
        """Choose ports and start what needs no output of the stack, without waiting for it.

        Returns:
            The port of every part.

        Raises:
            PortError: a port that was asked for is taken.
            LocalStackError: see `check`.
            SupervisorError: the process manager does not start.
        """
        self.check()
        self.layout.make()
        remembered: dict[str, int] = read_json(self.layout.ports)
        states = self.supervisor.states()
        if not states:
            # Whatever a killed supervisor has left would hold ports and files.
            processes.end(processes.marked(self.layout.run))
        defined = programs.read(self.layout)
        ours = {
            port
            for name, port in remembered.items()
            if name in defined and name in states and states[name].up and processes.listens(states[name].pid, port)
        }
        chosen = ports.choose(asked, remembered, ours)
        write_json(self.layout.ports, chosen)
        settings = self.settings()
        if (settings.region, settings.account) != (region, account):
            settings = StackSettings(region=region, account=account)
        self._define(chosen, settings)
        return chosen

    def go_on(self, settings: StackSettings) -> None:
        """Start the rest with the stack's outputs, without waiting for it; what has changed is started anew."""
        write_json(self.layout.settings, asdict(settings))
        self._define(read_json(self.layout.ports), settings)

    def owner(self) -> str | None:
        """The stack whose services these are; None where there are none."""
        return read_json(self.layout.owner).get("stack")

    def claim(self, name: str) -> None:
        """Make the services those of a stack: a machine has them once.

        Raises:
            LocalStackError: they are another stack's.
        """
        if (other := self.owner()) not in (name, None):
            raise LocalStackError(
                f"The services on this machine are those of the stack {other}. Take it down first "
                f"(`mlops destroy -s {other}`), or bring {name} up with --infrastructure-only."
            )
        self.layout.make()
        write_json(self.layout.owner, {"stack": name})

    def handed_over(self, old: str, new: str) -> None:
        """Note that a stack has another name now."""
        if self.owner() == old:
            write_json(self.layout.owner, {"stack": new})

    def settings(self) -> StackSettings:
        """What was taken from the stack the last time."""
        kept: dict[str, Any] = {"region": "", "account": "", **read_json(self.layout.settings)}
        return StackSettings(**kept)

    def start_all(self) -> None:
        """Start every part that is defined, as it was.

        Raises:
            LocalStackError: nothing is defined, or see `check`.
            SupervisorError: the process manager does not start.
        """
        self.check()
        defined = self._defined()
        self.layout.make()
        if not self.supervisor.states():
            processes.end(processes.marked(self.layout.run))
        self.supervisor.start()
        for name in defined:
            self.supervisor.start_program(name)

    def restart(self, name: str) -> None:
        """Stop one part and start it; the process manager must run."""
        self.supervisor.stop_program(name)
        self.supervisor.start_program(name)

    def stop(self) -> int:
        """End every process, the supervisor first, so that it starts nothing anew; how many there were."""
        everybody = processes.marked(self.layout.run)
        self.supervisor.shutdown()
        until = time.monotonic() + _STOP_SECONDS
        while everybody and self.supervisor.running() and time.monotonic() < until:
            time.sleep(0.1)
        processes.end(processes.marked(self.layout.run))
        return len(everybody)

    def remove(self) -> None:
        """End every process and delete every file."""
        self.stop()
        if self.layout.sockets != self.layout.run:
            shutil.rmtree(self.layout.sockets, ignore_errors=True)
        shutil.rmtree(self.layout.run, ignore_errors=True)

    def parts(self) -> list[Part]:
        """Every part, looked at now."""
        states = self.supervisor.states()
        seen = read_json(self.layout.health)
        alone = not states and bool(self.strays())
        found = []
        for name, program in programs.read(self.layout).items():
            part = self._part(program, states.get(name), seen.get(name, {}))
            found.append(replace(part, state="unattended") if alone else part)
        return found

    def memory(self) -> dict[str, int]:
        """Part -> bytes that it holds with all that it has started. Takes some milliseconds each."""
        return {
            name: processes.memory_bytes(state.pid) for name, state in self.supervisor.states().items() if state.pid
        }

    def strays(self) -> list[str]:
        """Processes of this stack that no supervisor looks after any more."""
        if self.supervisor.running():
            return []
        return [processes.described(process.pid) for process in processes.marked(self.layout.run)]

    def wait(self, names: Sequence[str], on_turn: Callable[[list[Part]], object] = lambda _: None) -> None:
        """Wait until parts work. One that gets on with its start is waited for, however long the machine takes.

        Raises:
            LocalStackError: one does not; the text ends with its last words.
        """
        defined = programs.read(self.layout)
        starts = {name: Progress(defined[name].start_seconds) for name in names}
        while True:
            parts = self.parts()
            on_turn(parts)
            wanted = [part for part in parts if part.name in names]
            if all(part.state == "works" for part in wanted):
                return
            now = time.monotonic()
            for part in wanted:
                if part.state == "works":
                    continue
                if part.state == "fails" or not starts[part.name].goes_on(part.pid, self.log(part.name), now):
                    raise LocalStackError(self._words(part))
            time.sleep(0.25)

    def log(self, name: str) -> Path:
        """Where a part's output goes."""
        return self.layout.logs / f"{name}.log"

    def served(self) -> dict[str, object]:
        """What the recommender says of its readiness; empty where it does not answer."""
        recommender = programs.read(self.layout).get("recommender")
        if not recommender:
            return {}
        try:
            _, body = fetch(f"{recommender.url}/ready")
            answer = json.loads(body)
        except (OSError, ValueError):
            return {}
        return answer if isinstance(answer, dict) else {}

    def run_loop_command(
        self, arguments: Sequence[str], on_output: Callable[[str], object], more: Mapping[str, str] | None = None
    ) -> int:
        """Run a command of the loop in the worker, with more variables where some are given; its exit code.

        Raises:
            LocalError: there is no local stack, or its worker does not take the command.
        """
        self._defined()
        return worker.run(self.layout.worker_socket, arguments, {**self._environment(), **(more or {})}, on_output)

    def keep_watching(self) -> None:
        """Let the worker look at events and at what is served from now on.

        Raises:
            WorkerError: it does not answer.
        """
        port = read_json(self.layout.ports)["worker"]
        arguments = ["worker", "--interval", str(programs.LOOK_SECONDS), "--port", str(port)]
        worker.stay(self.layout.worker_socket, arguments, self._environment())

    def _defined(self) -> dict[str, Program]:
        if defined := programs.read(self.layout):
            return defined
        raise LocalStackError("There is no local stack yet: `mlops up -s local` (or `make up`) makes it.")

    def _environment(self) -> dict[str, str]:
        return programs.environment(self.layout, read_json(self.layout.ports), self.settings(), self._token())

    def _define(self, chosen: Mapping[str, int], settings: StackSettings) -> None:
        before = programs.read(self.layout)
        defined = programs.programs(self.layout, chosen, settings, self._token())
        programs.write(self.layout, defined)
        self.supervisor.start()
        for program in defined:
            # The worker is told what it needs with every command.
            if program.name != "worker" and before.get(program.name, program) != program:
                self.supervisor.stop_program(program.name)
            self.supervisor.start_program(program.name)

    def _token(self) -> str:
        """The recommender's administration token, made once."""
        path = self.layout.run / "token"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _part(self, program: Program, state: State | None, seen: Mapping[str, Any]) -> Part:
        pid = state.pid if state else 0
        health = look(program, pid)
        word, detail = _word(program, state, health.ok, health.detail)
        word = "starts" if word == "hangs" and seen.get("starting") and seen.get("pid") == pid else word
        if word == "fails":
            detail = self._last_line(program.name) or detail
        return Part(
            name=program.name,
            what=program.what,
            state=word,
            detail=detail,
            pid=pid,
            started=state.started if state and pid else 0.0,
            url=program.url,
            restarts=int(seen.get("restarts", 0)),
        )

    def _words(self, part: Part) -> str:
        text = self.log(part.name).read_text(errors="replace") if self.log(part.name).exists() else ""
        last = "\n".join(f"  | {line}" for line in text.splitlines()[-12:])
        return (
            f"{part.name} does not work: {part.detail}.\n{last}\n"
            f"What is there is kept. `mlops local logs {part.name}` shows all of it; `mlops up -s local` goes on."
        )

    def _last_line(self, name: str) -> str:
        path = self.log(name)
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _word(program: Program, state: State | None, ok: bool, detail: str) -> tuple[str, str]:
    if state is None or state.state in ("STOPPED", "STOPPING"):
        return "stopped", ""
    if ok:
        return "works", ""
    if state.state in ("FATAL", "EXITED"):
        return "fails", "ended at its start, several times"
    young = time.time() - state.started < program.start_seconds
    if state.state == "BACKOFF" or young:
        return "starts", detail
    return "hangs", detail


__all__ = ["WATCH", "LocalStack", "LocalStackError", "NotInstalledError", "Part"]
