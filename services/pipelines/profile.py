"""Profile: where the milliseconds of a request go, in the model and around it.

The model is profiled in this process, by the function that serves. Where a recommender answers, its round trips say
what HTTP, routing and JSON add. The profiler itself costs time, so that shares are its own, and milliseconds are those
of runs without it.
"""

import cProfile
import pstats
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import recommender
from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.lineage import of_version
from pipelines.matrices import Floats
from pipelines.serving import Recommender
from pipelines.tracking import Tracking
from recommender.manifest import MANIFEST
from recommender.model import Model

_OURS = str(Path(recommender.__file__).parent)
_SEED = 5
_REST = "numpy and the rest"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One function of the recommender, with what it calls directly that is not another one of them."""

    function: str
    place: str
    """File and line."""
    calls: float
    """A request."""
    share: float
    """Of the model's time."""
    milliseconds: float
    """A request, on average."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where the time of a request goes. Milliseconds."""

    version: str
    requests: int
    k: int
    model_mean: float
    model_p95: float
    around_mean: float | None
    """What a round trip to the recommender takes beside the model, on average: HTTP, routing, JSON, and whoever waits.
    None where no recommender is configured, or it did not answer every time."""
    parts: tuple[Part, ...]
    """The longest first; they add up to the model's mean."""


def profile(
    lake: Lake, tracking: Tracking, recommender_: Recommender | None, number: str, requests: int, k: int
) -> Profile:
    """Ask a version for some of its users' products.

    Raises:
        InputError: there is no such version, or it knows nobody.
        ServiceError: MLflow does not answer.
    """
    version = of_version(lake, tracking, number)
    with TemporaryDirectory(prefix="profile-") as folder:
        fetched = tracking.fetch_version(version.version, Path(folder))
        model = Model.load(next(fetched.rglob(MANIFEST)).parent)
        model.touch()
        if not len(model.users):
            raise InputError(f"Version {version.version} knows no users: there is nobody to ask for.")
        rows = np.random.default_rng(_SEED).integers(0, len(model.users), requests)
        users = model.users.names(rows.tolist())
        times, parts = of_model(model, users, k)
        around = _around(recommender_, model, requests, k) if recommender_ is not None else None
    return Profile(
        version=version.version,
        requests=requests,
        k=k,
        model_mean=float(times.mean()),
        model_p95=float(np.quantile(times, 0.95)),
        around_mean=around,
        parts=parts,
    )


def of_model(model: Model, users: Sequence[str], k: int) -> tuple[Floats, tuple[Part, ...]]:
    """Milliseconds of each request, and the parts of their mean."""
    times = np.asarray([_timed(model, user, k) for user in users], np.float64)
    profiler = cProfile.Profile()
    profiler.enable()
    for user in users:
        model.recommend(user, k)
    profiler.disable()
    return times, _parts(profiler, len(users), float(times.mean()))


def _timed(model: Model, user: str, k: int) -> float:
    started = time.perf_counter()
    model.recommend(user, k)
    return (time.perf_counter() - started) * 1e3


def _parts(profiler: cProfile.Profile, requests: int, mean: float) -> tuple[Part, ...]:
    found = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    own: dict[tuple[str, int, str], float] = {}
    total = rest = 0.0
    for function, (_, _, seconds, _, callers) in found.items():
        total += seconds
        if function[0].startswith(_OURS):
            own[function] = own.get(function, 0.0) + seconds
            continue
        given = 0.0
        for caller, (_, _, of_caller, _) in callers.items():
            if caller[0].startswith(_OURS):
                own[caller] = own.get(caller, 0.0) + of_caller
                given += of_caller
        rest += seconds - given
    parts = [
        Part(
            function=name,
            place=f"{Path(file).name}:{line}",
            calls=found[file, line, name][1] / requests,
            share=seconds / total,
            milliseconds=seconds / total * mean,
        )
        for (file, line, name), seconds in own.items()
    ]
    parts.append(Part(function=_REST, place="", calls=0.0, share=rest / total, milliseconds=rest / total * mean))
    return tuple(sorted(parts, key=lambda part: -part.share))


def _around(served: Recommender, model: Model, requests: int, k: int) -> float | None:
    """By people whom no model knows: what users are called outside is not known here."""
    strangers = [f"nobody-{number}" for number in range(requests)]
    answers = served.ask(strangers, k)
    if "failed" in answers:
        return None
    took = sum(found.requests * found.mean_ms for found in answers.values()) / requests
    return max(0.0, took - float(np.mean([_timed(model, stranger, k) for stranger in strangers])))


def lines(found: Profile, most: int = 10) -> list[str]:
    """For people."""
    text = [
        f"version {found.version}, {found.requests:,} requests for {found.k} products",
        f"model    mean {found.model_mean:.3f} ms, p95 {found.model_p95:.3f} ms",
    ]
    if found.around_mean is not None:
        text.append(f"around   mean {found.around_mean:.3f} ms: HTTP, routing and JSON of a round trip")
    text.append("within the model, a request:")
    return text + [
        f"  {part.milliseconds:7.3f} ms {part.share:6.1%}  {part.function}  {part.place}" for part in found.parts[:most]
    ]
