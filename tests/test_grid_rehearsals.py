"""Modules in any combination on the real engine: up, up again without a change, down to nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from allpairspy import AllPairs

from components.settings import PlatformConfig
from mlops.choice import grid
from mlops.choice.modules import Module, chosen, possible
from mlops.core.module import kind_of, slots, variants
from tests.cli.conftest import Run, engine, environment, mlops, plans, project

__all__ = ["engine", "environment", "mlops", "plans", "project"]  # fixtures

WITHOUT_KUBERNETES = {
    "data_pipeline": "kinesis",
    "ml_platform": "sagemaker",
    "monitoring": "cloudwatch",
    "serving": "lambda",
}
OTHERS = {
    name: {kind_of(variant): variant for variant in variants(slot)}
    for name, slot in slots(PlatformConfig).items()
    if name not in grid.SLOTS
}
"""The slots beside the grid's, by kind."""
EXCLUSIVE = {"argo_workflows", "kubeflow"}
"""Both bring Argo's custom resources, and say so."""
SAMPLE = [
    dict(zip((*grid.SLOTS, *OTHERS), kinds, strict=True))
    for kinds in AllPairs(
        [*(list(kinds) for kinds in grid.found().values()), *([None, *kinds] for kinds in OTHERS.values())],
        filter_func=lambda row: (
            not set(row) >= EXCLUSIVE and possible(dict(zip((*grid.SLOTS, *OTHERS), row, strict=False)))
        ),
    )
]
"""Every two modules of different slots meet in one of them."""


def rehearsed(mlops: Run, project: Path, kinds: Mapping[str, str | None]) -> None:
    """Bring a combination over tier dev up and down, unprotected."""
    settings = grid.settings({slot: kind for slot, kind in kinds.items() if slot in grid.SLOTS and kind})
    for slot, known in OTHERS.items():
        if kind := kinds.get(slot):
            settings = {part: value for part, value in settings.items() if part not in known[kind].needs}
            settings |= chosen(Module(slot=slot, kind=kind, config=known[kind]))
    settings["network"] = {"zones": 3}
    on_the_engine(mlops, project, settings)


def on_the_engine(mlops: Run, project: Path, settings: Mapping[str, Any]) -> None:
    """Bring a platform over tier dev up, once more without a change, and down to nothing."""
    stack = {"config": {"tier": "dev", "platform": settings}}
    (project / "Pulumi.mix.yaml").write_text(yaml.safe_dump(stack))
    answer = mlops("rehearse", "-s", "mix", "--json")
    assert answer.code == 0, answer
    up, again, *_, down = answer.json()["steps"]
    assert set(up["counts"]) == {"create"}
    assert not again["changed"]
    assert down["counts"] == {"delete": up["counts"]["create"]}


_REGISTRY = {"schema_registry": {"protect": False}}
_SCRAM = {
    "kind": "scram",
    "secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_events-AbCdEf",
    "key_arn": "arn:aws:kms:us-east-1:123456789012:key/0f0e0d0c-0b0a-0908-0706-050403020100",
}
_KAFKA: Mapping[str, Any] = {"kind": "kafka", "protect": False, "delivery": {}, **_REGISTRY}
STREAMS: Mapping[str, Mapping[str, Any]] = {
    "kafka by password, delivered, with a registry": {**_KAFKA, "access": _SCRAM, "brokers": {"kind": "standard"}},
    "kafka express, delivered, with a registry": {**_KAFKA, "brokers": {"kind": "express"}},
    "kafka serverless, delivered, with a registry": {**_KAFKA, "brokers": {"kind": "serverless"}},
    "kinesis, provisioned, with a registry": {
        "kind": "kinesis",
        "protect": False,
        "capacity": {"kind": "provisioned", "shards": 2},
        **_REGISTRY,
    },
    "pulsar, delivered, with a registry": {"kind": "pulsar", "protect": False, "delivery": {}, **_REGISTRY},
}
"""What a stream can be beyond its defaults."""


def rehearsed_stream(mlops: Run, project: Path, stream: Mapping[str, Any], beside: Mapping[str, Any]) -> None:
    cluster = {"cluster": {"system": {"max_size": 5}}}
    on_the_engine(mlops, project, {"network": {"zones": 3}, **cluster, "data_pipeline": stream, **beside})


@pytest.mark.engine
def test_kafka_by_a_password_of_the_teams_own_is_delivered_and_comes_up_stays_and_goes(
    mlops: Run, engine: Path, project: Path
) -> None:
    rehearsed_stream(mlops, project, STREAMS["kafka by password, delivered, with a registry"], {})


@pytest.mark.long
@pytest.mark.engine
@pytest.mark.parametrize("processed", [False, True], ids=["alone", "with a job of Flink"])
@pytest.mark.parametrize("stream", STREAMS)
def test_whatever_a_stream_can_be_comes_up_stays_and_goes(
    mlops: Run, engine: Path, project: Path, stream: str, processed: bool
) -> None:
    flink = {"kind": "flink", "jobs": [{"name": "enrich", "image": "flink:1.20.3"}]}
    rehearsed_stream(mlops, project, STREAMS[stream], {"stream_processing": flink} if processed else {})


@pytest.mark.engine
def test_a_platform_without_kubernetes_comes_up_stays_and_goes(mlops: Run, engine: Path, project: Path) -> None:
    rehearsed(mlops, project, WITHOUT_KUBERNETES)


@pytest.mark.engine
def test_a_platform_with_a_module_in_every_slot_comes_up_stays_and_goes(
    mlops: Run, engine: Path, project: Path
) -> None:
    full = {"data_pipeline": "pulsar", "ml_platform": "kubeflow", "monitoring": "prometheus", "serving": "kubernetes"}
    rehearsed(mlops, project, {**full, **{slot: next(iter(known)) for slot, known in OTHERS.items()}})


@pytest.mark.long
@pytest.mark.engine
@pytest.mark.parametrize("kinds", SAMPLE, ids=lambda kinds: "-".join(kind or "none" for kind in kinds.values()))
def test_any_two_modules_come_up_together_stay_and_go(
    mlops: Run, engine: Path, project: Path, kinds: Mapping[str, str | None]
) -> None:
    rehearsed(mlops, project, kinds)
