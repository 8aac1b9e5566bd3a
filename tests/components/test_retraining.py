"""When the loop trains again: one section, read alike by the platform and by the services."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from components.base.retraining import VARIABLE, RetrainingConfig
from tests.platforms import platform
from tests.support import only


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"backoff_minutes": 120, "most_backoff_hours": 1}, "set most_backoff_hours to 2 or more"),
        ({"every_days": 0.5, "cool_down_minutes": 1440}, "Lower cool_down_minutes, or raise every_days"),
        ({"every_days": 0.25, "most_a_day": 2}, "raise most_a_day, or every_days"),
        ({"drift_percent": 0}, "greater than 0"),
        ({"performance_percent": 101}, "less than or equal to 100"),
        ({"most_a_day": 0}, "greater than or equal to 1"),
        ({"drift_share": 0.3}, "Extra inputs are not permitted"),
    ],
)
def test_what_contradicts_itself_is_refused_with_what_to_do(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RetrainingConfig.model_validate(given)
    assert says in str(refused.value)


def test_the_loop_is_told_and_the_recommender_need_not_know() -> None:
    section = {"drift_percent": 20, "most_a_day": 4, "every_days": None}
    graph = platform("dev", {"workloads": {"recommender": {"retraining": section}}})

    def variables(name: str) -> dict[str, Any]:
        spec = only(graph, "kubernetes:apps/v1:Deployment", name).inputs["spec"]["template"]["spec"]
        return {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}

    told = json.loads(variables("serving-workload-pipelines")[VARIABLE])
    assert told == RetrainingConfig.model_validate(section).model_dump()
    assert VARIABLE not in variables("serving-workload-recommender")


def _services() -> ModuleType:
    """The services' own model: they have a lock of their own, and this file of theirs needs pydantic alone."""
    path = Path(__file__).parents[2] / "services" / "pipelines" / "retraining.py"
    spec = spec_from_file_location("retraining_of_the_services", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Annotations are looked up by the module's name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """The properties without their texts."""
    return {
        name: {key: value for key, value in one.items() if key not in ("title", "description")}
        for name, one in schema["properties"].items()
    }


def test_the_services_read_the_section_by_the_same_schema() -> None:
    services = _services()
    assert services.VARIABLE == VARIABLE
    assert _bare(services.Retraining.model_json_schema()) == _bare(RetrainingConfig.model_json_schema())
    section = RetrainingConfig(drift_percent=12.5, most_a_day=3)
    read = services.Retraining.model_validate_json(section.environment[VARIABLE])
    assert read.model_dump() == section.model_dump()
    assert (read.triggers["drift_share"], read.triggers["most_a_day"]) == (0.125, 3)


def test_the_schema_is_one_that_a_validator_takes() -> None:
    schema = RetrainingConfig.model_json_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(json.loads(RetrainingConfig().model_dump_json()))
    assert not validator.is_valid({"drift_percent": -1})
