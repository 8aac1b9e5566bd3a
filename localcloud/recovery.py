"""The way back after a hard stop: locks that nobody holds any more, and operations nobody saw the end of."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi.automation import Deployment

from localcloud.quiet_stack import QuietStack
from localcloud.world import Thing, World
from mlops.plan.wire import overlay

_PATIENCE_SECONDS = 15.0


class BusyError(Exception):
    """Another process works on the same state. One sentence and what to do."""


def clear_stale_lock(backend: Path, project: str, stack: str) -> str | None:
    """Remove locks whose process is dead.

    Returns:
        What was done, to be shown; None when there was no lock.

    Raises:
        BusyError: a living process holds a lock and keeps it.
    """
    folder = backend / ".pulumi" / "locks" / "organization" / project / stack
    locks = sorted(folder.glob("*.json")) if folder.exists() else []
    for lock in locks:
        process = _holder(lock)
        _wait_for_end(process)
        if _is_alive(process):
            raise BusyError(
                f"Another pulumi (process {process}) is working on stack {stack}. Wait for it to end, or stop it."
            )
        lock.unlink(missing_ok=True)
    if not locks:
        return None
    return f"The last operation on stack {stack} was stopped hard; its lock was removed and it goes on from its state."


def settle_pending(stack: QuietStack, world: World) -> list[str]:
    """Decide the operations that were running when the engine was killed.

    A resource that the cloud made although the engine never heard of it is taken into the state, as
    `pulumi refresh --import-pending-creates` does; the others are begun anew by the next up.

    Returns:
        What was done, one line each.
    """
    deployment = stack.state()["deployment"]
    pending = deployment.get("pending_operations") or []
    if not pending:
        return []
    resources = deployment.setdefault("resources", [])
    known = {(row["urn"], row.get("id", "")) for row in resources}
    done = []
    for operation in pending:
        row = operation["resource"]
        name = row["urn"].rpartition("::")[2]
        thing = _made_meanwhile(world, row["urn"]) if operation["type"] == "creating" else None
        if thing and (thing.urn, thing.id) not in known:
            resources.append(_adopted(row, thing))
            done.append(f"{name} was made just before the stop and is taken over.")
        else:
            done.append(f"{name} was {operation['type']} at the stop and is begun anew.")
    deployment["pending_operations"] = []
    stack.import_stack(Deployment(version=3, deployment=deployment))
    return done


def _made_meanwhile(world: World, urn: str) -> Thing | None:
    things = [thing for thing in world if thing.urn == urn]
    return max(things, key=lambda thing: thing.generation, default=None)


def _adopted(row: Mapping[str, Any], thing: Thing) -> dict[str, Any]:
    # The state's own inputs hold secrets as ciphertext; the world knows no more than that they are secret.
    return {**row, "id": thing.id, "outputs": overlay(thing.outputs, row.get("inputs") or {})}


def _holder(lock: Path) -> int:
    try:
        return int(json.loads(lock.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _is_alive(process: int) -> bool:
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A process that ended but whose parent has not noticed yet holds nothing any more.
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _wait_for_end(process: int) -> None:
    """An engine whose stand-in cloud was killed gives up by itself, within seconds."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while _is_alive(process) and time.monotonic() < until:
        time.sleep(0.2)
