"""The Automation API's stack without the CLI calls that only ask: on a file backend the answers lie in a file.

Each such call starts a process that reads and decrypts the whole state; together they cost more than the operation.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import UpdateSummary


class QuietStack(automation.Stack):
    """A stack on a file backend, made when it is missing."""

    def __init__(self, name: str, workspace: automation.LocalWorkspace, project: str, backend: Path) -> None:
        # Not the base class's constructor: it selects the stack, and every command names the stack by itself.
        self.name = name
        self.workspace = workspace
        self._state = backend / ".pulumi" / "stacks" / project / f"{name}.json"
        if not self._state.exists():
            workspace.create_stack(name)

    def state(self) -> dict[str, Any]:
        """The state as `pulumi stack export` prints it; secrets are encrypted."""
        checkpoint = json.loads(self._state.read_text())
        return {"version": checkpoint["version"], "deployment": checkpoint["checkpoint"].get("latest") or {}}

    def outputs(self) -> automation.OutputMap:
        """Nothing: the driver takes them from the state, where secrets stay encrypted."""
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:
        """An empty summary: the driver keeps its own from the events."""
        return UpdateSummary("update", datetime.now(UTC), "", {}, {}, "in-progress")
