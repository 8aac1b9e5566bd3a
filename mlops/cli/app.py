"""The commands in one place, and the boundary that turns every error into one message and an exit code."""

import os
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import typer

from mlops.cli.commands.access import access
from mlops.cli.commands.capacity import capacity
from mlops.cli.commands.compare import compare
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
from mlops.cli.commands.presets import presets
from mlops.cli.commands.prices import prices
from mlops.cli.commands.rehearse import rehearse
from mlops.cli.commands.render import render
from mlops.cli.commands.rightsize import rightsize
from mlops.cli.commands.schema import schema
from mlops.cli.commands.secrets import secrets
from mlops.cli.commands.timeline import timeline
from mlops.cli.commands.up import up
from mlops.cli.commands.upgrade_plan import upgrade_plan
from mlops.cli.commands.usage import usage
from mlops.cli.commands.validate import validate
from mlops.cli.commands.versions import versions
from mlops.cli.errors import DONE, FAILED, INTERRUPTED, UNREAD

if TYPE_CHECKING:
    from mlops.core.problems import Problem

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
    (START, "presets", presets),
    (START, "doctor", doctor),
    (LOOK, "validate", validate),
    (LOOK, "plan", plan),
    (LOOK, "diff", diff),
    (LOOK, "access", access),
    (LOOK, "secrets", secrets),
    (LOOK, "compare", compare),
    (LOOK, "cost", cost),
    (LOOK, "usage", usage),
    (LOOK, "policy", policy),
    (LOOK, "evidence", evidence),
    (LOOK, "capacity", capacity),
    (LOOK, "timeline", timeline),
    (LOOK, "versions", versions),
    (LOOK, "upgrade-plan", upgrade_plan),
    (RUN, "rehearse", rehearse),
    (RUN, "up", up),
    (RUN, "destroy", destroy),
    (RUN, "render", render),
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
    from mlops.cli import ui

    # What follows -- is pulumi's.
    as_json = "--json" in [*takewhile(lambda one: one != "--", arguments)]
    code = _run(arguments, as_json=as_json)
    try:
        return UNREAD if ui.reader_gone() else code
    except OSError as error:
        from mlops.cli.mishaps import explained

        return _ended(*explained(error), as_json=False)


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        code = app(args=list(arguments), prog_name="mlops", standalone_mode=False)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else FAILED
    except KeyboardInterrupt:
        return _ended("Interrupted.", INTERRUPTED, as_json=as_json)
    except Exception as error:
        if is_usage(error):
            return _misused(error, as_json=as_json)
        if os.environ.get("MLOPS_DEBUG"):
            raise
        from mlops.cli.mishaps import explained

        message, code = explained(error)
        return _ended(message, code, as_json=as_json, problems=getattr(error, "problems", ()))
    return code if isinstance(code, int) else DONE


def is_usage(error: Exception) -> bool:
    """Whether it is the command line itself that was not understood. Typer keeps the class to itself."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _misused(error: Any, *, as_json: bool) -> int:
    """A command line that was not understood."""
    if as_json:
        from mlops.cli import ui

        ui.problem_json(error.format_message(), error.exit_code)
    from typer.rich_utils import rich_format_error

    rich_format_error(error)
    return int(error.exit_code)


def _ended(message: str, code: int, *, as_json: bool, problems: "Sequence[Problem]" = ()) -> int:
    from mlops.cli import ui

    if as_json:
        ui.problem_json(message, code, [one.as_data() for one in problems])
    ui.problem(message)
    return code
