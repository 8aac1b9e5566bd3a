"""The types of AWS resources that the stand-in knows in detail. A new type costs one entry in one of these files."""

from localcloud.catalogue import (
    analytics,
    cluster,
    compute,
    data,
    identity,
    network,
    operations,
    orchestration,
    security,
    serving,
    storage,
    streams,
    workloads,
)
from localcloud.catalogue.kind import Kind, Name

KINDS: dict[str, Kind] = {
    **network.KINDS,
    **identity.KINDS,
    **storage.KINDS,
    **cluster.KINDS,
    **compute.KINDS,
    **data.KINDS,
    **analytics.KINDS,
    **streams.KINDS,
    **serving.KINDS,
    **operations.KINDS,
    **orchestration.KINDS,
    **security.KINDS,
    **workloads.KINDS,
}


def kind_of(type_: str) -> Kind:
    """What is known about a type; for a type without an entry, what is true of most of AWS."""
    return KINDS.get(type_) or _general(type_)


def _general(type_: str) -> Kind:
    _, module, resource = type_.split(":")
    service = module.partition("/")[0]
    return Kind(
        arn=f"arn:aws:{service}:{{region}}:{{account}}:{resource[0].lower()}{resource[1:]}/{{id}}",
        outputs={"name": "{name}"},
        tags=False,
    )


__all__ = ["KINDS", "Kind", "Name", "kind_of"]
