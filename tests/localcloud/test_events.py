"""What the engine reports, and what of it is worth telling."""

from typing import Any

from pulumi.automation import EngineEvent

from localcloud.events import Event, EventReader, Failure, MessageEvent, StepEvent

URN = "urn:pulumi:dev::mlops::aws:s3/bucket:Bucket::lake"


def step(kind: str, op: str, urn: str = URN) -> EngineEvent:
    metadata: dict[str, Any] = {"op": op, "urn": urn, "type": "aws:s3/bucket:Bucket", "provider": ""}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})


def said(message: str, severity: str = "error", urn: str = URN) -> EngineEvent:
    event = {"message": message, "severity": severity, "urn": urn, "color": "never"}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": event})


def test_a_step_is_told_when_it_starts_and_when_it_ends_and_counts_then() -> None:
    told: list[Event] = []
    reader = EventReader(told.append)
    reader.read(step("resourcePreEvent", "create"))
    assert reader.counts == {}
    reader.read(step("resOutputsEvent", "create"))
    assert reader.counts == {"create": 1}
    statuses = [event.status for event in told if isinstance(event, StepEvent)]
    assert statuses == ["started", "done"]
    assert {event.name for event in told if isinstance(event, StepEvent)} == {"lake"}


def test_a_replacement_counts_once() -> None:
    reader = EventReader(None)
    for op in ("create-replacement", "replace", "delete-replaced"):
        reader.read(step("resourcePreEvent", op))
        reader.read(step("resOutputsEvent", op))
    assert reader.counts == {"replace": 1}


def test_the_stack_itself_and_providers_of_the_engine_do_not_count() -> None:
    reader = EventReader(None)
    reader.read(step("resOutputsEvent", "create", "urn:pulumi:dev::mlops::pulumi:providers:eks::default_4_4_0"))
    stack = step("resOutputsEvent", "create")
    assert stack.res_outputs_event
    stack.res_outputs_event.metadata.type = "pulumi:pulumi:Stack"
    reader.read(stack)
    assert reader.counts == {}


def test_the_first_true_reason_of_a_failure_is_kept_and_its_consequences_are_not() -> None:
    reader = EventReader(None)
    component = "urn:pulumi:dev::mlops::eks:index:Cluster::control"
    reader.read(said("<{%reset%}>BucketAlreadyExists: the name is taken.<{%reset%}>\n"))
    reader.read(said("another word about the same"))
    reader.read(said("resource 'control' has a problem: grpc: the client connection is closing", urn=component))
    reader.read(said("update failed", urn=""))
    assert reader.failures == (Failure(urn=URN, message="BucketAlreadyExists: the name is taken."),)
    assert reader.failures[0].name == "lake"


def test_warnings_are_told_and_are_no_failures() -> None:
    told: list[Event] = []
    reader = EventReader(told.append)
    reader.read(said("<{%fg 3%}>the tier is for trying things out<{%reset%}>", "warning", ""))
    assert told == [MessageEvent(severity="warning", text="the tier is for trying things out")]
    assert reader.failures == ()
