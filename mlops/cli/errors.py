"""How a command ends: 0 done, 1 the operation failed, 2 the input cannot be used, 130 interrupted, 141 nobody reads."""

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
UNREAD = 141
"""Whoever read the output has gone before its end, as with `| head`: what shells call the end by SIGPIPE."""


class BadInputError(Exception):
    """What was given cannot be used: an option, a file, the environment. The text is complete."""


class FailedError(Exception):
    """The operation did not succeed. The text says what happened and what to do next."""
