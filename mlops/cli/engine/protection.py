"""The look at protected resources before anything is deleted."""

from collections.abc import Iterable

from mlops.cli import ui
from mlops.cli.errors import FailedError
from mlops.cli.options import Target
from mlops.plan.graph import Node
from mlops.plan.summary import short_type


def check(target: Target, nodes: Iterable[Node], *, exclude: bool, up: str) -> list[Node]:
    """The protected ones among the nodes of a state. `up` is the command that deploys the stack.

    Raises:
        FailedError: there are some, and they are not to be excluded; with the two ways on.
    """
    protected = [node for node in nodes if node.protect]
    if not protected or exclude:
        return protected
    listed = "\n".join(f"  {node.name} ({short_type(node.type)})" for node in protected)
    raise FailedError(
        f"{target.given} holds {ui.counted(len(protected), 'protected resource')}, so nothing was deleted:\n{listed}\n"
        f"To delete them as well, set `protect: false` for them in {target.file.name}, run `{up}`, and "
        "destroy again. To keep them, destroy with --exclude-protected."
    )
