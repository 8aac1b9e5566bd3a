"""`mlops secrets`: which secrets a stack has, and which of them are replaced by themselves."""

from mlops.cli import options


def secrets(stack: options.Stack = None, as_json: options.Json = False) -> None:
    """Show which secrets a stack has, and whether each is replaced by itself, or why not.

    No value is read: this is the plan. The share counts the secrets that can be
    replaced by themselves; those that never can are listed with the reason,
    and what others made is theirs to replace. Python only.

    \b
    mlops secrets -s prod
    mlops secrets -s prod --json
    """
    from mlops.cli.planning import planned
    from mlops.cli.views import secrets as secrets_view

    secrets_view.show(planned(options.target(stack)).graph, as_json=as_json)
