"""What can go wrong, by who has to act; each carries the exit code of the command line."""


class LoopError(Exception):
    """One clear message for the user; never shown with a traceback."""

    exit_code = 1


class InputError(LoopError):
    """What was given cannot be used: settings, files, arguments."""

    exit_code = 2


class GateError(LoopError):
    """A gate did what it is there for: nothing was promoted, and what serves goes on serving."""

    exit_code = 3


class BusyError(LoopError):
    """Somebody else is at it."""

    exit_code = 4


class ServiceError(LoopError):
    """Something that the loop needs (S3, the stream, MLflow, the recommender) does not answer."""

    exit_code = 4
