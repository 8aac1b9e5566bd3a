"""The command line: every step, the whole loop, and what surrounds it.

Standard output holds the answer only (`--json` makes it JSON); progress goes to standard error. Exit codes: 0 done,
1 something unforeseen, 2 what was given cannot be used, 3 a gate stopped the loop, 4 something needed does not answer.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from pydantic import TypeAdapter
from rich.console import Console

from pipelines import lineage as lineages
from pipelines import release as releases
from pipelines.batch import batch_score
from pipelines.cli_deliver import add as add_deliver
from pipelines.cli_insight import add as add_insight
from pipelines.cli_jobs import add as add_jobs
from pipelines.cli_rules import app as rules_app
from pipelines.commands import Json, answer, make_context
from pipelines.display import LoopProgress
from pipelines.erase import erase
from pipelines.errors import InputError, LoopError
from pipelines.generator import Sample, generate, write
from pipelines.ingest import drop_files
from pipelines.kubeflow_runs import start as start_on_kubeflow
from pipelines.lambda_look import looks
from pipelines.lease import alone
from pipelines.loop import STEPS, Context, LoopOptions, Step, take_in
from pipelines.options import options_from
from pipelines.reject import reject
from pipelines.release import End
from pipelines.runner import LOOK_PATIENCE_SECONDS, run_loop, run_step
from pipelines.settings import Settings, to_hand_on
from pipelines.worker import Worker
from pipelines.workflows.airflow import AirflowPods, AirflowSettings, dag_file
from pipelines.workflows.argo import ArgoSettings, workflow
from pipelines.workflows.kubeflow import KubeflowSettings, pipeline
from pipelines.workflows.sagemaker import SageMakerSettings, rendered
from pipelines.workflows.step_functions import StepFunctionsSettings
from pipelines.workflows.step_functions import rendered as state_machine_as_json
from recommender.by_reference import SecretError, own_environment
from recommender.release import Strategy

app = typer.Typer(
    name="pipelines",
    help="The machine-learning loop. `run-loop` runs all its steps; each step is a command of its own too.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(rules_app, name="rules")
add_insight(app)
add_deliver(app)
add_jobs(app)
_notes = Console(stderr=True, highlight=False)

Orchestrator = Literal["argo", "airflow", "kubeflow", "sagemaker", "step-functions"]
Watch = Annotated[
    bool, typer.Option("--watch", help="Do all but train: an orchestrator runs the loop, and takes turns with this.")
]
Options = Annotated[
    str, typer.Option("--options", help="Options that differ from the defaults: JSON, or a file that holds it.")
]


def main() -> None:
    """Run a command; errors for users are one message, never a traceback."""
    try:
        app()
    except LoopError as error:
        _notes.print(f"[bold red]{type(error).__name__}[/] {error}", markup=True, soft_wrap=True)
        sys.exit(error.exit_code)


@app.command("run-loop")
def loop_command(
    strategy: Annotated[
        Strategy | None,
        typer.Option("--strategy", help="How the new version takes over; else by MLOPS_RELEASE."),
    ] = None,
    percent: Annotated[
        float | None, typer.Option("--percent", min=0.1, max=100.0, help="Share of users for canary, shadow or ab.")
    ] = None,
    assume_consent: Annotated[
        bool, typer.Option("--assume-consent", help="Users without a consent flag consent: it was settled elsewhere.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not go on with an unfinished run.")] = False,
    options: Options = "",
    as_json: Json = False,
) -> None:
    """Run the loop; an unfinished run goes on where it stopped."""
    chosen = options_from(options)
    chosen = dataclasses.replace(
        chosen,
        assume_consent=assume_consent or chosen.assume_consent,
        deploy=dataclasses.replace(
            chosen.deploy,
            strategy=strategy or chosen.deploy.strategy,
            percent=percent if percent is not None else chosen.deploy.percent,
        ),
    )
    with LoopProgress(_notes) as progress:
        results = run_loop(
            Settings.from_environment(), chosen, fresh=fresh, patience_seconds=LOOK_PATIENCE_SECONDS, progress=progress
        )
    deployed = results["deploy"]
    trial = f", and version {deployed.trial} is on trial" if deployed.trial else ""
    answer(results, as_json, lambda: f"version {deployed.version} serves{trial}")


def _step_command(step: Step) -> Callable[..., None]:
    def command(
        run: Annotated[str, typer.Option("--run", help="Name of the run that the step belongs to.")],
        options: Options = "",
        as_json: Json = False,
    ) -> None:
        context = Context(Settings.from_environment(), options_from(options), run)
        # A worker that only watches looks in between, and neither runs into the other.
        with alone(context.settings, LOOK_PATIENCE_SECONDS), LoopProgress(_notes) as progress:
            result = run_step(step.name, context, progress=progress)
        answer(result, as_json, lambda: step.tell(result))

    command.__doc__ = (
        f"Step of the loop, after {' and '.join(step.needs)}." if step.needs else "First step of the loop."
    )
    return command


for _step in STEPS:
    app.command(_step.name)(_step_command(_step))


@app.command("generate")
def generate_command(
    folder: Annotated[
        Path | None, typer.Argument(help="Write files here instead of putting them into the lake.")
    ] = None,
    users: Annotated[int, typer.Option(min=0)] = 100,
    products: Annotated[int, typer.Option(min=0)] = 50,
    events: Annotated[int, typer.Option(min=0)] = 5_000,
    seed: int = 7,
    shifted: Annotated[bool, typer.Option("--shifted", help="Another half of the catalogue is popular.")] = False,
    first_event: Annotated[int, typer.Option(min=0, help="Number of the first event.")] = 0,
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet instead of CSV.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="Send the events through the stream.")] = False,
) -> None:
    """Make users, products and events."""
    sample = Sample(users=users, products=products, events=events, seed=seed, shifted=shifted, first_event=first_event)
    made = generate(sample)
    if folder is not None:
        write(made, folder, parquet=parquet)
        typer.echo(f"{events:,} events in {folder}")
        return
    context = make_context()
    import_tables(context, made, stream=stream, parquet=parquet)
    typer.echo(f"{events:,} events {'on the stream' if stream else 'in the inbox'}")


@app.command("import-csv")
def import_command(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with users, products and events.")],
) -> None:
    """Put CSV or Parquet files into the inbox; the next run takes them in."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    keys = drop_files(make_context().lake, files)
    typer.echo("\n".join(keys))


@app.command("reject")
def reject_command(name: Annotated[str, typer.Argument(help="A batch, or the key of a file in the inbox.")]) -> None:
    """Take a bad batch or file out of the lake, for good."""
    context = make_context()
    with alone(context.settings, LOOK_PATIENCE_SECONDS):
        typer.echo(f"{reject(context.raw, name)} objects removed")


@app.command("erase")
def erase_command(user_id: str, as_json: Json = False) -> None:
    """Forget a user: lake, training sets, features, scores, and whatever arrives from now on."""
    context = make_context()
    with alone(context.settings, LOOK_PATIENCE_SECONDS):
        found = erase(context.raw, context.store, context.tracking, context.recommender, user_id, datetime.now(UTC))
    held = ", ".join(found.model_versions) or "none"
    answer(
        found,
        as_json,
        lambda: (
            f"{found.raw_events} raw events, {found.training_events} training events and {found.feature_rows} feature "
            f"rows removed, and what the models held. Model versions left: {held}; the recommender does not know the "
            "user any more, and `run-loop` learns without them."
        ),
    )


@app.command("lineage")
def lineage_command(
    model: Annotated[str, typer.Option("--model", help='Version, or "champion".')] = "",
    prediction: Annotated[
        str, typer.Option("--prediction", help="File with an answer of GET /recommendations; - reads standard input.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show where a model or a prediction comes from: code, parameters, data, files."""
    if bool(model) == bool(prediction):
        raise InputError("Give either --model VERSION or --prediction FILE.")
    context = make_context()
    if model:
        found = lineages.of_version(context.lake, context.tracking, model)
    else:
        found = lineages.of_prediction(context.raw, context.tracking, _text(prediction))
    answer(found, as_json, lambda: "\n".join(lineages.lines(found)))


@app.command("release")
def release_command(
    act: Annotated[bool, typer.Option("--act", help="Do what the verdict says, as the worker does.")] = False,
    end: Annotated[End | None, typer.Option("--end", help="End the trial, whatever the verdict says.")] = None,
    as_json: Json = False,
) -> None:
    """Show how the version on trial stands beside the champion, and what is to become of it."""
    if act and end:
        raise InputError("Give either --act or --end.")
    context = make_context()
    if not act and end is None:
        found = releases.look(context.raw, context.tracking, context.now())
    else:
        with alone(context.settings, LOOK_PATIENCE_SECONDS):
            take_in(context)
            found = releases.carry_on(context, end)
    answer(found, as_json, lambda: "\n".join(releases.tell(found)))


@app.command("batch-score")
def batch_command(k: Annotated[int, typer.Option(min=1)] = 10, as_json: Json = False) -> None:
    """Recommend to every user that the champion knows, into the lake."""
    context = make_context()
    found = batch_score(context.lake, context.tracking, context.store, k, context.now())
    popular = "" if found.features else "; no features are fresh: what was popular at the training counts"
    answer(found, as_json, lambda: f"{found.rows:,} rows below {context.lake.uri('artifacts', found.prefix)}{popular}")


@app.command("workflow")
def workflow_command(
    image: Annotated[str, typer.Option("--image", help="Image with this package.")],
    to: Annotated[Orchestrator, typer.Option("--to", help="What runs it.")] = "argo",
    namespace: Annotated[str, typer.Option(help="Argo, Airflow: where it runs.")] = "recommender",
    service_account: Annotated[str, typer.Option(help="Argo, Airflow: as whom it runs.")] = "pipelines",
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="Argo, Airflow: cron expression in UTC; Argo makes a CronWorkflow.")
    ] = None,
    role: Annotated[str, typer.Option(help="SageMaker: ARN of the jobs' role, `mlRoles.jobs` of the stack.")] = "",
    subnet: Annotated[
        list[str] | None, typer.Option(help="SageMaker, Step Functions: a subnet of the jobs or tasks.")
    ] = None,
    security_group: Annotated[
        list[str] | None, typer.Option(help="SageMaker, Step Functions: a security group of the jobs or tasks.")
    ] = None,
    cluster: Annotated[str, typer.Option(help="Step Functions: ARN of the ECS cluster.")] = "",
    task_definition: Annotated[str, typer.Option(help="Step Functions: ARN of the worker's task definition.")] = "",
    key: Annotated[str | None, typer.Option(help="SageMaker: ARN of the key of the jobs' volumes.")] = None,
    options: Options = "",
    as_json: Json = False,
) -> None:
    """Render the loop for Argo Workflows, Airflow, Kubeflow Pipelines, SageMaker Pipelines or Step Functions.

    Kubeflow's and SageMaker's are given the loop's settings, which are read from the environment as for every command.
    """
    chosen = TypeAdapter(LoopOptions).dump_json(options_from(options)).decode() if options else "{}"
    if to == "airflow":
        pods = AirflowPods(image=image, namespace=namespace, service_account=service_account)
        typer.echo(dag_file(AirflowSettings(runs=pods, schedule=schedule, options=chosen)).rstrip())
        return
    if to == "step-functions":
        if not (cluster and task_definition and subnet and security_group):
            raise InputError(
                "Step Functions runs the task definition of the loop's worker, which names the image, on a cluster and "
                "in a network: give --cluster, --task-definition, --subnet, --security-group."
            )
        tasks = StepFunctionsSettings(
            cluster=cluster,
            task_definition=task_definition,
            container="pipelines",
            subnets=subnet,
            security_groups=security_group,
        )
        typer.echo(state_machine_as_json(tasks))
        return
    if to == "kubeflow":
        documents = pipeline(KubeflowSettings(image=image, options=chosen, variables=to_hand_on(os.environ)))
        answer(documents, as_json, lambda: yaml.safe_dump_all(documents, sort_keys=False).rstrip())
        return
    if to == "sagemaker":
        if not (role and subnet and security_group):
            raise InputError(
                "SageMaker runs jobs under a role and in a network: give --role, --subnet, --security-group."
            )
        jobs = SageMakerSettings(
            image=image,
            role=role,
            subnets=subnet,
            security_groups=security_group,
            key=key,
            options=chosen,
            variables=to_hand_on(os.environ),
        )
        typer.echo(rendered(jobs))
        return
    manifest = workflow(
        ArgoSettings(
            image=image, namespace=namespace, service_account=service_account, schedule=schedule, options=chosen
        )
    )
    answer(manifest, as_json, lambda: yaml.safe_dump(manifest, sort_keys=False).rstrip())


@app.command("kubeflow-run")
def kubeflow_run_command(
    run: Annotated[Path, typer.Argument(help="File with the run as its API takes it: JSON.")],
    api: Annotated[str, typer.Option("--api", help="Address of Kubeflow Pipelines' API server.")],
) -> None:
    """Start a run of the loop on Kubeflow Pipelines; its id."""
    typer.echo(start_on_kubeflow(api, run))


@app.command("worker")
def worker_command(
    interval: Annotated[float, typer.Option(min=1.0, help="Seconds between two looks.")] = 60.0,
    host: Annotated[str, typer.Option(help="Address of /metrics; a pod gives 0.0.0.0.", envvar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 takes a free one.")] = 9108,
    watch: Watch = False,
    options: Options = "",
) -> None:
    """Stay: take events in, watch, decide, and run the loop when a trigger fires. Metrics on /metrics."""
    settings = Settings.from_environment()
    Worker(settings, options_from(options), interval, host, port, _notes.print, trains=not watch).run()


@app.command("lambda")
def lambda_command(watch: Watch = False, options: Options = "") -> None:
    """On AWS Lambda: look once for each call, as the worker does."""
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        raise InputError("AWS_LAMBDA_RUNTIME_API is not set: this command runs on Lambda; see `worker`.")
    try:
        settings = Settings.from_environment(own_environment())
    except SecretError as error:
        raise InputError(str(error)) from None
    looks(address, Worker(settings, options_from(options), 0, "127.0.0.1", 0, _notes.print, trains=not watch).look)


def import_tables(context: Context, made: Any, *, stream: bool, parquet: bool) -> None:
    """Put generated tables into the inbox, or their events on the stream."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="generate-") as folder:
        files = write(made, Path(folder), parquet=parquet)
        drop_files(context.lake, [file for file in files if not (stream and file.stem == "events")])
    if stream:
        context.stream.put(made.events.to_pylist())


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
