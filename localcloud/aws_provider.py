"""The stand-in for the AWS provider."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.runtime.proto import provider_pb2

from localcloud import fakes
from localcloud.difference import InputDifference, aws_difference
from localcloud.fakes import Place
from localcloud.provider import RefusedError, StandIn
from localcloud.rules import aws, databases
from localcloud.world import Thing
from mlops.plan.values import Properties
from mlops.plan.wire import to_struct


class AwsProvider(StandIn):
    package = "aws"

    def outputs(
        self, type_: str, name: str, inputs: Properties, configured: Properties, generation: int
    ) -> tuple[str, Mapping[str, Any]]:
        return fakes.outputs(type_, name, inputs, Place.of_provider(configured), generation=generation)

    def difference(
        self, type_: str, old: Properties, new: Properties, outputs: Properties, configured: Properties
    ) -> InputDifference:
        return aws_difference(type_, old, new, outputs, Place.of_provider(configured))

    def place_of(self, configured: Properties) -> str:
        place = Place.of_provider(configured)
        return f"{place.account}:{place.region}"

    def foresee(self, urn: str, id_: str, inputs: Properties, configured: Properties) -> Thing:
        thing = super().foresee(urn, id_, inputs, configured)
        old = self._world.get(thing.type, id_, thing.provider)
        return replace(thing, outputs={**thing.outputs, **databases.pending(old, thing)}) if old else thing

    def check(self, thing: Thing) -> Mapping[str, str]:
        return aws.refused_inputs(thing)

    def before_create(self, thing: Thing) -> None:
        _raise(aws.refuse_create(self._world, thing))

    def before_update(self, thing: Thing) -> None:
        _raise(aws.refuse_update(self._world, thing))

    def before_delete(self, thing: Thing) -> None:
        _raise(aws.refuse_delete(self._world, thing))

    def read_existing(self, type_: str, name: str, id_: str, configured: Properties) -> provider_pb2.ReadResponse:
        place = Place.of_provider(configured)
        _, outputs = fakes.outputs(type_, name, {}, place, existing_id=id_)
        for identity in (id_, outputs.get("arn")):
            if identity:
                self._world.adopt(identity)
        return provider_pb2.ReadResponse(id=id_, properties=to_struct(outputs))


def _raise(refusal: str | None) -> None:
    if refusal:
        raise RefusedError(refusal)
