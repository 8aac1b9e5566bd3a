"""The model card: what a reader must know before trusting the model.

The headings are those of Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from collections.abc import Sequence
from datetime import datetime

from pipelines.analyse import Analysis, no_worse
from pipelines.evaluate import Evaluated
from pipelines.gate import Figures, Group
from pipelines.provenance import runtime
from pipelines.reasons import Explanations
from pipelines.slices import Slice
from pipelines.snapshots import Snapshot
from pipelines.train import Trained

_KINDS = {
    "collaborative": "Item-item collaborative filtering: a product's score is the sum, over the products a user took, "
    "of the weight of the strongest event times how much the one product speaks for the other.",
    "popularity": "Popularity: everybody is shown what most users took and they did not. It is the declared champion "
    "because nothing beat it on this data.",
}


def card(
    snapshot: Snapshot,
    trained: Trained,
    evaluated: Evaluated,
    explanations: Explanations,
    analysis: Analysis,
    now: datetime,
) -> str:
    """The card in Markdown."""
    return "\n".join(
        [
            f"# Model card: {evaluated.passed} recommender",
            "",
            *_details(trained, evaluated, now),
            *_data(snapshot, trained),
            *_results(evaluated),
            *_fairness(evaluated.figures[evaluated.passed]),
            *_worst(analysis),
            *_reasons(explanations),
            *_limits(evaluated),
        ]
    )


def _details(trained: Trained, evaluated: Evaluated, now: datetime) -> list[str]:
    made = runtime()
    return [
        "## Model details",
        "",
        _KINDS[evaluated.passed],
        "",
        f"- Made: {now:%Y-%m-%d %H:%M} UTC by code {trained.code_version}, MLflow run {trained.run}",
        f"- Learnt by: {trained.hyperparameters}",
        *[
            f"- Tried on the latest part of the training: {trial.hyperparameters}: {trial.ndcg}"
            for trial in trained.trials
        ],
        f"- Runtime: Python {made.python}, numpy {made.numpy}, model format {made.model_format}",
        "",
        "## Intended use",
        "",
        (
            "To order products of the catalogue for a user who is shown a short list. Not for decisions about people: "
            "prices, credit, employment, or who may see an offer at all."
        ),
        "",
    ]


def _data(snapshot: Snapshot, trained: Trained) -> list[str]:
    return [
        "## Training data",
        "",
        (
            f"Version {snapshot.data_version}: {snapshot.rows:,} events of {trained.users:,} users with "
            f"{trained.products:,} products, the newest of {snapshot.newest or 'no date'}. {trained.pairs:,} different "
            f"pairs of user and product, of which {trained.held_out:,}, each user's latest, were held out."
        ),
        "",
        "Only users who consent are in it; e-mail addresses are masked before anything is stored.",
        "",
        *[f"- {source.source}: {source.rows:,} events" for source in snapshot.sources],
        "",
    ]


def _results(evaluated: Evaluated) -> list[str]:
    rows = [(kind, figures) for kind, figures in evaluated.figures.items()]
    lines = [
        "## Evaluation",
        "",
        f"{evaluated.users:,} users, lists of {evaluated.k}; means with 95 % bootstrap intervals over users.",
        "",
        f"| model | NDCG@{evaluated.k} | hit rate | coverage | over popularity | over champion |",
        "|---|---|---|---|---|---|",
    ]
    if evaluated.champion is not None:
        lines.append(_row(f"champion (version {evaluated.champion_version})", evaluated.champion))
    lines += [_row(kind, figures) for kind, figures in rows]
    refused = [f"- {kind}: {', '.join(why)}" for kind, why in evaluated.verdict.refusals.items()]
    return [*lines, "", *(["Refused by the gate:", "", *refused, ""] if refused else [])]


def _row(name: str, figures: Figures) -> str:
    cells = (name, figures.ndcg, figures.hit_rate, f"{figures.coverage:.1%}")
    compared = (figures.over_popularity or "", figures.over_champion or "")
    return "| " + " | ".join(str(cell) for cell in (*cells, *compared)) + " |"


def _fairness(figures: Figures) -> list[str]:
    return [
        "## Fairness",
        "",
        "| group | users | NDCG | verdict |",
        "|---|---|---|---|",
        *[f"| {group.name} | {group.users:,} | {group.ndcg} | {_verdict(group)} |" for group in figures.groups],
        "",
    ]


def _verdict(group: Group) -> str:
    if group.shortfall is None:
        return "too small to judge"
    return "fair" if group.fair else "unfair"


def _worst(analysis: Analysis) -> list[str]:
    if not analysis.worse:
        return ["## Where it is worst", "", no_worse(analysis), ""]
    return ["## Where it is worst", "", *_table(analysis.worse), ""]


def errors(analysis: Analysis) -> str:
    """A page of its own: every group that was looked at."""
    return "\n".join(
        [
            "# Where it is worst",
            "",
            (
                f"{analysis.users:,} users and {analysis.asked:,} products that they took next, lists of {analysis.k}: "
                f"NDCG {analysis.ndcg}, recall {analysis.recall}."
            ),
            "",
            (
                f"{len(analysis.slices)} groups of at least {analysis.least_users} users, each against all others. By "
                "user the NDCG is compared, by product whether it was listed. The difference has its own 95 % "
                "interval, with users as clusters; p is corrected for the number of groups (Holm)."
            ),
            "",
            *_table(analysis.slices),
            "",
        ]
    )


def _table(slices: Sequence[Slice]) -> list[str]:
    return [
        "| attribute | group | users | measure | mean | all others | difference | p | |",
        "|---|---|---|---|---|---|---|---|---|",
        *[
            f"| {one.attribute} | {_cell(one.value)} | {one.users:,} | {one.measure} | {one.mean:.3f} | {one.rest:.3f} "
            f"| {one.difference} | {one.p:.2g} | {'worse' if one.worse else ''} |"
            for one in slices
        ],
    ]


def _cell(text: str) -> str:
    # What a shop calls a category is not to break the table.
    return text.replace("|", "\\|").replace("\n", " ")


def _reasons(explanations: Explanations) -> list[str]:
    if not explanations.reasons:
        return [
            "## Explanations",
            "",
            "Products are recommended because they are popular; there is no other reason.",
            "",
        ]
    names = ", ".join(f"{product} ({count})" for product, count in explanations.influential.items())
    return [
        "## Explanations",
        "",
        (
            f"{explanations.explained_share:.0%} of {len(explanations.reasons):,} sampled recommendations name "
            "products that the user took as their reason; the others fill a list up by popularity. "
            f"Most often named: {names}."
        ),
        "",
    ]


def _limits(evaluated: Evaluated) -> list[str]:
    small = [group.name for group in evaluated.figures[evaluated.passed].groups if group.shortfall is None]
    return [
        "## Limits",
        "",
        (
            "- Offline figures say how well the model guesses what users would have taken anyway; only an experiment "
            "with users says what it changes."
        ),
        "- A product without events is never recommended, and a new user gets what is popular.",
        *([f"- Nothing is known about fairness to {', '.join(small)}: too few users."] if small else []),
        "",
    ]
