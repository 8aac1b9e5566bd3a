"""Register: the candidate becomes a version of the registered model, with the alias of a challenger."""

import dataclasses
import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines import compatibility, trials
from pipelines.errors import GateError
from pipelines.evaluate import Evaluated
from pipelines.explain import Explained
from pipelines.lake import Lake
from pipelines.provenance import MODEL_SOURCES, Runtime, runtime
from pipelines.tracking import CHALLENGER, CHAMPION, LOOP_RUN_TAG, Tracking
from pipelines.train import SERVED, Trained
from recommender.arrays import Rows
from recommender.model import Model

_CONTENT_TAG = "content"
_MOST_DESCRIPTION = 5_000
"""Characters that MLflow's registry keeps of a description."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """The version that carries the challenger's alias, or the champion that already is what was trained."""

    version: str
    kind: str
    already_champion: bool
    """Same data, code, parameters and kind as the champion: there is nothing to deploy."""


def register(
    lake: Lake,
    tracking: Tracking,
    trained: Trained,
    evaluated: Evaluated,
    explained: Explained,
    serving_url: str | None,
    loop_run: str,
    token: str | None = None,
) -> Registered:
    """Register the candidate once, however often the step is repeated.

    Raises:
        GateError: it has no card, what serves could not read it, or another version is on trial.
    """
    if not tracking.has_artifact(trained.run, explained.card):
        raise GateError(
            f"MLflow run {trained.run} has no model card ({explained.card}): nothing is promoted without one. "
            "Run the explain step again."
        )
    require_compatible(runtime(), serving_url, token)
    _require_no_trial(lake, tracking, loop_run)
    tags = _tags(trained, evaluated, loop_run)
    champion = tracking.aliased(CHAMPION)
    if champion is not None and champion.tags.get(_CONTENT_TAG) == tags[_CONTENT_TAG]:
        tracking.finish(trained.run)
        return Registered(version=champion.number, kind=evaluated.passed, already_champion=True)
    known = [version for version in tracking.versions() if version.tags.get(LOOP_RUN_TAG) == loop_run]
    number = known[0].number if known else _add(lake, tracking, trained, evaluated, explained, tags)
    tracking.set_alias(CHALLENGER, number)
    tracking.finish(trained.run)
    return Registered(version=number, kind=evaluated.passed, already_champion=False)


def _require_no_trial(lake: Lake, tracking: Tracking, loop_run: str) -> None:
    """Two trials at once would share the users, and neither could be judged."""
    tried = trials.running(lake, tracking)
    version = tracking.version(tried.trial.version) if tried is not None else None
    if tried is None or version is None or version.tags.get(LOOP_RUN_TAG) == loop_run:
        return
    raise GateError(
        f"Version {version.number} is on trial since {tried.trial.started:%Y-%m-%d %H:%M} UTC, and one is tried at a "
        "time. `python -m pipelines release` tells how it stands; `--end promote` or `--end roll-back` ends it."
    )


def require_compatible(trained: Runtime, serving_url: str | None, token: str | None = None) -> None:
    """Raise GateError where what serves could not read what was trained."""
    serving = compatibility.serving_runtime(serving_url, token) if serving_url else None
    # Where nothing serves yet, the service comes from the lock that this program comes from.
    found = compatibility.differences(trained, serving) if serving else []
    if found:
        raise GateError(
            f"The model was trained on another runtime than {serving_url} runs: {', '.join(found)}. "
            "Deploy a service of the same lock first, then register."
        )


def _tags(trained: Trained, evaluated: Evaluated, loop_run: str) -> dict[str, str]:
    content = [trained.data_version, trained.code_version, asdict(trained.hyperparameters), evaluated.passed]
    return {
        LOOP_RUN_TAG: loop_run,
        _CONTENT_TAG: hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16],
        "kind": evaluated.passed,
        "data_version": trained.data_version,
        "code_version": trained.code_version,
        **asdict(runtime()),
    }


def _add(
    lake: Lake,
    tracking: Tracking,
    trained: Trained,
    evaluated: Evaluated,
    explained: Explained,
    tags: Mapping[str, str],
) -> str:
    with TemporaryDirectory(prefix="register-") as name:
        folder = Path(name)
        model = Model.load(lake.download_folder("artifacts", f"{trained.candidate}/{SERVED}", folder / "candidate"))
        if evaluated.passed == "popularity":
            model = as_popularity(model)
        saved = model.save(folder / "model")
        _save_mlflow(saved, folder / "mlflow")
        params = {"data_version": trained.data_version, "kind": evaluated.passed}
        model_id = tracking.put_model(trained.run, folder / "mlflow", params)
        card = tracking.text(trained.run, explained.card, folder / "card")
    return tracking.add_version(trained.run, model_id, tags, card[:_MOST_DESCRIPTION])


def as_popularity(model: Model) -> Model:
    """The same users, products and histories, recommending by popularity only."""
    return dataclasses.replace(
        model,
        manifest=dataclasses.replace(model.manifest, kind="popularity", files={}),
        neighbours=Rows.empty(len(model.products)),
    )


def _save_mlflow(saved: Path, target: Path) -> None:
    code = target.parent / "recommender"
    code.mkdir()
    for source in MODEL_SOURCES:
        shutil.copy(source, code / source.name)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # It wants an example to check the signature by; the test that loads the model does that.
        warnings.simplefilter("ignore", UserWarning)
        _save(saved, code, target)


def _save(saved: Path, code: Path, target: Path) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    mlflow.pyfunc.save_model(
        path=str(target),
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"model": str(saved)},
        code_paths=[str(code)],
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "user_id"), ColSpec(DataType.long, "k")]),
            outputs=Schema(
                [
                    ColSpec(DataType.string, "user_id"),
                    ColSpec(DataType.string, "product_id"),
                    ColSpec(DataType.double, "score"),
                    ColSpec(DataType.long, "rank"),
                ]
            ),
        ),
        # Given, for otherwise MLflow starts a process to find out.
        pip_requirements=[f"numpy=={runtime().numpy}"],
    )
