"""What a workload finds on its platform: rights in plain words, and what it is told of each thing it has a right on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import pulumi

from components.base.identity import Grant
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from components.serving import ServingOutputs
from components.storage import Zone


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The platform, as its workloads see it."""

    foundation: Foundation
    serving: ServingOutputs
    ml_platform: MlPlatformOutputs | None = None
    stream: DataPipelineOutputs | None = None


def granted(words: str, around: Surroundings) -> Grant:
    """The grant that plain words stand for (`GrantWords`).

    Raises:
        LookupError: the platform lacks what it is a right on, which the settings should have said.
    """
    verb, _, place = words.partition(" ")
    if place:
        zone, _, folder = place.removeprefix("storage/").partition("/")
        storage = around.foundation.storage
        give = {"read": storage.read, "write": storage.write, "erase": storage.erase}[verb]
        return give(_zone(zone), f"{folder}/" if folder else "")
    if verb == "invoke":
        return around.serving.invoke()
    if verb == "track" and around.ml_platform:
        return around.ml_platform.track()
    if verb in ("produce", "consume") and around.stream:
        return around.stream.produce() if verb == "produce" else around.stream.consume()
    raise LookupError(f"The platform has nothing that `{words}` would be a right on.")


def told(words: Sequence[str], around: Surroundings) -> dict[str, pulumi.Input[str]]:
    """The variables from which a workload with these rights knows where everything is."""
    known: dict[str, pulumi.Input[str]] = {"AWS_REGION": around.foundation.region}
    if "track" in words and around.ml_platform:
        known["MLFLOW_TRACKING_URI"] = around.ml_platform.tracking_uri
    if {"produce", "consume"} & set(words) and around.stream:
        known |= around.stream.client_variables()
    buckets = around.foundation.storage.buckets
    zones: list[Zone] = [_zone(one.partition(" storage/")[2].partition("/")[0]) for one in words if " storage/" in one]
    return known | {f"MLOPS_BUCKET_{zone.upper()}": buckets[zone] for zone in zones}


def _zone(text: str) -> Zone:
    zones: tuple[Zone, ...] = get_args(Zone)
    return next(zone for zone in zones if zone == text)
