"""Further AWS services that hold data, versions that go one way only, and switches of the account."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from mlops.change.facts import Facts, Fate, Waits, at, lower, removed
from mlops.change.sources import words
from mlops.plan.values import Properties

_GONE = (Fate(path="", words="deleted with all that is in it"),)
_SNAPSHOT = (
    Fate(path="deletionProtection", when=True, words="AWS refuses while deletionProtection is on", keeps=True),
    Fate(path="skipFinalSnapshot", when=True, words="deleted without a final snapshot"),
    Fate(path="finalSnapshotIdentifier", words="deleted; the final snapshot {value} is left", keeps=True),
    *_GONE,
)
_SECOND = "Make a second one beside it, copy what is in it, move the clients, then drop the first one."


def _held(holds: str, fates: tuple[Fate, ...] = _GONE) -> Facts:
    return Facts(holds=holds, fates=fates, instead=_SECOND)


def _off(path: str) -> Callable[[Properties, Properties], bool]:
    """Whether what was on at this path is switched off."""

    def is_off(before: Properties, after: Properties) -> bool:
        return at(before, path) is True and at(after, path) is not True

    return is_off


def _waits(properties: str, service: str, window: str = "preferredMaintenanceWindow") -> Waits:
    return Waits(properties=words(properties), window=window, source=f"{service} API reference, ApplyImmediately")


def _to_standard(before: Properties, after: Properties) -> bool:
    return (before.get("tier"), after.get("tier")) == ("Advanced", "Standard")


_PROTECTIONS = ("encryptAtRest.enabled", "nodeToNodeEncryption.enabled", "advancedSecurityOptions.enabled")

SERVICES: Mapping[str, Facts] = {
    "aws:opensearch/domain:Domain": Facts(
        # Whether another version is reached in place, the provider asks AWS; downwards it never is.
        sometimes={"engineVersion": lower("engineVersion"), **{path: _off(path) for path in _PROTECTIONS}},
        holds="the indices",
        fates=_GONE,
        instead="Make a second domain beside it, restore a snapshot of the indices there, then drop the first one.",
    ),
    "aws:docdb/cluster:Cluster": replace(
        _held("the documents", _SNAPSHOT), waits=_waits("engineVersion masterPassword port storageType", "DocumentDB")
    ),
    "aws:docdb/clusterInstance:ClusterInstance": Facts(waits=_waits("instanceClass caCertIdentifier", "DocumentDB")),
    "aws:neptune/cluster:Cluster": replace(
        _held("the graph", _SNAPSHOT), waits=_waits("engineVersion port storageType", "Neptune")
    ),
    "aws:neptune/clusterInstance:ClusterInstance": Facts(waits=_waits("instanceClass", "Neptune")),
    "aws:redshift/cluster:Cluster": replace(
        _held("the warehouse's tables", _SNAPSHOT[1:]), waits=_waits("clusterVersion", "Redshift")
    ),
    "aws:dms/replicationInstance:ReplicationInstance": Facts(
        waits=_waits("replicationInstanceClass engineVersion allocatedStorage multiAz", "DMS")
    ),
    "aws:mq/broker:Broker": replace(
        _held("the messages that are not consumed yet"),
        waits=_waits("engineVersion hostInstanceType configuration", "Amazon MQ", "maintenanceWindowStartTime"),
    ),
    "aws:redshiftserverless/namespace:Namespace": _held("the warehouse's tables"),
    "aws:memorydb/cluster:Cluster": _held("what the database keeps"),
    "aws:fsx/lustreFileSystem:LustreFileSystem": _held("the files that are in no bucket yet"),
    "aws:fsx/openZfsFileSystem:OpenZfsFileSystem": _held("the files"),
    "aws:fsx/windowsFileSystem:WindowsFileSystem": _held("the files"),
    "aws:cognito/userPool:UserPool": _held("the users and their passwords"),
    "aws:timestreamwrite/table:Table": _held("the measurements"),
    "aws:amp/workspace:Workspace": Facts(
        sometimes={"alias": removed("alias")}, holds="the metrics", fates=_GONE, instead=_SECOND
    ),
    "aws:msk/topic:Topic": _held("the topic's records"),
    "aws:sagemaker/domain:Domain": _held(
        "the home folders of its users",
        (
            Fate(path="retentionPolicy.homeEfsFileSystem", when="Delete", words="deleted with the folders"),
            Fate(path="", words="deleted; the file system with the folders is left", keeps=True),
        ),
    ),
    "aws:sagemaker/space:Space": _held("the files on its volume"),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": _held("experiments, runs and registered models"),
    "aws:sagemaker/mlflowApp:MlflowApp": _held("experiments, runs and registered models"),
    "aws:sagemaker/featureGroup:FeatureGroup": _held("the features of the online store"),
    "aws:ssm/parameter:Parameter": Facts(sometimes={"tier": _to_standard}),
}

SWITCHES: Mapping[str, Facts] = {
    "aws:guardduty/detectorFeature:DetectorFeature": Facts(
        stays="the provider's deletion does nothing: the feature stays on in the detector, and is billed",
        instead="State it with status DISABLED and bring that up; it can be taken out afterwards.",
    ),
}
