"""What `mlops up -s local` does beyond the infrastructure: the services, the first run of the loop, an answer."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from localcloud.mirror import Mirror, Mirrored, MirrorError
from mlops import settings, stacks
from mlops.cli import ui
from mlops.cli.errors import BadInputError, FailedError
from mlops.cli.local import infrastructure
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.cli.views.local import Waiting, as_data, as_lines, parts_table
from mlops.local.health import fetch
from mlops.local.layout import LocalError
from mlops.local.ports import PortError
from mlops.local.programs import NAMES, StackSettings
from mlops.local.stack import LocalStack, NotInstalledError
from mlops.plan.plan import Plan

_NO_ACCOUNT = "000000000000"
"""The account of a stack that names none; the stand-in cloud uses the same."""
_USER, _K = "u0000001", 5
_MODEL_SECONDS = 30.0


def bring_everything_up(target: Target, *, asked_ports: Sequence[str], as_json: bool) -> None:
    """Infrastructure, services, the loop once, an answer.

    Raises:
        BadInputError: a port that was asked for cannot be had, or the services are not installed.
        FailedError: something failed; what was made is kept.
    """
    started = time.monotonic()
    stack = LocalStack(target.root)
    try:
        installed(stack)
        stack.claim(target.stack)
    except LocalError as error:
        raise FailedError(str(error)) from None
    platform = settings.resolve(stacks.read(target.stack, target.root)).platform
    account = platform.account.id or _NO_ACCOUNT
    recommender = platform.workloads.recommender
    told = {**recommender.release.environment, **recommender.retraining.environment} if recommender else {}
    found_running = stack.supervisor.running()
    try:
        ports = stack.begin(platform.region, account, _asked(asked_ports))
    except PortError as error:
        raise BadInputError(str(error)) from None
    except LocalError as error:
        raise FailedError(str(error)) from None
    # The services load while the infrastructure is planned and comes up.
    try:
        plan = planned(target)
        _anticipate(stack, platform.region, account, plan, told)
        up = infrastructure.bring_up(target, plan, as_json=as_json)
    except BaseException:
        if not found_running:
            stack.stop()
        raise
    try:
        _mirror(stack, ports, platform.region, up)
        stack.go_on(StackSettings.of(platform.region, account, up.outputs, told))
        with Waiting() as waiting:
            stack.wait(NAMES, waiting)
        trained = _first_model(stack)
        stack.keep_watching()
    except (LocalError, MirrorError) as error:
        raise FailedError(str(error)) from None
    _show(stack, up, seconds=time.monotonic() - started, trained=trained, as_json=as_json)


def installed(stack: LocalStack) -> None:
    """Install the services at the first up: who only plans and deploys needs none of them.

    Raises:
        BadInputError: they are not there, and neither is what installs them.
        FailedError: they cannot be installed.
        LocalStackError: the disk is full.
    """
    try:
        stack.check()
    except NotInstalledError as error:
        script = stack.layout.root / "tools" / "set_up.py"
        if not script.is_file():
            raise BadInputError(str(error)) from None
        ui.note("The services are not installed yet. This brings them once; ^C stops it, and nothing else has begun.")
        ui.err().file.flush()
        done = subprocess.run([sys.executable, script, "--services"], stdout=sys.stderr.fileno(), check=False)
        if done.returncode:
            raise FailedError(
                "The services cannot be installed; above is why. "
                f"`mlops up -s {stack.owner() or 'local'} --infrastructure-only` does without them."
            ) from None
        stack.check()


def _anticipate(stack: LocalStack, region: str, account: str, plan: Plan, told: Mapping[str, str]) -> None:
    """Start the rest with the names that the plan expects. What is deployed decides; it usually is the same.

    Raises:
        BadInputError: the stack will have no output that the services need.
    """
    expected = plan.graph.stack_outputs
    for name in ("buckets", "stream"):
        if not expected.get(name):
            raise BadInputError(
                f"The stack has no output {name}, which the services need: data_pipeline must be of kind kinesis. "
                "`mlops up -s local --infrastructure-only` brings it up without services."
            )
    if stack.settings().deployed:
        return
    stack.go_on(StackSettings.of(region, account, expected, told))


def _asked(given: Sequence[str]) -> dict[str, int]:
    """`recommender=8001` as part and port.

    Raises:
        BadInputError: it does not read so.
    """
    asked = {}
    for text in given:
        name, _, port = text.partition("=")
        if not name or not port.isdecimal():
            raise BadInputError(f'--port "{text}" does not say part and port. Write it as --port recommender=8001.')
        asked[name] = int(port)
    return asked


def _mirror(stack: LocalStack, ports: Mapping[str, int], region: str, up: infrastructure.Up) -> Mirrored:
    """Make the deployed buckets, streams, secrets, parameters and tables in the emulated AWS."""
    stack.wait(["aws"])
    mirror = Mirror(f"http://127.0.0.1:{ports['aws']}", region, stack.layout.data / "mirrored.json")
    mirrored = mirror.reconcile(up.things)
    if mirrored.made or mirrored.removed:
        ui.note(f"emulated AWS: {len(mirrored.made)} made, {len(mirrored.removed)} removed, {mirrored.held} held")
    return mirrored


def _first_model(stack: LocalStack) -> bool:
    """Run the loop, unless a model is served already; whether it ran.

    Raises:
        FailedError: the loop failed or a gate stopped it.
    """
    if stack.served().get("status") == "ready":
        return False
    sample = stack.layout.data / "sample"
    if not sample.exists():
        _command(stack, ["generate"])
        sample.touch()
    _command(stack, ["run-loop"])
    until = time.monotonic() + _MODEL_SECONDS
    while stack.served().get("status") != "ready":
        if time.monotonic() > until:
            problem = stack.served().get("problem") or "it does not say why"
            raise FailedError(f"The loop has ended, but the recommender serves no model: {problem}.")
        time.sleep(0.2)
    return True


def _command(stack: LocalStack, arguments: Sequence[str]) -> None:
    code = stack.run_loop_command(arguments, lambda line: ui.err().print(f"  {line}", markup=False, soft_wrap=True))
    if code:
        raise FailedError(
            f"`pipelines {' '.join(arguments)}` ended with exit code {code}; above is why. Everything else is up and "
            "what was finished is kept: `mlops local run-loop` goes on from there."
        )


def _show(stack: LocalStack, up: infrastructure.Up, *, seconds: float, trained: bool, as_json: bool) -> None:
    parts = stack.parts()
    addresses = {part.name: part.url for part in parts if part.url}
    url = f"{addresses['recommender']}/recommendations/{_USER}?k={_K}"
    _, body = fetch(url, 10)
    answer = json.loads(body)
    if as_json:
        services = {**as_data(parts, stack.served(), stack.memory()), "seconds": round(seconds, 1), "trained": trained}
        ui.print_json({**up.data, "services": {**services, "url": url, "answer": answer}})
        return
    console = ui.out()
    console.print(parts_table(parts, stack.memory()))
    console.print("[bold]Look[/]")
    for what, address in (
        ("recommender", f"{addresses['recommender']}/docs"),
        ("MLflow", addresses["mlflow"] or ""),
        ("loop", f"{addresses['worker']}/metrics"),
        ("AWS APIs", f"aws --endpoint-url {addresses['aws']} s3 ls"),
    ):
        console.print(f"  {what:<12} {address}", markup=False, soft_wrap=True)
    console.print("[bold]Ask[/]")
    console.print(f"  $ curl -s '{url}'", markup=False, soft_wrap=True)
    console.print(as_lines(answer), markup=False, soft_wrap=True)
    made = "trained, gated, registered and deployed just now" if trained else "as it was; `mlops local run-loop` trains"
    console.print(f"[green]✓[/] Version {answer['model']['version']} answers: {made} ({seconds:.0f} s in all).")
    console.print(f"  mlops local status · logs · run-loop · stop. Down again: mlops destroy -s {up.data['stack']}")
