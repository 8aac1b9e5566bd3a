"""Stacks that nobody has written down: what a tier with other choices would be, cost, be judged, and hold.

Comparisons, the reference of modules and whoever looks for a stack ask the same questions of many of them, so each
answer is computed when it is asked for, and once.
"""

import json
import runpy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.capacity.fit import Capacity
    from mlops.cost.book import Book
    from mlops.cost.estimate import Estimate
    from mlops.plan.graph import Graph
    from mlops.plan.plan import Plan
    from mlops.stacks import StackFile
    from policies.engine import Report

NAME = "trial"
"""What a stack is called that has no name."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One such stack."""

    plan: "Plan"
    root: Path = field(compare=False)
    """The project's folder, whose prices hold."""

    @property
    def graph(self) -> "Graph":
        """Its resources."""
        return self.plan.graph

    @cached_property
    def estimate(self) -> "Estimate":
        """What it costs in a month with the use that is expected of its tier.

        Raises:
            BookError: there is no price list for its region.
        """
        from mlops.cost.estimate import estimate
        from mlops.cost.usage import usage_of

        return estimate(self.graph, usage_of(self.plan.tier, self.plan.choices), self.book)

    @cached_property
    def report(self) -> "Report":
        """What the rules say of it with the levels of its tier; what the project accepts is accepted.

        Raises:
            ExemptionError: an exemption cannot be used.
        """
        from mlops.core.clock import today
        from policies.engine import judge
        from policies.exemptions import FILE, read
        from policies.facts import facts

        return judge(self.graph, self.plan.tier, read(self.root / FILE, facts().rules, today()))

    @cached_property
    def capacity(self) -> "Capacity":
        """Whether its pods find room."""
        from mlops.capacity.fit import capacity

        return capacity(self.graph)

    @cached_property
    def book(self) -> "Book":
        """The project's prices.

        Raises:
            BookError: they cannot be read.
        """
        from mlops.cost.book import load

        return load(self.root)


def tried(root: Path, tier: str, override: Mapping[str, Any] | None = None, *, name: str = NAME) -> Trial:
    """A tier with differences laid over it, as a stack file would have them.

    Raises:
        SettingsError: these settings cannot be used.
        RecordError: the program registers what an engine would refuse.
    """
    from mlops.stacks import StackFile, project_name

    project = project_name(root)
    config = {f"{project}:tier": tier, f"{project}:platform": json.dumps(override or {})}
    return Trial(plan=record_stack(StackFile(name=name, project=project, config=config), root), root=root)


def record_stack(stack: "StackFile", root: Path) -> "Plan":
    """The plan of a stack as its file, or something in its place, describes it.

    Raises:
        SettingsError: its settings cannot be used.
        RecordError: the program registers what an engine would refuse.
    """
    from mlops import settings
    from mlops.plan.choices import choices
    from mlops.plan.plan import Plan

    # Bad input ends before the SDKs are loaded, which is most of a plan's time.
    resolved = settings.resolve(stack)
    from mlops.plan.recorder import record

    graph = record(
        program(root),
        project=stack.project,
        stack=stack.name,
        config=stack.config,
        secret_keys=stack.secret_keys,
    )
    return Plan(tier=resolved.tier, choices=choices(resolved.platform, settings.override(stack)), graph=graph)


def program(root: Path) -> Callable[[], object]:
    """The project's `__main__.py`, to be run."""

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    return run
