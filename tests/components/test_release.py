"""How a version takes over: what a section of a stack file may say, and what it comes to."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from components.base.release import STEPS, VARIABLE, ReleaseConfig, Strategy


def test_without_a_word_a_version_takes_over_at_once() -> None:
    assert ReleaseConfig().strategy == "rolling"
    assert ReleaseConfig().stages == ()


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_each_strategy_has_steps_of_its_own_that_it_would_take_if_they_were_written_down(strategy: Strategy) -> None:
    release = ReleaseConfig(strategy=strategy)
    assert release.stages == STEPS[strategy]
    assert ReleaseConfig(strategy=strategy, steps=STEPS[strategy]).stages == release.stages
    shares = [step.percent for step in release.stages]
    assert shares == sorted(set(shares))


def test_steps_that_are_written_down_take_the_place_of_the_strategys_own() -> None:
    release = ReleaseConfig.model_validate({"strategy": "canary", "steps": [{"percent": 2}, {"percent": 20}]})
    assert [(step.percent, step.bake_minutes) for step in release.stages] == [(2.0, 60), (20.0, 60)]


def test_the_section_comes_back_whole_from_the_one_variable_that_carries_it() -> None:
    release = ReleaseConfig(strategy="ab", significance=0.01, rollback="manual")
    assert release.environment.keys() == {VARIABLE}
    assert ReleaseConfig.model_validate_json(release.environment[VARIABLE]) == release


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"steps": [{"percent": 5}]}, "rolling, which takes no steps; set strategy to canary, shadow or ab"),
        ({"strategy": "canary", "steps": [{"percent": 20}, {"percent": 5}]}, "steps go from 20 to 5 %; order them"),
        ({"strategy": "canary", "steps": [{"percent": 5}, {"percent": 5}]}, "is listed twice"),
        ({"strategy": "ab", "steps": [{"percent": 100}]}, "let it be 99 or less"),
        ({"strategy": "canary", "steps": [{"percent": 100}]}, "let it be 99 or less"),
        ({"strategy": "ab", "guards": {"least_overlap_percent": 10}}, "drop it or set strategy to shadow"),
        ({"strategy": "ab", "least_users": 0}, "set least_users to 1 or more"),
        ({"strategy": "ab", "horizon_days": 3}, "set horizon_days to 7 or more"),
        ({"strategy": "blue-green"}, "'rolling', 'canary', 'shadow' or 'ab'"),
        ({"significance": 0}, "greater than 0"),
        ({"guards": {"most_p95_ms": 0}}, "greater than 0"),
        ({"strategy": "canary", "steps": [{"percent": 0}]}, "greater than or equal to 0.1"),
        ({"canary": {}}, "Extra inputs are not permitted"),
    ],
)
def test_what_contradicts_itself_is_refused_with_what_to_do(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ReleaseConfig.model_validate(given)
    assert says in str(refused.value)


def test_a_shadow_may_see_everybody_and_an_experiment_may_grow() -> None:
    assert ReleaseConfig.model_validate({"strategy": "shadow", "steps": [{"percent": 100}]}).stages[0].percent == 100
    growing = {"strategy": "ab", "steps": [{"percent": 10, "bake_minutes": 60}, {"percent": 50}]}
    assert len(ReleaseConfig.model_validate(growing).stages) == 2


def test_the_schema_is_one_that_a_validator_takes_and_takes_what_the_type_takes() -> None:
    schema = ReleaseConfig.model_json_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for strategy in get_args(Strategy):
        validator.validate(json.loads(ReleaseConfig(strategy=strategy).model_dump_json()))
    assert not validator.is_valid({"strategy": "canary", "steps": [{"percent": 101}]})
    assert not validator.is_valid({"strategie": "canary"})


def _services() -> ModuleType:
    """The services' own model: they have a lock of their own, and this file of theirs needs pydantic alone."""
    path = Path(__file__).parents[2] / "services" / "recommender" / "release.py"
    spec = spec_from_file_location("release_of_the_services", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Annotations are looked up by the module's name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _bare(schema: Any) -> Any:
    """A schema without names and texts, references resolved."""
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return walk(definitions[node["$ref"].rsplit("/", 1)[-1]])
        # "title" is a text, and a property of that name would be a mapping.
        texts = {name for name in ("title", "description") if isinstance(node.get(name), str)}
        return {name: walk(value) for name, value in node.items() if name not in texts | {"$defs"}}

    return walk(schema)


def test_the_services_read_the_section_by_the_same_schema_and_take_the_same_steps() -> None:
    services = _services()
    assert _bare(services.Release.model_json_schema()) == _bare(ReleaseConfig.model_json_schema())
    assert services.VARIABLE == VARIABLE
    for strategy in get_args(Strategy):
        release = ReleaseConfig(strategy=strategy, significance=0.01)
        read = services.Release.model_validate_json(release.environment[VARIABLE])
        assert read.model_dump() == release.model_dump()
        assert [step.model_dump() for step in read.stages] == [step.model_dump() for step in release.stages]
