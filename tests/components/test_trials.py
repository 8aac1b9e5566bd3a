"""Release strategies on every kind of serving: what each makes of one section, and what it refuses by name."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

import pytest

from components.base.release import Strategy
from components.serving import Released, ServingConfig
from mlops.core.module import kind_of, variants
from mlops.plan.graph import Graph
from tests import aws_api
from tests.components.test_containers import FRAUD, REGISTRY, refused
from tests.components.test_ecs import SAGEMAKER
from tests.platforms import platform
from tests.support import only

ALIAS = "aws:lambda/alias:Alias"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
EXPERIMENT = "kubernetes:mlops.seldon.io/v1alpha1:Experiment"
KINDS: Mapping[str, type[ServingConfig]] = {kind_of(one): one for one in variants(ServingConfig)}  # type: ignore[misc]
MODEL = {"name": "fraud", "storage_uri": "artifacts/fraud/3", "min_replicas": 2, "max_replicas": 2}
ABLE: Mapping[tuple[str, Released], set[Strategy]] = {
    ("ecs", "image"): {"rolling", "canary"},
    ("kubernetes", "artifact"): {"rolling", "canary", "ab"},
    ("kubernetes", "image"): {"rolling"},
    ("lambda", "image"): {"rolling", "canary", "ab"},
    ("sagemaker", "artifact"): {"rolling", "canary", "shadow", "ab"},
    ("seldon", "artifact"): {"rolling", "canary", "shadow", "ab"},
    ("seldon", "image"): {"rolling"},
}
"""What each kind does with a declared model and with a container; what is not here it does not run at all."""
NEEDED: Mapping[str, dict[str, Any]] = {
    "ecs": {
        "domain": "ml.example.com",
        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0f3c7a52-1f0e-4f6e-9d3b-2a1b4c5d6e7f",
    },
    "seldon": {"servers": 2},
}


def stack(kind: str, released: Released, strategy: Strategy, **serving: Any) -> dict[str, Any]:
    """A stack on which something is to take over so."""
    section = {"strategy": strategy}
    around: dict[str, Any] = {
        "serving": {"kind": kind, **NEEDED.get(kind, {}), **serving},
        "registry": {"repositories": [*REGISTRY["repositories"], "mlflow-pyfunc"]},
        "workloads": {"recommender": None},
    }
    if kind in {"ecs", "lambda", "sagemaker"}:
        around |= {"cluster": None, "database": None, "ml_platform": SAGEMAKER}
    if released == "artifact":
        tried = {} if strategy == "rolling" else {"candidate_uri": "artifacts/fraud/4"}
        around["serving"]["models"] = [{**MODEL, "release": section, **tried}]
    else:
        if kind == "lambda" and strategy != "rolling":
            around["serving"].setdefault("stable_versions", {"fraud": 3})
        around["workloads"] |= {"containers": [{**FRAUD, "grants": [], "release": section}]}
    return around


@cache
def planned(kind: str, released: Released, strategy: Strategy) -> Graph:
    return platform("dev", stack(kind, released, strategy))


def test_the_table_is_of_every_kind_and_of_what_it_runs() -> None:
    needed: Mapping[Released, str] = {"artifact": "models", "image": "containers"}
    known = {
        (name, released): set(kind.strategies[released])
        for name, kind in KINDS.items()
        for released, served in needed.items()
        if served in kind.serves
    }
    assert known == ABLE


@pytest.mark.parametrize("strategy", get_args(Strategy))
@pytest.mark.parametrize(("kind", "released"), ABLE)
def test_each_kind_takes_over_so_or_names_the_kinds_that_can(kind: str, released: Released, strategy: Strategy) -> None:
    if strategy in ABLE[kind, released]:
        assert planned(kind, released, strategy)
        return
    message = refused(stack(kind, released, strategy))
    can = sorted(one for (one, what), able in ABLE.items() if what == released and strategy in able)
    assert f"a new {released} takes over by {', '.join(sorted(ABLE[kind, released]))}" in message
    assert f"or a kind that has {strategy}: {', '.join(can) or 'none'}" in message


def test_on_lambda_an_alias_shares_requests_between_the_stable_version_and_the_newest() -> None:
    graph = planned("lambda", "image", "canary")
    alias = only(graph, ALIAS, "serving-fraud-service-alias").inputs
    newest = only(graph, "aws:lambda/function:Function", "serving-fraud-service").outputs["version"]
    assert alias["functionVersion"] == "3"
    assert alias["routingConfig"] == {"additionalVersionWeights": {newest: 0.05}}
    assert alias["name"] == "live"


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_lambda_takes_such_an_alias() -> None:
    inputs = only(planned("lambda", "image", "canary"), ALIAS, "serving-fraud-service-alias").inputs
    assert aws_api.refusals("lambda", "CreateAlias", inputs, {}) == []


def test_what_the_newest_version_does_is_watched_apart() -> None:
    found = platform("dev", {**stack("lambda", "image", "canary"), "monitoring": {"kind": "cloudwatch"}})
    [alarm] = [one for one in found.of_type(ALARM) if one.name.endswith("fraud-candidate-errors")]
    assert alarm.inputs["dimensions"]["Resource"] == "mlops-test-fraud:live"
    assert alarm.inputs["dimensions"]["ExecutedVersion"]


@pytest.mark.parametrize(
    ("strategy", "serving", "says"),
    [
        ("canary", {"stable_versions": {}}, "serving.stable_versions.fraud names none; give its number"),
        ("rolling", {"stable_versions": {"fraud": 3}}, "would keep every new image from answering; leave it out"),
        ("canary", {"provisioned": True}, "keeps no copies of an alias warm that shares its requests"),
        ("rolling", {"stable_versions": {"other": 3}}, "serving.stable_versions names other, which is no container"),
        ("canary", {"stable_versions": {"fraud": 0}}, "serving.stable_versions.fraud is 0"),
    ],
)
def test_what_an_alias_cannot_share_is_refused(strategy: Strategy, serving: dict[str, Any], says: str) -> None:
    assert says in refused(stack("lambda", "image", strategy, **serving))


def test_seldon_mirrors_requests_to_a_shadow_which_answers_nobody() -> None:
    spec = only(planned("seldon", "artifact", "shadow"), EXPERIMENT).inputs["spec"]
    assert spec["candidates"] == [{"name": "fraud", "weight": 100}]
    assert spec["mirror"] == {"name": "fraud-shadow", "percent": 100}
    assert spec["default"] == "fraud"


def sagemaker(model: Mapping[str, Any], **serving: Any) -> dict[str, Any]:
    around = stack("sagemaker", "artifact", "rolling", **serving)
    around["serving"]["models"] = [{**MODEL, **model}]
    return around


EVEN = [{"percent": percent, "bake_minutes": 20} for percent in (25, 50, 75)]


@pytest.mark.parametrize(
    ("steps", "routing", "longest"),
    [
        ([], {"type": "CANARY", "waitIntervalInSeconds": 3600, "canarySize": ("CAPACITY_PERCENT", 5)}, 10_800),
        (EVEN, {"type": "LINEAR", "waitIntervalInSeconds": 1200, "linearStepSize": ("CAPACITY_PERCENT", 25)}, 8_400),
    ],
)
def test_without_a_candidate_sagemaker_moves_requests_itself_and_back_where_a_limit_breaks(
    steps: list[dict[str, Any]], routing: dict[str, Any], longest: int
) -> None:
    graph = platform("dev", sagemaker({"release": {"strategy": "canary", "steps": steps}}))
    deployment = only(graph, ENDPOINT, "serving-fraud-endpoint").inputs["deploymentConfig"]
    policy = deployment["blueGreenUpdatePolicy"]
    found = policy["trafficRoutingConfiguration"]
    sizes = {key: (one["type"], one["value"]) for key, one in found.items() if key.endswith("Size")}
    assert {**found, **sizes} == routing
    assert policy["maximumExecutionTimeoutInSeconds"] == longest
    alarms = {one.outputs["name"]: one.inputs for one in graph.of_type(ALARM)}
    back = deployment["autoRollbackConfiguration"]["alarms"]
    assert {one["alarmName"] for one in back} <= alarms.keys()
    assert len(back) == 2
    slow = only(graph, ALARM, "serving-fraud-slow").inputs
    assert (slow["threshold"], slow["extendedStatistic"]) == (250_000, "p95")
    assert slow["dimensions"] == {"EndpointName": "mlops-test-fraud", "VariantName": "stable"}


def test_limits_that_are_off_ring_nothing_and_a_manual_rollback_is_nobodys() -> None:
    off = {"most_error_percent": None, "most_p95_ms": None}
    graph = platform("dev", sagemaker({"release": {"strategy": "canary", "guards": off}}))
    assert "autoRollbackConfiguration" not in only(graph, ENDPOINT).inputs["deploymentConfig"]
    graph = platform("dev", sagemaker({"release": {"strategy": "canary", "rollback": "manual"}}))
    assert "autoRollbackConfiguration" not in only(graph, ENDPOINT).inputs["deploymentConfig"]
    assert only(graph, ALARM, "serving-fraud-errors")


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_sagemaker_takes_such_a_deployment() -> None:
    graph = platform("dev", sagemaker({"release": {"strategy": "canary", "steps": EVEN}}))
    inputs = only(graph, ENDPOINT).inputs
    given = {"endpointName": inputs["name"], **{key: value for key, value in inputs.items() if key != "name"}}
    assert aws_api.refusals("sagemaker", "CreateEndpoint", given, {}) == []


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"min_replicas": 1}, "Set min_replicas to 2 or more"),
        ({"release": {"strategy": "canary", "steps": [{"percent": 60}]}}, "one step of 1 to 50 %"),
        ({"release": {"strategy": "canary", "steps": [{"percent": 0.5}]}}, "all of them whole"),
        ({"release": {"strategy": "canary", "steps": [{"percent": 5}, {"percent": 25}]}}, "equal ones of 10 to 50 %"),
        ({"release": {"strategy": "canary", "steps": [{"percent": 5, "bake_minutes": 90}]}}, "more than 60 minutes"),
        (
            {"release": {"strategy": "canary", "steps": [{"percent": one * 10} for one in range(1, 10)]}},
            "SageMaker gives up after 480",
        ),
    ],
)
def test_what_sagemaker_cannot_move_is_refused(model: dict[str, Any], says: str) -> None:
    assert says in refused(sagemaker({"release": {"strategy": "canary"}, **model}))


def test_a_serverless_endpoint_moves_nothing_in_steps() -> None:
    message = refused(sagemaker({"release": {"strategy": "canary"}}, mode={"kind": "serverless"}))
    assert "a serverless endpoint moves all requests at once; set its mode to real-time" in message


def test_the_candidate_of_an_endpoint_is_watched_as_the_model_is() -> None:
    around = sagemaker({"release": {"strategy": "ab"}, "candidate_uri": "artifacts/fraud/4"})
    found = platform("dev", {**around, "monitoring": {"kind": "cloudwatch"}})
    watched = {
        one.inputs["dimensions"]["VariantName"]
        for one in found.of_type(ALARM)
        if "VariantName" in one.inputs.get("dimensions", {})
    }
    assert watched == {"stable", "candidate"}


@pytest.mark.parametrize("kind", ["kubernetes", "seldon"])
def test_a_strategy_without_anything_to_try_is_refused(kind: str) -> None:
    around = stack(kind, "artifact", "canary")
    del around["serving"]["models"][0]["candidate_uri"]
    assert "has release.strategy canary and no candidate_uri" in refused(around)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"candidate_uri": "artifacts/fraud/4"}, "release.strategy is rolling, which tries nothing"),
        (
            {
                "candidate_uri": "artifacts/fraud/4",
                "release": {"strategy": "canary", "steps": [{"percent": 2.5}]},
            },
            "the first of release.steps is 2.5 %, and models are tried by whole percents",
        ),
        ({"canary_percent": 5, "canary_storage_uri": "artifacts/b"}, "what is tried is its candidate_uri"),
        ({"canary_percent": 5}, "canary_percent is no setting of a model"),
    ],
)
@pytest.mark.parametrize("kind", ["kubernetes", "sagemaker", "seldon"])
def test_a_model_whose_trial_says_two_things_is_refused(kind: str, model: dict[str, Any], says: str) -> None:
    around = stack(kind, "artifact", "rolling")
    around["serving"]["models"] = [{**MODEL, **model}]
    assert says in refused(around)
