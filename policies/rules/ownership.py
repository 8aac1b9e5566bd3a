"""Whether a stack answers for the settings of its whole account, or leaves them to whoever runs the organisation."""

from mlops.plan.graph import Graph

BASELINE = "mlops:index:AccountBaseline"
"""The component whose presence says that the stack owns the account's settings."""


def owns_account_settings(graph: Graph) -> bool:
    """Whether the stack makes the account's security baseline.

    A stack that does not is judged only by what it makes all the same; a piece that the organisation provides instead
    is an exemption with a reason.
    """
    return bool(graph.of_type(BASELINE))
