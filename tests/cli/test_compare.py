"""`mlops compare`: kinds of one slot, side by side in the same stack."""

import json

import pytest

from mlops.core.usage import BUSINESS, GROWING, TEAM, UsageConfig, times
from tests.cli.conftest import Run


def test_kinds_are_compared_by_what_the_whole_stack_would_cost(mlops: Run) -> None:
    answer = mlops("compare", "data_pipeline", "kafka,kinesis,pulsar", "--tier", "dev", "--json").json()
    found = {one["kind"]: one for one in answer["kinds"]}
    assert list(found) == ["kafka", "kinesis", "pulsar"]
    priced = mlops("cost", "-s", "dev", "--json").json()["monthly"]["total"]
    assert found["kinesis"]["monthly"] == pytest.approx(priced, abs=0.01), "dev has Kinesis as it is"
    for one in found.values():
        assert one["monthly"] < one["monthly_at_ten_times"]
        assert one["module_monthly"] < one["monthly"]
    assert found["pulsar"]["cpu_millicores"] > 0 == found["kinesis"]["cpu_millicores"]


def test_where_another_kind_becomes_cheaper_both_cost_the_same(mlops: Run) -> None:
    answer = mlops("compare", "data_pipeline", "kinesis,pulsar", "--tier", "dev", "--json").json()
    (turn,) = answer["turns"]
    assert (turn["before"], turn["after"]) == ("kinesis", "pulsar")
    found = {one["kind"]: one for one in answer["kinds"]}
    cheaper_now = found["kinesis"]["monthly"] < found["pulsar"]["monthly"]
    cheaper_later = found["kinesis"]["monthly_at_ten_times"] < found["pulsar"]["monthly_at_ten_times"]
    assert cheaper_now == (turn["factor"] > 1)
    assert cheaper_later == (turn["factor"] > 10)


def test_a_kind_that_the_stack_cannot_have_says_why_beside_those_that_it_can(mlops: Run) -> None:
    text = mlops("compare", "serving", "kubernetes,sagemaker", "-s", "dev").out
    assert "best for" in text
    answer = mlops("compare", "ml_platform", "mlflow,sagemaker", "-s", "dev", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["stack"] == "dev"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("data_pipelin", "kafka"), "data_pipeline"),
        (("data_pipeline", "kafka,rabbit"), "kafka, kinesis, pulsar"),
        (("data_pipeline", "kafka", "--tier", "devel"), "local, dev, prod"),
        (("data_pipeline", "kafka", "--tier", "dev", "-s", "prod"), "leave one out"),
        (("data_pipeline", "kafka", "-s", "nope"), 'There is no stack "nope"'),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_can(mlops: Run, arguments: tuple[str, ...], words: str) -> None:
    answer = mlops("compare", *arguments)
    assert answer.code == 2
    assert words in answer.text


def test_use_grows_where_users_make_it_and_nowhere_else() -> None:
    grown = times(TEAM, 10)
    assert grown.streams.ingested_gb == TEAM.streams.ingested_gb * 10
    assert grown.compute.node_hours == TEAM.compute.node_hours
    assert grown.streams.record_kb == TEAM.streams.record_kb
    assert times(TEAM, 1) == TEAM
    # Nothing is said that a stack file could not say.
    assert UsageConfig.model_validate(times(BUSINESS, 1000).model_dump())
    for name, fields in GROWING.items():
        assert set(fields) <= set(type(getattr(TEAM, name)).model_fields)
