"""States on this machine whose stack has no file any more, since it was renamed or deleted: which, and adopting one."""

from pathlib import Path

from localcloud.engine import LocalCloud
from mlops import stacks, toolchain
from mlops.cli.errors import BadInputError, FailedError
from mlops.cli.local.infrastructure import folder
from mlops.cli.options import Target
from mlops.local.stack import LocalStack


def stranded(root: Path) -> tuple[str, ...]:
    """The stacks that were brought up here and have no file, sorted."""
    states = root / ".local" / "stacks"
    known = stacks.names(root)
    return tuple(sorted(path.name for path in states.glob("*") if path.is_dir() and path.name not in known))


def hint(root: Path) -> str:
    """A sentence on what is stranded; empty where nothing is."""
    names = stranded(root)
    if not names:
        return ""
    return (
        f"State without a stack file is on this machine: {', '.join(names)}. "
        f"`mlops local adopt {names[0]} -s STACK` gives it to a stack that has one."
    )


def adopt(old: str, target: Target) -> None:
    """Make the state of a stack that has no file the state of one that has.

    Raises:
        BadInputError: there is no such state, or the other stack has one of its own.
        FailedError: the engine cannot rename it; all is as it was.
    """
    names = stranded(target.root)
    if old not in names:
        listed = ", ".join(names) or "there is none"
        raise BadInputError(f'There is no state of a stack "{old}" without a file. To be adopted: {listed}.')
    before, after = folder(Target(target.root, old, old)), folder(target)
    if after.exists():
        raise BadInputError(
            f"{target.stack} has a state of its own on this machine. Destroy one of the two first: "
            f"`mlops destroy -s {target.stack} --here`."
        )
    pulumi = toolchain.find(target.root)
    before.rename(after)
    cloud = LocalCloud(after, pulumi=pulumi.path)
    environment = {**cloud.environment(), "PULUMI_HOME": str(after / "home")}
    try:
        cloud.command.run(["stack", "rename", target.stack, "--stack", old], str(after / "project"), environment)
    except Exception as error:
        after.rename(before)
        raise FailedError(f"The state of {old} cannot be renamed, and is as it was: {error}") from None
    LocalStack(target.root).handed_over(old, target.stack)
