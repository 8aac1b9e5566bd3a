"""What the engine reports while it works, in a form made for showing it."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pulumi.automation import EngineEvent
from pulumi.automation.events import StepEventMetadata

from mlops.plan.graph import STACK_TYPE, is_default_provider

Status = Literal["started", "done", "failed"]
Operation = Literal["create", "update", "delete", "replace", "same", "read"]

_OPERATIONS: dict[str, Operation] = {
    "create": "create",
    "create-replacement": "replace",
    "delete": "delete",
    "delete-replaced": "delete",
    "import": "create",
    "read": "read",
    "read-replacement": "read",
    "refresh": "read",
    "replace": "replace",
    "same": "same",
    "update": "update",
}
_HALVES = ("create-replacement", "delete-replaced")
_COLOUR = re.compile(r"<\{%.*?%\}>")
_CONSEQUENCES = re.compile(
    r"client connection is closing|resource monitor (has terminated|shut ?down)|error reading from server: EOF"
    r"|^(update|preview|destroy|refresh) (failed|canceled)"
    r"|a part of .* failed|was closed|has a problem: context canceled"
)


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """One operation on one resource has started, or ended."""

    urn: str
    type: str
    name: str
    operation: Operation
    status: Status
    seconds: float = 0.0
    """How long it took; 0 when it has just started."""
    custom: bool = True
    """False for a component, which exists in Pulumi only."""
    half: bool = False
    """Whether it is half of a replacement: the new one's creation or the old one's deletion."""


@dataclass(frozen=True, kw_only=True)
class MessageEvent:
    """Something that was said about the stack, or about one resource."""

    severity: Literal["info", "warning", "error"]
    text: str
    urn: str = ""


Event = StepEvent | MessageEvent
OnEvent = Callable[[Event], object]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A resource that failed, or the program itself when `urn` is empty, and the first true reason."""

    urn: str
    message: str

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


class EventReader:
    """Turns engine events into ours and keeps the tally of one operation."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self._started: dict[tuple[str, str], float] = {}
        self._errors: dict[str, str] = {}
        self._done: dict[str, Operation] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """Operation -> number of resources that it was completed for."""
        return Counter(self._done.values())

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The first reason of each failed resource. What only follows from another failure is left out."""
        return tuple(Failure(urn=urn, message=text) for urn, text in self._errors.items())

    def read(self, event: EngineEvent) -> None:
        """Take in one event of the engine."""
        if event.resource_pre_event:
            self._step(event.resource_pre_event.metadata, "started")
        elif event.res_outputs_event:
            self._step(event.res_outputs_event.metadata, "done")
        elif event.res_op_failed_event:
            self._step(event.res_op_failed_event.metadata, "failed")
        elif event.diagnostic_event and not event.diagnostic_event.ephemeral:
            diagnostic = event.diagnostic_event
            self._message(diagnostic.severity, diagnostic.message, diagnostic.urn or "")

    def _step(self, metadata: StepEventMetadata, status: Status) -> None:
        operation = _OPERATIONS.get(metadata.op.value)
        if operation is None or metadata.type == STACK_TYPE or is_default_provider(metadata.urn):
            return
        key = (metadata.urn, metadata.op.value)
        now = time.monotonic()
        started = self._started.setdefault(key, now)
        # A replacement has three steps: the new one, the old one's end, and their sum, which counts.
        half = metadata.op.value in _HALVES
        if status == "done" and not half:
            self._done[metadata.urn] = operation
        state = metadata.new or metadata.old
        self._tell(
            StepEvent(
                urn=metadata.urn,
                type=metadata.type,
                name=metadata.urn.rpartition("::")[2],
                operation=operation,
                status=status,
                seconds=now - started,
                custom=state is None or bool(state.custom),
                half=half,
            )
        )

    def _message(self, severity: str, coloured: str, urn: str) -> None:
        text = _COLOUR.sub("", coloured).strip()
        if severity == "error":
            text = text.removeprefix("error: ").strip()
            if not text or _CONSEQUENCES.search(text):
                return
            self._errors.setdefault(urn, text)
        if severity in ("warning", "error") or (severity == "info" and text):
            self._tell(MessageEvent(severity=severity, text=text, urn=urn))  # type: ignore[arg-type]

    def _tell(self, event: Event) -> None:
        if self._on_event:
            self._on_event(event)
