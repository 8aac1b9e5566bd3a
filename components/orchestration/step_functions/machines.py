"""A team's own state machine: the settings of one, and what can be said of a definition before AWS reads it.

Source of the language: states-language.net, "Amazon States Language".
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from components.orchestration import ScheduleConfig
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.kubernetes import ShortName

_TYPES = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_ENDS = ("Succeed", "Fail", "Choice")
"""States that say by themselves what comes after."""
_MOST_CHARACTERS = 1024 * 1024
"""Source: Step Functions developer guide, quotas: a definition has at most 1 MB."""


def _no_machine(text: str) -> str | None:
    """Why a text is no definition, a whole sentence."""
    try:
        definition = json.loads(text)
    except ValueError as error:
        return f"The definition is no JSON: {error}. Write Amazon States Language, an object with StartAt and States"
    problem = next(_problems(definition, "the definition"), None)
    return problem and f"{problem}. See states-language.net"


def _problems(machine: Any, where: str) -> Iterator[str]:
    states = machine.get("States") if isinstance(machine, Mapping) else None
    if not isinstance(states, Mapping) or not states:
        yield f"{where} has no States"
        return
    if machine.get("StartAt") not in states:
        yield f"{where} begins at {_shown(machine.get('StartAt'))}, which is none of its states: {_names(states)}"
    for name, state in states.items():
        yield from _of_state(name, state, states)


def _of_state(name: str, state: Any, states: Mapping[str, Any]) -> Iterator[str]:
    kind = state.get("Type") if isinstance(state, Mapping) else None
    if kind not in _TYPES:
        yield f"state {name} is of type {_shown(kind)}; allowed: {', '.join(_TYPES)}"
        return
    follows = [state.get("Next"), state.get("Default"), *_targets(state.get("Choices")), *_targets(state.get("Catch"))]
    for target in follows:
        if target is not None and target not in states:
            yield f"state {name} goes on to {_shown(target)}, which is none of the states: {_names(states)}"
    if kind not in _ENDS and ("Next" in state) == (state.get("End") is True):
        yield f"state {name} needs either Next or End"
    inner = [state.get("ItemProcessor") or state.get("Iterator")] if kind == "Map" else state.get("Branches", ())
    for machine in inner if kind in ("Map", "Parallel") else ():
        yield from _problems(machine, f"a branch of state {name}")


def _targets(rows: Any) -> list[Any]:
    return [row.get("Next") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _names(states: Mapping[str, Any]) -> str:
    return ", ".join(states)


def _shown(value: Any) -> str:
    return f'"{value}"' if value is not None else "nothing"


Definition = Annotated[
    str,
    Form(
        r"\s*\{[\s\S]*\}\s*",
        "a state machine in Amazon States Language, as JSON",
        most=_MOST_CHARACTERS,
        refuses=_no_machine,
    ),
]
FunctionArn = Annotated[
    str,
    Form(
        r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+",
        "the ARN of a Lambda function, without a version: `arn:aws:lambda:us-east-1:123456789012:function:clean`",
        most=200,
    ),
]
BatchArn = Annotated[
    str,
    Form(
        r"arn:aws:batch:[a-z0-9-]+:[0-9]{12}:(?:job-queue|job-definition)/[A-Za-z0-9_:-]+",
        "the ARN of a job queue or a job definition of AWS Batch: "
        "`arn:aws:batch:us-east-1:123456789012:job-queue/nightly`",
        most=250,
    ),
]


class MachineConfig(Config):
    """One state machine of a team's own."""

    name: ShortName
    """What it is called on the platform."""
    definition: Definition
    """What it does: Amazon States Language, JSON."""
    schedule: ScheduleConfig | None = None
    """When it is started; null leaves it to whoever starts it."""
    functions: Annotated[tuple[FunctionArn, ...], Unique(most=50)] = ()
    """Lambda functions that it may call."""
    batch: Annotated[tuple[BatchArn, ...], Unique(most=50)] = ()
    """Job queues and job definitions of AWS Batch that it may submit jobs with."""
