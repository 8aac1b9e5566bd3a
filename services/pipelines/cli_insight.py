"""Commands that look into a model: where it is worst, why it recommends what it does, where its time goes."""

from typing import Annotated

import typer

from pipelines import analyse as analysing
from pipelines import profile as profiling
from pipelines import why as reasons
from pipelines.commands import Json, answer, make_context
from pipelines.slices import SliceRules
from pipelines.tracking import CHAMPION

Which = Annotated[str, typer.Option("--model", help="Version; the champion without.")]
Length = Annotated[int, typer.Option("--k", min=1, max=1_000, help="Length of the list.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (analyse, why, profile):
        app.command(command.__name__)(command)


def analyse(
    model: Which = CHAMPION,
    k: Length = 10,
    users: Annotated[int, typer.Option("--users", min=1, help="Of more, that many are asked.")] = 10_000,
    least_users: Annotated[
        int, typer.Option("--least-users", min=2, help="Of a group, and outside of it; with fewer it is noise.")
    ] = SliceRules.least_users,
    as_json: Json = False,
) -> None:
    """Show the groups of users and products where a model is worse than elsewhere by more than chance."""
    context = make_context()
    rules = SliceRules(least_users=least_users)
    found = analysing.of_version(context.lake, context.tracking, model, k, users, rules)
    answer(found, as_json, lambda: "\n".join(analysing.lines(found)))


def why(
    user_id: str,
    product_id: Annotated[str | None, typer.Argument(help="One product, wherever it stands in the list.")] = None,
    model: Which = CHAMPION,
    k: Length = 5,
    as_json: Json = False,
) -> None:
    """Show what of a user's own events makes a model recommend a product, and how much each adds.

    Events since the training are not part of it.
    """
    context = make_context()
    pseudonyms = context.raw.masker.pseudonyms
    found = reasons.why(context.lake, context.tracking, pseudonyms, model, user_id, product_id, k)
    answer(found, as_json, lambda: "\n".join(reasons.lines(found)))


def profile(
    model: Which = CHAMPION,
    requests: Annotated[int, typer.Option("--requests", min=1, max=100_000)] = 500,
    k: Length = 10,
    as_json: Json = False,
) -> None:
    """Show where the milliseconds of a request go."""
    context = make_context()
    found = profiling.profile(context.lake, context.tracking, context.recommender, model, requests, k)
    answer(found, as_json, lambda: "\n".join(profiling.lines(found)))
