"""`mlops evidence`: what a stack shows toward the controls of a framework, for people who audit it."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError, FailedError

if TYPE_CHECKING:
    from policies.engine import Report

FOLDER = Path("dist", "evidence")
"""Where the files go that nobody gave a place: what was made from a checkout is no part of it, so git ignores it."""


def evidence(
    stack: options.Stack = None,
    framework: Annotated[
        str | None,
        typer.Option("--framework", metavar="NAME", help="soc2, gdpr, hipaa, pci or cis; also nist, iso27001, fsbp."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help=f"Where both files go; else {FOLDER.as_posix()}/, which git ignores.",
        ),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", metavar="FILE", help="A stack export, a preview or - instead of the plan."),
    ] = None,
    state: options.State = None,
    as_json: options.Json = False,
) -> None:
    """Write down what a stack shows toward the controls of a framework, as JSON and as one HTML page.

    From each control to the rules that are mapped to it, to the resources, to
    the property and its value: met, not met, unknown, not decidable from code,
    or organisational. A mapped id is evidence toward a control; it does not
    show that the control is met.

    \b
    mlops evidence -s prod --framework soc2            evidence-prod-soc2.json and .html, in dist/evidence
    mlops evidence -s prod --framework gdpr -o audit   both in the folder audit
    mlops evidence -s prod --framework cis --json      the JSON on standard output, no files
    mlops evidence --graph export.json --framework pci a deployed stack: pulumi stack export --file export.json
    """
    from mlops.cli.commands.policy import judged
    from policies import evidence as made
    from policies.frameworks import CHOICES, FrameworkError, chosen

    if not framework:
        raise BadInputError(f"Which framework? Name it with --framework: {', '.join(CHOICES)}.")
    try:
        chosen(framework)
    except FrameworkError as error:
        raise BadInputError(str(error)) from None
    report = judged(stack, graph, state)
    plan = _plan(report, graph)
    found = made.evidence(report, framework)
    document = made.to_json(found, plan)
    if as_json:
        ui.print_json(document)
        return
    from policies.evidence_page import to_html

    name = f"evidence-{report.stack}-{framework}"
    texts = {".json": json.dumps(document, indent=1, ensure_ascii=False, default=str), ".html": to_html(found, plan)}
    files = _write(output or _folder(), name, texts)
    ui.out().print(", ".join(f"{number} {status}" for status, number in found.summary.items()) + ".", markup=False)
    for file in files:
        ui.out().print(f"Written: {file}", markup=False, soft_wrap=True)
    ui.note(made.WORDS)


def _folder() -> Path:
    """In the project, or where there is none, as with --graph, here."""
    try:
        return options.project_root() / FOLDER
    except BadInputError:
        return FOLDER


def _write(folder: Path, name: str, texts: dict[str, str]) -> list[Path]:
    files: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in texts.items():
            files.append(folder / f"{name}{ending}")
            files[-1].write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise FailedError(f"{folder} cannot be written to: {error.strerror}. Choose another folder with -o.") from None
    return files


def _plan(report: "Report", graph: Path | None) -> dict[str, Any]:
    """What was judged: stack, tier, date, and the revision of the program where it lies in a git repository."""
    from mlops.core.clock import today

    revision = _git("rev-parse", "HEAD")
    return {
        "project": report.project,
        "stack": report.stack,
        "tier": report.tier,
        "source": f"the file {graph.name}" if graph else "a plan of the program",
        "date": today().isoformat(),
        "revision": revision,
        "uncommitted": bool(revision and _git("status", "--porcelain", "--untracked-files=no")),
        "resources": report.resources,
    }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
