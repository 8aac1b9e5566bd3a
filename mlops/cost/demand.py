"""From one statement of traffic to what it makes elsewhere: logs, audits, threat detection, capacity of load balancers.

A figure of `usage` that somebody states holds as it is. One that is left null is derived here from those that
describe its cause, with the steps that led to it, so that two lines of a bill never assume different things.
Sizes of records: VPC user guide, "Flow log record examples" (112 bytes each); the others are round assumptions
about the examples in the user guides of CloudTrail, S3, Route 53, EKS and RDS.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from mlops.cost import writers
from mlops.cost.amounts import Amount, number, shown

if TYPE_CHECKING:
    from mlops.cost.model import Context

GB = Decimal(10) ** 9
FLOW_RECORD_BYTES, DNS_QUERY_BYTES = 112, 200
EVENT_BYTES, ACCESS_RECORD_BYTES, AUDIT_EVENT_BYTES = 1_500, 500, 1_500
"""Of a CloudTrail event, a line of an S3 access log, an audit event of Kubernetes at the level of metadata."""
STORED_FILE_SHARE = Decimal("0.1")
"""Of a trail's events, what its compressed files take."""
LOGS_KEPT_DAYS = 365
"""How long objects in a log bucket are kept where no lifecycle says so."""
RECORDS_AN_END = 2
"""Flow records of a connection at each interface: one a direction."""
MONTH_SECONDS = 730 * 3600
UNIT_CONNECTIONS, UNIT_GB = 25, 1
"""What one capacity unit of an application load balancer takes: new connections a second, GB an hour."""
BALANCERS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "kubernetes:networking.k8s.io/v1:Ingress",
    "kubernetes:gateway.networking.k8s.io/v1:Gateway",
)


def figure(context: "Context", key: str) -> Amount:
    """An assumption by its path in the settings: as it was said, or as it follows from the others."""
    part, _, name = key.partition(".")
    if key == "traffic.internet_out_gb" and context.isolated:
        return Amount(Decimal(0), ("the network has no way to the internet",))
    said = getattr(getattr(context.usage, part), name)
    if said is not None:
        return Amount(number(said), (f"usage.{key} = {shown(number(said))}",))
    derived = _DERIVED[key](context)
    return derived.because(f"usage.{key} is not said: derived as {shown(derived)}")


def is_said(context: "Context", key: str) -> bool:
    """Whether somebody states the figure, instead of leaving it to be derived."""
    part, _, name = key.partition(".")
    return getattr(getattr(context.usage, part), name) is not None


def log_group_gb(context: "Context", group: str) -> Amount:
    """What a log group, by its URN, takes in."""
    if is_said(context, "logs.ingested_gb"):
        return context.share("logs.ingested_gb", writers.LOG_GROUP)
    by = context.log_writers
    kind = by[group]
    if kind == "application":
        sharing = sum(1 for one in by.values() if one == "application")
        return _part(context.figure("logs.application_gb"), sharing, "log groups of services and workloads")
    sharing = sum(1 for one in by.values() if one == kind)
    whole = {"flow": _flow_gb, "trail": trail_gb, "audit": _audit_gb}[kind](context)
    return _part(whole, sharing, "groups")


def recorded_data_events(context: "Context") -> Amount:
    """Data events of all trails: those that are said, or the requests to S3 where a trail records them."""
    if is_said(context, "logs.trail_events") or writers.recording_trails(context):
        return context.figure("logs.trail_events")
    return Amount(Decimal(0), ("no trail records data events",))


def trail_gb(context: "Context") -> Amount:
    """What the events of a trail take as logs."""
    events = context.figure("logs.management_events") + recorded_data_events(context)
    gb = events * EVENT_BYTES / GB
    return gb.because(f"{shown(events)} events × {EVENT_BYTES:,} bytes = {shown(gb)} GB")


def key_requests(context: "Context") -> Amount:
    """Requests to KMS: those that are stated, and one for each object request of buckets without a bucket key."""
    stated = context.figure("requests.kms")
    buckets = writers.buckets_without_key(context)
    if not buckets:
        return stated
    requests = context.figure("storage.put_requests") + context.figure("storage.get_requests")
    each = requests * len(buckets) / max(context.count(writers.BUCKET) - len(context.log_buckets), 1)
    return stated + each.because(
        f"each request to {len(buckets)} buckets without a bucket key is one to KMS = {shown(each)}"
    )


def monitoring_gb(seconds: Decimal, instances: int) -> Amount:
    """What enhanced monitoring of RDS writes: a document of some 4 KB at each interval, from every instance."""
    gb = Amount(Decimal(MONTH_SECONDS) / seconds * 4_000 * instances / GB)
    return gb.because(f"a document of 4 KB every {shown(seconds)} s from {instances} instances = {shown(gb)} GB")


def _part(whole: Amount, sharing: int, who: str) -> Amount:
    if sharing < 2:
        return whole
    part = whole / sharing
    return part.because(f"÷ {sharing} {who} = {shown(part)}")


def _paths(context: "Context") -> dict[str, Amount]:
    """GB by the way that traffic takes, where the stack has that way."""
    endpoints = len(context.interface_endpoints)
    paths = {
        "to the internet": context.figure("traffic.internet_out_gb"),
        "between zones": context.figure("traffic.cross_zone_gb"),
    }
    if context.count(writers.NAT_GATEWAY):
        paths["through NAT gateways"] = context.figure("traffic.nat_gb")
    if endpoints:
        paths["through endpoints"] = context.figure("traffic.endpoint_gb") * endpoints
    return paths


def _connections(context: "Context", *ways: str) -> Amount:
    """Connections that the traffic makes, on these ways or on all."""
    gb = Amount(Decimal(0))
    for way, amount in _paths(context).items():
        if not ways or way in ways:
            gb = gb + amount
    size = context.figure("traffic.connection_kb")
    found = gb * 1_000_000 / size
    return found.because(f"{shown(gb)} GB in connections of {shown(size)} KB = {shown(found)} connections")


def _flow_gb(context: "Context") -> Amount:
    if is_said(context, "logs.flow_gb"):
        return context.figure("logs.flow_gb")
    connections = _connections(context)
    gb = connections * 2 * RECORDS_AN_END * FLOW_RECORD_BYTES / GB
    return gb.because(
        f"a record of {FLOW_RECORD_BYTES} bytes for each direction at both ends of a connection = {shown(gb)} GB"
    )


def _threat_log_gb(context: "Context") -> Amount:
    queries = _connections(context) * DNS_QUERY_BYTES / GB
    queries = queries.because(f"a DNS query of {DNS_QUERY_BYTES} bytes a connection = {shown(queries)} GB")
    if not writers.has_agents(context):
        return queries + context.figure("logs.flow_gb")
    ends = _connections(context, "to the internet", "through NAT gateways", "through endpoints")
    gb = ends * RECORDS_AN_END * FLOW_RECORD_BYTES / GB
    return queries + gb.because(
        "flow logs of nodes with the runtime agent are not charged (GuardDuty pricing); "
        f"those of the other ends are: {shown(gb)} GB"
    )


def _management_events(context: "Context") -> Amount:
    events = context.figure("logs.api_calls") + key_requests(context) + context.figure("requests.secrets")
    return events.because("each of these calls is a management event")


def _trail_events(context: "Context") -> Amount:
    requests = context.figure("storage.put_requests") + context.figure("storage.get_requests")
    if not context.count(writers.BUCKET):
        return Amount(Decimal(0), ("the stack has no bucket",))
    return requests.because("each request for an object is a data event")


def _audit_gb(context: "Context") -> Amount:
    events = context.figure("logs.cluster_audit_events")
    gb = events * AUDIT_EVENT_BYTES / GB
    return gb.because(f"each as {AUDIT_EVENT_BYTES:,} bytes = {shown(gb)} GB")


def _ingested_gb(context: "Context") -> Amount:
    whole = Amount(Decimal(0))
    for group in context.log_writers:
        whole = whole + log_group_gb(context, group)
    return whole.because("all log groups together")


def _bucket_logs_gb(context: "Context") -> Amount:
    kept = Decimal(LOGS_KEPT_DAYS) / 30
    gb = Amount(Decimal(0))
    if context.count(writers.BUCKET_LOGGING):
        requests = context.figure("storage.put_requests") + context.figure("storage.get_requests")
        lines = requests * ACCESS_RECORD_BYTES / GB * kept
        gb = gb + lines.because(f"a line of {ACCESS_RECORD_BYTES} bytes a request, kept a year = {shown(lines)} GB")
    if context.count(writers.TRAIL):
        files = trail_gb(context) * STORED_FILE_SHARE * kept
        gb = gb + files.because(f"compressed to a tenth, kept a year = {shown(files)} GB")
    return gb


def _balancer_units(context: "Context") -> Amount:
    gb = context.figure("traffic.internet_out_gb") / max(context.count(*BALANCERS), 1)
    an_hour = gb / 730
    connections = gb * 1_000_000 / context.figure("traffic.connection_kb") / MONTH_SECONDS
    units = max(an_hour.value / UNIT_GB, connections.value / UNIT_CONNECTIONS)
    return Amount(units, connections.why).because(
        f"{shown(an_hour)} GB an hour and {shown(connections)} new connections a second through each load balancer; "
        f"a unit takes {UNIT_GB} GB or {UNIT_CONNECTIONS} connections"
    )


_DERIVED: Mapping[str, Callable[["Context"], Amount]] = {
    "traffic.load_balancer_units": _balancer_units,
    "storage.bucket_logs_gb": _bucket_logs_gb,
    "logs.ingested_gb": _ingested_gb,
    "logs.flow_gb": _flow_gb,
    "logs.threat_log_gb": _threat_log_gb,
    "logs.management_events": _management_events,
    "logs.trail_events": _trail_events,
}
"""Figures that follow from others, and how."""

DERIVED = frozenset(_DERIVED)
"""Keys that are null unless somebody states them."""
