"""`mlops local`: look at, restart and stop the services that `mlops up -s local` started, and run the loop."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli import options

if TYPE_CHECKING:
    from localcloud.api_client import Pod
    from mlops.cli.local.on_cluster import OnCluster
    from mlops.local.stack import LocalStack

local_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The services of the local stack: status, logs, restart, stop, run-loop, adopt.",
)

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="aws, mlflow, recommender, worker or health.")]
_TAIL_LINES = 60
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
"""Source: Kafka, clients/src/main/java/org/apache/kafka/common/internals/Topic.java."""


@local_app.command("status")
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking, until ^C.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show every part, and every pod of a stack on a cluster. Exit code 1 when one does not work."""
    from rich.live import Live

    from mlops.cli import ui
    from mlops.cli.errors import FailedError
    from mlops.cli.local.stranded import hint, stranded
    from mlops.cli.views.local import as_data, parts_table, pods_table

    stack = _stack()
    parts, pods = stack.parts(), _pods(options.project_root())
    if as_json:
        state = {"strays": stack.strays(), "stack": stack.owner(), "stranded": list(stranded(options.project_root()))}
        on_cluster = {"pods": [asdict(pod) for pod in pods]}
        ui.print_json({**as_data(parts, stack.served(), stack.memory()), **state, **on_cluster})
    elif not parts and not pods:
        ui.out().print("There is no local stack. `mlops up -s local` (or `make up`) makes it.")
    elif not parts:
        pass
    elif watch and ui.out().is_terminal:
        with Live(parts_table(parts, stack.memory()), console=ui.out(), auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(parts_table(stack.parts(), stack.memory()), refresh=True)
    else:
        ui.out().print(parts_table(parts, stack.memory()))
        for part in parts:
            if part.state in ("fails", "hangs"):
                ui.out().print(f"{part.name}: {part.detail}", markup=False, soft_wrap=True)
        ui.out().print(_serving(stack.served()), markup=False)
    if pods and not as_json:
        ui.out().print(pods_table(pods))
    if words := hint(options.project_root()):
        ui.note(words)
    if strays := stack.strays():
        raise FailedError(
            f"The process manager was killed; these still run without it: {', '.join(strays)}.\n"
            "`mlops local restart` takes over, `mlops local stop` ends them."
        )
    if not all(part.state == "works" for part in parts) or not all(pod.ready for pod in pods):
        raise typer.Exit(1)


@local_app.command("logs")
def logs(
    name: Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they grow, until ^C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines from the end of each.")] = _TAIL_LINES,
    as_json: options.Json = False,
) -> None:
    """Print what the parts wrote: one part, or all with its name before each line."""
    from mlops.cli import ui
    from mlops.cli.errors import BadInputError
    from mlops.cli.local.logs import follow_files, last_lines, tail
    from mlops.local.programs import NAMES
    from mlops.local.supervisor import WATCH

    stack = _stack()
    if as_json and follow:
        raise BadInputError("--json prints one document, and what --follow prints has no end; choose one.")
    known = (*NAMES, WATCH)
    if name is not None and name not in known:
        raise BadInputError(f'There is no part "{name}". Allowed: {", ".join(known)}.')
    files = {one: stack.log(one) for one in ([name] if name else known) if stack.log(one).exists()}
    if not files:
        raise BadInputError("Nothing was written yet: `mlops up -s local` starts the services.")
    if as_json:
        ui.print_json({"parts": {one: last_lines(path, lines) for one, path in files.items()}})
        return
    ends = {one: tail(one if name is None else "", path, lines) for one, path in files.items()}
    if follow:
        follow_files(files, ends, prefixed=name is None)


@local_app.command("restart")
def restart(name: Name = None, as_json: options.Json = False) -> None:
    """Restart one part, or bring everything back: after a stop, a reboot, a killed process manager."""
    from mlops.cli import ui
    from mlops.cli.errors import BadInputError, FailedError
    from mlops.cli.views.local import Waiting, as_data, parts_table
    from mlops.local import programs
    from mlops.local.layout import LocalError
    from mlops.local.stack import NotInstalledError

    stack = _stack()
    defined = programs.read(stack.layout)
    if name is not None and name not in defined:
        raise BadInputError(f'There is no part "{name}". Allowed: {", ".join(defined) or "none; none is defined"}.')
    try:
        if name is not None and stack.supervisor.running():
            stack.restart(name)
        else:
            stack.start_all()
        with Waiting() as waiting:
            stack.wait([name] if name else list(defined), waiting)
    except NotInstalledError as error:
        raise BadInputError(str(error)) from None
    except LocalError as error:
        raise FailedError(str(error)) from None
    if as_json:
        ui.print_json(as_data(stack.parts(), stack.served(), stack.memory()))
    else:
        ui.out().print(parts_table(stack.parts(), stack.memory()))


@local_app.command("stop")
def stop(as_json: options.Json = False) -> None:
    """Stop every part; data stays. `mlops local restart` brings it back, `mlops destroy -s local` removes it."""
    from mlops.cli import ui

    stack = _stack()
    number = stack.stop()
    if as_json:
        ui.print_json({"ended": number})
        return
    ui.out().print(f"[green]✓[/] {number} processes ended; data is kept.")


@local_app.command("adopt")
def adopt(
    old: Annotated[str, typer.Argument(help="Name under which the state was made; `mlops local status` lists them.")],
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Give the state of a renamed stack, which has no file any more, to a stack that has one.

    Then `mlops up` changes what is named after the stack, and keeps the rest.

    \b
    mlops local adopt local -s mine
    """
    from mlops.cli import ui
    from mlops.cli.local import stranded

    target = options.target(stack)
    options.belongs_here(target)
    stranded.adopt(old, target)
    if as_json:
        ui.print_json({"stack": target.stack, "adopted": old})
    else:
        ui.out().print(f"[green]✓[/] What was {old}'s is {target.stack}'s. Next: mlops up -s {target.stack}")


@local_app.command("run-loop", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_loop(
    context: typer.Context,
    kafka: Annotated[
        str | None,
        typer.Option("--kafka", metavar="HOST:PORT", help="Read events from this Kafka broker instead of Kinesis."),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option("--topic", help="Topic of events, with --kafka; made where it is missing.  [default: events]"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run the loop now: ingest to deploy. What follows -- goes to it: `mlops local run-loop -- --fresh`.

    With a broker of one's own, without encryption and login, whose events it takes in beside those of the lake:

    \b
    mlops local run-loop --kafka 127.0.0.1:9092
    """
    from mlops.cli import ui
    from mlops.cli.errors import BAD_INPUT, BadInputError, FailedError
    from mlops.local.layout import LocalError

    stack, stream = _stack(), _broker(kafka, topic)
    console = ui.err() if as_json else ui.out()
    if on := _on_cluster(options.project_root()):
        if kafka:
            raise BadInputError(
                "--kafka is for the processes of this machine, and this stack's loop runs on a cluster."
            )
        on.demand_one_build()
        on.run(["run-loop", *context.args], lambda line: console.print(line, markup=False))
        if as_json:
            ui.print_json({"serving": on.ask()["model"]})
        return
    try:
        arguments = ["run-loop", *context.args]
        code = stack.run_loop_command(arguments, lambda line: console.print(line, markup=False), stream)
    except LocalError as error:
        raise FailedError(str(error)) from None
    if code == BAD_INPUT:
        raise BadInputError("The loop cannot use what it was given; above is why.")
    if code:
        raise FailedError(
            f"The loop ended with exit code {code}; above is why. What was finished is kept: `mlops local run-loop` "
            "goes on from there."
        )
    if as_json:
        ui.print_json({"serving": stack.served()})
    else:
        ui.out().print(_serving(stack.served()), markup=False)


def _broker(address: str | None, topic: str | None) -> dict[str, str]:
    """The variables by which the loop reads a broker on one's own network, which asks nobody who one is; none without.

    Raises:
        BadInputError: it is no address, or no topic of a broker.
    """
    from mlops.cli.errors import BadInputError

    if address is None:
        if topic is not None:
            raise BadInputError(f'--topic is "{topic}", of no broker; give it with --kafka HOST:PORT.')
        return {}
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise BadInputError(f'--kafka is "{address}"; give the host and the port of a broker, 127.0.0.1:9092.')
    named = "events" if topic is None else topic
    if not _TOPIC.fullmatch(named):
        raise BadInputError(
            f'--topic is "{named}", a name that Kafka does not take; give letters, digits, `.`, `_` and `-`, at most '
            "249, neither `.` nor `..`."
        )
    return {
        "MLOPS_STREAM": named,
        "MLOPS_STREAM_AUTH": "none",
        "MLOPS_STREAM_ENDPOINT": address,
        "MLOPS_STREAM_PARTITIONS": "1",
        "MLOPS_STREAM_PROTOCOL": "kafka",
    }


def _stack() -> "LocalStack":
    from mlops.local.stack import LocalStack

    return LocalStack(options.project_root())


def _pods(root: Path) -> "list[Pod]":
    """Of the stacks that are on a cluster too; none where none is."""
    noted = sorted((root / ".local" / "stacks").glob("*/cluster.json"))
    if not noted:
        return []
    from mlops import stacks
    from mlops.cli.local import cluster as clusters

    project = stacks.project_name(root)
    places = [(file.parent.name, clusters.Cluster.noted(file.parent)) for file in noted]
    return [pod for stack, place in places if place for pod in clusters.pods(place, project, stack)]


def _on_cluster(root: Path) -> "OnCluster | None":
    """The local stack, where its services are pods."""
    for note in sorted((root / ".local" / "stacks").glob("*/cluster.json")):
        target = options.target(note.parent.name)
        if options.belongs_here(target):
            from mlops.cli.local.on_cluster import OnCluster

            return OnCluster.of(target)
    return None


def _serving(served: Mapping[str, object]) -> str:
    models = served.get("models")
    champion = models.get("champion") if isinstance(models, dict) else None
    if not served:
        return "The recommender does not answer."
    if not isinstance(champion, dict):
        problem = str(served.get("problem") or "There is no model yet: the loop has not run").rstrip(".")
        return f"{problem}. `mlops local run-loop` trains and deploys one."
    return f"Version {champion.get('version')} ({champion.get('kind')}) is served, trained {champion.get('created')}."
