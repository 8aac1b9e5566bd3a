"""Processes of a local stack, found by the mark in their environment: a supervisor that was killed leaves no list."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from mlops.local.layout import MARK

_PATIENCE_SECONDS = 8.0


def marked(run: Path) -> list[psutil.Process]:
    """Every living process that belongs to the stack in that folder, this one left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(run):
                found.append(process)
        except psutil.Error:
            # It ended meanwhile, or it is somebody else's.
            continue
    return [process for process in found if _is_alive(process)]


def end(processes: Iterable[psutil.Process]) -> int:
    """End processes, gently first; how many there were."""
    asked = list(processes)
    for signal in ("terminate", "kill"):
        alive = [process for process in asked if _is_alive(process)]
        for process in alive:
            try:
                getattr(process, signal)()
            except psutil.Error:
                continue
        psutil.wait_procs(alive, timeout=_PATIENCE_SECONDS)
    return len(asked)


def listens(pid: int, port: int) -> bool:
    """Whether a process, or one that it has started, listens on a port."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return False
    return any(port in _ports(member) for member in family)


def memory_bytes(pid: int) -> int:
    """What a process and those that it has started hold, shared pages counted once where the system tells."""
    total = 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            usage = member.memory_full_info()
            total += getattr(usage, "pss", usage.rss)
        except psutil.Error:
            continue
    return total


def described(pid: int) -> str:
    """`process 1234 (python -m http.server)`."""
    try:
        program, *arguments = psutil.Process(pid).cmdline() or [""]
        command = " ".join([Path(program).name, *arguments])
    except psutil.Error:
        return f"process {pid}"
    shown = command if len(command) <= 60 else command[:59] + "…"
    return f"process {pid} ({shown})" if shown else f"process {pid}"


def _ports(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
