"""The schema of an event, as an option of every data pipeline."""

import json
from functools import cache
from typing import Any

import jsonschema
import pulumi
import pytest

from components.data_pipeline import DataPipelineConfig, DataPipelineOutputs
from components.streams.schema_registry import EVENT, SchemaRegistryConfig
from mlops.core.module import kind_of, variants
from mlops.plan.graph import Graph
from tests.foundations import foundation, module_options
from tests.platforms import platform
from tests.support import only, recorded

KINDS = [kind_of(variant) for variant in variants(DataPipelineConfig)]


@cache
def built(kind: str, *, registry: bool = True) -> tuple[Graph, DataPipelineOutputs, dict[str, Any]]:
    variant = next(variant for variant in variants(DataPipelineConfig) if kind_of(variant) == kind)
    made: list[DataPipelineOutputs] = []
    told: dict[str, Any] = {}

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster="cluster" in variant.needs, database=False)
        settings = variant(schema_registry=SchemaRegistryConfig() if registry else None)  # type: ignore[call-arg]
        made.append(settings.build("stream", base, module_options(base, opts)).outputs)  # type: ignore[attr-defined]
        for name, value in made[0].client_variables().items():
            pulumi.Output.from_input(value).apply(lambda known, name=name: told.update({name: known}))

    return recorded(build), made[0], told


@pytest.mark.parametrize("kind", KINDS)
def test_every_pipeline_can_have_a_registry_that_refuses_what_old_readers_would_not_read(kind: str) -> None:
    graph, _, told = built(kind)
    schema = only(graph, "aws:glue/schema:Schema", "stream-schema")
    assert (schema.inputs["dataFormat"], schema.inputs["compatibility"]) == ("JSON", "BACKWARD")
    assert schema.protect
    assert json.loads(schema.inputs["schemaDefinition"]) == EVENT
    assert told["MLOPS_STREAM_SCHEMA"] == schema.outputs["arn"]


@pytest.mark.parametrize("kind", KINDS)
def test_who_writes_may_register_and_who_reads_may_only_look(kind: str) -> None:
    _, outputs, _ = built(kind)

    def asked(access: str) -> set[str]:
        rows = getattr(outputs, access)().statements
        return {action for row in rows for action in row.actions if action.startswith("glue:")}

    assert "glue:RegisterSchemaVersion" in asked("produce")
    assert asked("consume") == {
        "glue:GetSchema", "glue:GetSchemaByDefinition", "glue:GetSchemaVersion", "glue:ListSchemaVersions",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_gets_one_unasked(kind: str) -> None:
    graph, outputs, told = built(kind, registry=False)
    assert [node.name for node in graph if node.type.startswith("aws:glue/")] == []
    assert "MLOPS_STREAM_SCHEMA" not in told
    assert not [row for row in outputs.produce().statements if any("glue" in action for action in row.actions)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_without_a_way_out_leads_to_the_registry_where_there_is_one(kind: str) -> None:
    variant = next(variant for variant in variants(DataPipelineConfig) if kind_of(variant) == kind)
    with_one = variant(schema_registry=SchemaRegistryConfig())  # type: ignore[call-arg]
    assert with_one.needed_endpoints - variant().needed_endpoints == {"glue"}


def test_an_isolated_platform_has_that_way() -> None:
    isolated = {
        "network": {"mode": "isolated", "nat": "none"},
        "data_pipeline": {"kind": "pulsar", "schema_registry": {}},
    }
    nodes = {"cluster": {"system": {"max_size": 4}}}
    made = platform("dev", {**isolated, **nodes}).of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert [one.name for one in made if str(one.inputs["serviceName"]).endswith(".glue")]


def test_the_schema_is_one_and_takes_what_the_recommender_sends() -> None:
    jsonschema.Draft7Validator.check_schema(EVENT)
    event = {
        "user_id": "ana", "product_id": "cup", "event_type": "view", "timestamp": "2026-11-20T10:00:00Z",
        "event_id": "1",
    }  # fmt: skip
    jsonschema.validate(event, EVENT)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**event, "event_type": "stare"}, EVENT)
