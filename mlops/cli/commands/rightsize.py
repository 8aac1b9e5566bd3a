"""`mlops rightsize`: settings that fit what was really used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.cost.rightsizing import Rightsizing


def rightsize(
    usage: Annotated[Path, typer.Option("--usage", metavar="FILE", help="Export of OpenCost, Prometheus or AWS.")],
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Propose settings that fit what was used: requests, nodes and usage assumptions, with savings and risk.

    Reads an allocation of OpenCost (JSON), an answer of Prometheus (JSON) or a cost and usage report of AWS (CSV, gzip,
    Parquet, or the folder of its parts).
    Nothing is changed: what is printed goes into the stack file, if you agree.

    \b
    mlops rightsize -s prod --usage allocation.json
      curl 'http://opencost:9003/allocation?window=14d&aggregate=namespace,controller,pod&accumulate=true'
    mlops rightsize -s prod --usage prometheus.json
      max by (namespace, workload, resource, statistic) of quantiles over two weeks;
      resource is cpu (cores) or memory (bytes), statistic is average or most
    mlops rightsize -s prod --usage report.csv      what AWS billed, as usage assumptions
    """
    from mlops.cli.planning import planned
    from mlops.cost import exports
    from mlops.cost.book import BookError, load
    from mlops.cost.estimate import region_of
    from mlops.cost.rightsizing import rightsize as propose
    from mlops.cost.usage import usage_of

    target = options.target(stack)
    plan = planned(target)
    tags = {"Project": plan.graph.project, "Environment": plan.graph.stack}
    owner = exports.Owner(tags=tags, region=region_of(plan.graph))
    try:
        found = propose(plan.graph, usage_of(plan.tier, plan.choices), load(target.root), exports.read(usage, owner))
    except (exports.ExportError, BookError) as error:
        raise BadInputError(str(error)) from None
    if as_json:
        ui.print_json(_json(found))
    else:
        _print(found)


def _print(found: "Rightsizing") -> None:
    from mlops.cost.report import money, total_text

    console = ui.out()
    if not found.proposals:
        console.print("What was used fits the settings: there is nothing to propose.")
    else:
        rows = [
            (
                proposal.setting,
                str(proposal.before),
                str(proposal.after),
                money(proposal.saving_usd) if proposal.saving_usd else "",
                proposal.risk,
                proposal.why,
            )
            for proposal in found.proposals
        ]
        columns = ("Today", "Proposed", ("Saves a month", "right"), "Risk", "Why")
        console.print(ui.table("Proposals", "Setting", *columns, rows=rows))
        change = found.after.total - found.before.total
        before, after = total_text(found.before), total_text(found.after)
        console.print(f"{before} → {after} a month ({money(change, sign=True)}).")
        if text := as_yaml(found):
            console.print("\nFor the stack file, below `platform`:\n")
            console.print(text, markup=False, highlight=False)
    for sentence in found.notes:
        ui.note(sentence)
    for name in found.unmatched:
        ui.note(f"No setting sizes {name}.")


def as_yaml(found: "Rightsizing") -> str:
    """The proposals as a stack file would say them. Models are a list, which a stack file states as a whole: they are
    left to the table."""
    from mlops.core.yaml_reader import write

    tree: dict[str, Any] = {}
    for proposal in found.proposals:
        if "[" in proposal.setting:
            continue
        *parents, last = proposal.setting.split(".")
        place = tree
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = proposal.after
    return write(tree) if tree else ""


def _json(found: "Rightsizing") -> dict[str, Any]:
    return {
        "monthly": {"before": float(found.before.total), "after": float(found.after.total)},
        "proposals": [
            {
                "setting": proposal.setting,
                "before": proposal.before,
                "after": proposal.after,
                "saving_usd": float(proposal.saving_usd),
                "risk": proposal.risk,
                "why": proposal.why,
            }
            for proposal in found.proposals
        ],
        "unmatched": list(found.unmatched),
        "notes": list(found.notes),
    }
