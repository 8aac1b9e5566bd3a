"""What every error comes to: one message, and an exit code. Loaded when something has gone wrong."""

import errno
import sys

import typer

from mlops.cli.errors import BAD_INPUT, FAILED, BadInputError, FailedError
from mlops.core.problems import SettingsError
from mlops.toolchain import ToolchainError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def explained(error: Exception) -> tuple[str, int]:
    """Message and exit code of an error."""
    if isinstance(error, BadInputError | SettingsError | ToolchainError):
        return str(error), BAD_INPUT
    if isinstance(error, FailedError):
        return str(error), FAILED
    if isinstance(error, typer.Abort):
        return "Not confirmed, so nothing was done.", FAILED
    return _of_the_engine(error) or _of_the_system(error) or _defect(error)


def _of_the_engine(error: Exception) -> tuple[str, int] | None:
    """What only commands raise that have loaded the SDKs: a short message need not wait for them."""
    from localcloud.command import CliError
    from localcloud.recovery import BusyError
    from mlops.core.module import SlotError
    from mlops.plan.recorder import RecordError

    if isinstance(error, CliError):
        return str(error), BAD_INPUT
    if isinstance(error, BusyError):
        return str(error), FAILED
    if isinstance(error, RecordError | SlotError):
        return f"The program cannot be planned: {error}", FAILED
    return None


def _of_the_system(error: Exception) -> tuple[str, int] | None:
    """Neither the user's nor the platform's doing, or not surely."""
    if isinstance(error, OSError):
        return _refused(error), FAILED
    if isinstance(error, UnicodeError):
        expected = f"A text is not in the encoding that is expected of it ({error}). Files are read as UTF-8"
        return f"{expected}; PYTHONUTF8=1 makes Python take the terminal's texts as UTF-8 too.", BAD_INPUT
    if isinstance(error, RecursionError):
        return f"Something that was given is nested too deeply to be read. {_debug()} shows where.", BAD_INPUT
    if isinstance(error, MemoryError):
        return "There is not enough memory for this. Free some, or take a smaller file.", FAILED
    return None


def _defect(error: Exception) -> tuple[str, int]:
    what = f"Unexpected {type(error).__name__}: {error}"
    return f"{what}\nThis is a defect of the platform's code. {_debug()} shows where it happened.", FAILED


def _debug() -> str:
    return f"`MLOPS_DEBUG=1 mlops {' '.join(sys.argv[1:])}`"


def _refused(error: OSError) -> str:
    """In words what the operating system did not do, and what helps."""
    thing = f"{error.filename}: " if error.filename else ""
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    if error.errno in _FULL:
        return f"{thing}{reason}. Make room on the disk and run this again; what was there before is kept."
    if error.errno in _FORBIDDEN:
        return f"{thing}{reason}. Run this as a user who may do that, or let this one."
    return f"{thing}{reason}. The operating system refused this; the settings are not why. {_debug()} shows more."
