"""The command that delivers events of Pulsar to the lake."""

import os
from typing import Annotated

import typer

from pipelines.deliver import Deliverer, Goal, PulsarSubscription, Subscription
from pipelines.errors import InputError


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deliver")(deliver)


def deliver(
    seconds: Annotated[float, typer.Option(min=1, max=900, help="Longest wait until an object is written.")] = 300,
    megabytes: Annotated[float, typer.Option(min=0.001, max=128, help="Size at which one is written.")] = 64,
    plain: Annotated[bool, typer.Option("--plain", help="Not compressed.")] = False,
    host: Annotated[str, typer.Option(help="Address of /metrics; a pod gives 0.0.0.0.", envvar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 takes a free one.")] = 9109,
) -> None:
    """Stay: write every event that passes on Pulsar into the raw bucket as it came."""
    goal = Goal.from_environment(os.environ, seconds=seconds, megabytes=megabytes, compressed=not plain)
    Deliverer(goal, _subscribed, lambda text: typer.echo(text, err=True)).run(host, port)


def _subscribed(goal: Goal) -> Subscription:
    try:
        return PulsarSubscription(goal)
    except ImportError as error:
        raise InputError(
            f"This image lacks the client of Pulsar ({error.name}): build it with the group pulsar "
            '(`--build-arg GROUPS="--group pulsar"`).'
        ) from None
