"""The deployed state of a stack that was brought up on this machine, read from its file: no pulumi needed."""

import json

from mlops.cli.errors import BadInputError
from mlops.cli.options import Target
from mlops.plan.graph import Graph, from_export


def read(target: Target, or_else: str = "") -> Graph:
    """The graph of what runs here.

    Args:
        or_else: what else may be done where nothing runs here, as the end of a sentence.

    Raises:
        BadInputError: the stack was never brought up here, or its state cannot be read.
    """
    backend = target.root / ".local" / "stacks" / target.stack / "backend" / ".pulumi" / "stacks"
    file = next(iter(sorted(backend.glob(f"*/{target.stack}.json"))), None)
    if file is None:
        raise BadInputError(
            f"{target.stack} does not run on this machine. Give the state of where it does with --state FILE (`pulumi "
            f"stack export --stack {target.given} --file FILE`){or_else}."
        )
    try:
        checkpoint = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]
        return from_export({"deployment": checkpoint.get("latest") or {}})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInputError(
            f"The state of {target.stack} on this machine ({file.name}) cannot be read. "
            f"`mlops up -s {target.stack} --here` writes it anew."
        ) from None
