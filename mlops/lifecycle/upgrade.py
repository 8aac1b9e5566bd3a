"""The way of a stack to newer versions: which settings are raised, in which order, and what each raise does.

One `pulumi up` a setting: the control plane of a cluster before its nodes is the engine's own order, for the nodes take
their version from it; a database or its brokers in the same update would only make it longer and harder to stop.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops import settings
from mlops.change.model import ChangeSet, Kind, ResourceChange
from mlops.core import lifecycles
from mlops.core.merge import merge
from mlops.core.problems import SettingsError
from mlops.lifecycle.support import Row, State
from mlops.stacks import StackFile
from mlops.timeline.durations import Duration, duration

NEVER = Duration(low=0, typical=0, high=0, basis="nothing is done")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A version that a stack file can raise."""

    path: str
    """`cluster.version`."""
    beforehand: str
    """What to do before, in a sentence."""
    afterwards: str
    """What cannot be taken back, in a sentence."""
    also: Mapping[str, object]
    """Settings that have to be changed with it, by path."""


SETTINGS: Mapping[str, Setting] = {
    lifecycles.EKS: Setting(
        path="cluster.version",
        beforehand="Look at the cluster's upgrade insights for APIs that the next version drops: aws eks list-insights",
        afterwards="A control plane does not go back to an older version",
        also={},
    ),
    lifecycles.POSTGRES: Setting(
        path="database.version",
        beforehand="Take a snapshot, and try the upgrade on an instance restored from it",
        afterwards="The instance is down meanwhile, and the only way back is a snapshot",
        also={"database.allow_major_upgrade": True},
    ),
    "amazon-msk": Setting(
        path="data_pipeline.brokers.version",
        beforehand="Hold clients against the new version's protocol; MSK restarts one broker after the other",
        afterwards="Brokers do not go back to an older version",
        also={},
    ),
}
"""Product -> the setting that raises it, in the order of the raises. Sources: EKS user guide, "Update existing cluster
to new Kubernetes version"; RDS user guide, "Upgrades of the RDS for PostgreSQL DB engine"; MSK developer guide,
"Upgrading the Apache Kafka version"."""

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Control plane", ("aws:eks/cluster:Cluster", "eks:index:Cluster")),
    ("Add-ons", ("aws:eks/addon:Addon",)),
    ("Nodes", ("aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate")),
    ("Charts", ("kubernetes:helm.sh/v3:Release",)),
    ("Database", ("aws:rds/parameterGroup:ParameterGroup", "aws:rds/instance:Instance")),
    ("Brokers", ("aws:msk/configuration:Configuration", "aws:msk/cluster:Cluster")),
)
"""Title -> types, in the order in which they are raised; whatever else changes comes last."""
_REST = "Everything else"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is raised together."""

    title: str
    changes: tuple[ResourceChange, ...]

    @property
    def seconds(self) -> Duration:
        """The longest of its changes: the engine does them side by side."""
        taken = [_taken(change) for change in self.changes] or [NEVER]
        longest = max(taken, key=lambda one: one.typical)
        return Duration(
            low=max(one.low for one in taken),
            typical=longest.typical,
            high=max(one.high for one in taken),
            basis=longest.basis,
            samples=longest.samples,
            confidence=longest.confidence,
        )


@dataclass(frozen=True, kw_only=True)
class Raise:
    """One setting that goes to its next version, in one update."""

    setting: Setting
    what: str
    before: str
    after: str
    state: State
    held_by: tuple[str, ...]
    """What has to be raised first, for it is not made for the new version."""
    stages: tuple[Stage, ...]

    @property
    def replaced(self) -> tuple[ResourceChange, ...]:
        """Resources that are made anew."""
        return tuple(one for stage in self.stages for one in stage.changes if one.kind is Kind.REPLACE)

    @property
    def typical_seconds(self) -> float:
        """Its stages one after the other."""
        return sum(stage.seconds.typical for stage in self.stages)


def raised(file: StackFile, values: Mapping[str, object]) -> StackFile:
    """A stack file with other values in some places, by path."""
    tree = settings.override(file)
    for path, value in values.items():
        step: Any = value
        for key in reversed(path.split(".")):
            step = {key: step}
        tree = merge(tree, step)
    return replace(file, config={**file.config, f"{file.project}:platform": json.dumps(tree)})


def takes(file: StackFile, product: str, version: str) -> bool:
    """Whether a stack's settings take a version of a product; of what no setting raises, any."""
    setting = SETTINGS.get(product)
    if setting is None:
        return True
    try:
        settings.resolve(raised(file, {setting.path: version, **setting.also}))
    except SettingsError:
        return False
    return True


def wanted(rows: Sequence[Row]) -> Iterator[tuple[Row, Setting]]:
    """The versions of a stack that its file can raise and that have a next one, in the order of their raises."""
    for product, setting in SETTINGS.items():
        row = next((one for one in rows if one.pinned.product == product and one.next), None)
        if row:
            yield row, setting


def stages(changes: ChangeSet) -> tuple[Stage, ...]:
    """What a raise does, in the order in which it is done."""
    titles = {type_: title for title, types in STAGES for type_ in types}
    found: dict[str, list[ResourceChange]] = {title: [] for title, _ in STAGES} | {_REST: []}
    for change in changes.changes:
        found[titles.get(change.node.type, _REST)].append(change)
    return tuple(Stage(title=title, changes=tuple(those)) for title, those in found.items() if those)


def _taken(change: ResourceChange) -> Duration:
    """How long a change takes: a replacement is a creation and a deletion."""
    match change.kind:
        case Kind.DELETE:
            return duration(change.node, "delete")
        case Kind.REPLACE:
            made, gone = duration(change.node, "create"), duration(change.node, "delete")
            return Duration(
                low=made.low + gone.low,
                typical=made.typical + gone.typical,
                high=made.high + gone.high,
                basis=made.basis,
            )
        case Kind.ADD:
            return duration(change.node, "create")
        case _:
            return duration(change.node, "update")
