"""The commands in one place, and the boundary that turns every error into one message and an exit code."""

import os
import sys
from collections.abc import Sequence

import typer

from mlops.cli.commands.access import access
from mlops.cli.commands.capacity import capacity
from mlops.cli.commands.cost import cost
from mlops.cli.commands.destroy import destroy
from mlops.cli.commands.diff import diff
from mlops.cli.commands.doctor import doctor
from mlops.cli.commands.evidence import evidence
from mlops.cli.commands.init import init
from mlops.cli.commands.local import local_app
from mlops.cli.commands.modules import modules
from mlops.cli.commands.new_module import new_module
from mlops.cli.commands.plan import plan
from mlops.cli.commands.policy import policy
from mlops.cli.commands.prices import prices
from mlops.cli.commands.rehearse import rehearse
from mlops.cli.commands.rightsize import rightsize
from mlops.cli.commands.schema import schema
from mlops.cli.commands.timeline import timeline
from mlops.cli.commands.up import up
from mlops.cli.commands.usage import usage
from mlops.cli.commands.validate import validate
from mlops.cli.errors import BAD_INPUT, DONE, FAILED, INTERRUPTED, BadInputError, FailedError

START, LOOK, RUN, EXTEND = "Start", "Look before anything exists", "Run", "Extend"

app = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""An MLOps platform on AWS: look at it, rehearse it on this machine, deploy it.

    \b
    mlops plan -s prod       what a stack makes, without an account
    mlops rehearse -s prod   up, again, and down on a stand-in cloud
    mlops up -s local        bring it up on this machine and look around
    mlops up -s dev          deploy with your own pulumi and AWS account
    """,
    epilog="Every command explains itself: mlops plan --help. MLOPS_DEBUG=1 shows tracebacks.",
)

for panel, name, command in (
    (START, "init", init),
    (START, "doctor", doctor),
    (LOOK, "validate", validate),
    (LOOK, "plan", plan),
    (LOOK, "diff", diff),
    (LOOK, "access", access),
    (LOOK, "cost", cost),
    (LOOK, "usage", usage),
    (LOOK, "policy", policy),
    (LOOK, "evidence", evidence),
    (LOOK, "capacity", capacity),
    (LOOK, "timeline", timeline),
    (RUN, "rehearse", rehearse),
    (RUN, "up", up),
    (RUN, "destroy", destroy),
    (RUN, "rightsize", rightsize),
    (EXTEND, "modules", modules),
    (EXTEND, "new-module", new_module),
    (EXTEND, "schema", schema),
):
    app.command(name, rich_help_panel=panel)(command)
app.add_typer(prices, name="prices", rich_help_panel=LOOK)

app.add_typer(local_app, name="local", rich_help_panel=RUN)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Nothing is raised, unless MLOPS_DEBUG asks for it."""
    try:
        app(args=list(arguments), prog_name="mlops")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else FAILED
    except KeyboardInterrupt:
        return _ended("Interrupted.", INTERRUPTED)
    except Exception as error:
        if os.environ.get("MLOPS_DEBUG"):
            raise
        return _ended(*_explained(error))
    return DONE


def _ended(message: str, code: int) -> int:
    from mlops.cli import ui

    ui.problem(message)
    return code


def _explained(error: Exception) -> tuple[str, int]:
    """Message and exit code of an error. What only some commands raise is imported here, when it has happened."""
    if isinstance(error, BadInputError):
        return str(error), BAD_INPUT
    if isinstance(error, FailedError):
        return str(error), FAILED
    from mlops.core.problems import SettingsError

    if isinstance(error, SettingsError):
        return error.message, BAD_INPUT
    from localcloud.command import CliError
    from localcloud.recovery import BusyError
    from mlops.core.module import SlotError
    from mlops.plan.recorder import RecordError
    from mlops.toolchain import ToolchainError

    if isinstance(error, ToolchainError | CliError):
        return str(error), BAD_INPUT
    if isinstance(error, RecordError | SlotError):
        return f"The program cannot be planned: {error}", FAILED
    if isinstance(error, BusyError):
        return str(error), FAILED
    again = f"MLOPS_DEBUG=1 mlops {' '.join(sys.argv[1:])}"
    what = f"Unexpected {type(error).__name__}: {error}"
    return f"{what}\nThis is a defect of the platform's code. `{again}` shows where it happened.", FAILED
