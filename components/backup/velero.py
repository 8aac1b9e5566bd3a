"""Velero: the cluster's objects and volumes, written into the lake on a schedule.

EKS keeps what the API server holds as long as there is a cluster, and not a day longer; volumes live in one zone.
Velero brings both back, into the same cluster or another one.

Source of charts, values and names: github.com/vmware-tanzu/helm-charts at velero-12.1.0.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.backup import BackupConfig
from components.base.component import Component
from components.base.generated_secret import generated_secret
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.base.secret import SecretReference, SecretValue
from components.base.watched import Watched
from components.kubernetes.objects import SECRETS_ALLOWED, custom_object, flat_object, name_of, namespace, release
from components.kubernetes.placement import on_system_nodes, requested
from components.kubernetes.references import referred_secret
from components.kubernetes.scraping import let_scrapers_in
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import versions
from mlops.core.config import Card, Config
from mlops.core.fields import Unique
from mlops.core.fields.kubernetes import GroupName, ShortName
from mlops.core.module import Need
from mlops.core.windows import Clock

NAMESPACE = ACCOUNT = "velero"
_ZONE, _FOLDER = "artifacts", "velero"
_API = "velero.io/v1"
_METRICS = 8085
_LOCATION = "lake"
_PASSWORD_SECRET, _PASSWORD = "velero-repo-credentials", "repository-password"  # pragma: allowlist secret
"""Names that Velero looks for; without them it encrypts with a password that its source code holds (pkg/repository/keys
of vmware-tanzu/velero)."""


class BackupScheduleConfig(Config):
    """Backups that are made again and again."""

    name: GroupName
    """Beginning of the backups' names."""
    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 24
    """Hours between two backups: so much is lost at most."""
    at: Clock = "02:15"
    """When the daily one is made, hh:mm in UTC; of others, the minute counts."""
    keep_days: int = Field(default=30, ge=1, le=3650)
    """Days for which each backup can be restored."""
    namespaces: Annotated[tuple[ShortName, ...], Unique(most=100)] = ()
    """Namespaces that are backed up; none means all."""

    @property
    def cron(self) -> str:
        """The schedule in cron's words."""
        hour, minute = self.at.split(":")
        hours = str(int(hour)) if self.every_hours == 24 else f"*/{self.every_hours}"
        return f"{int(minute)} {'*' if self.every_hours == 1 else hours} * * *"


class VeleroConfig(BackupConfig):
    """Velero on the cluster."""

    card: ClassVar[Card] = Card(
        title="Velero",
        best_for="getting a namespace, a volume or the whole cluster back, here or in a cluster that is new",
        not_for="a cluster whose objects all come from this program and that has no volumes: `up` makes it anew",
        complexity="medium",
        trade_offs="free but for what it stores; it may do everything on the cluster, for else it could restore little",
        state="backups lie in the lake, zone artifacts, folder velero, and volumes there under a password in Secrets "
        "Manager; a new installation that is given both lists and restores them",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    announces: ClassVar[str | None] = "Velero"
    exported: ClassVar[frozenset[str]] = frozenset({"backupLocation"})

    kind: Literal["velero"] = "velero"
    schedules: Annotated[tuple[BackupScheduleConfig, ...], Unique(most=20, by="name")] = (
        BackupScheduleConfig(name="daily"),
    )
    """When backups are made, and for how long they are kept."""
    volumes: Literal["bucket", "snapshot", "none"] = "bucket"
    """Where the data of volumes goes: into the lake, encrypted and without doubles, which an agent on every node does;
    into EBS snapshots that stay beside the volumes, and after a destroy too; or nowhere."""
    password: SecretReference | None = None
    """Password that encrypts the data of volumes in the lake. Null generates one that lives as long as the stack; name
    another stack's to restore its backups."""

    @model_validator(mode="after")
    def _has_something_to_encrypt(self) -> "VeleroConfig":
        if self.password and self.volumes != "bucket":
            raise ValueError(
                f'password encrypts the data of volumes in the lake, and volumes is "{self.volumes}", which puts none '
                "there; leave password out, or set volumes to bucket"
            )
        return self

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make Velero, where it writes to, and when."""
        return Velero(name, self, around, opts)


class Velero(Component[DependentOutputs]):
    """A closed namespace with the server, its agents, the location in the lake and the schedules."""

    token = "mlops:index:Velero"

    def __init__(
        self, name: str, config: VeleroConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation = around.foundation
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                NAMESPACE,
                # Agents read the volumes of pods where the node has them.
                security="privileged" if config.volumes == "bucket" else "baseline",
                labels=SECRETS_ALLOWED,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        grant = foundation.storage.write(_ZONE, f"{_FOLDER}/")
        before = [self._closed(grant), *self._snapshots()]
        server = release(
            f"{name}-server",
            versions.VELERO,
            namespace=self._furnished(),
            release_name="velero",
            values=chart_values(config.volumes, self._account(grant)),
            opts=self.child_with(depends_on=before),
        )
        location = custom_object(
            f"{name}-location",
            _API,
            "BackupStorageLocation",
            metadata={"name": _LOCATION, "namespace": self._namespace},
            spec=storage_location(foundation.storage.buckets[_ZONE], foundation.region),
            opts=self.child_with(depends_on=[server]),
        )
        for schedule in config.schedules:
            custom_object(
                f"{name}-{schedule.name}-schedule",
                _API,
                "Schedule",
                metadata={"name": schedule.name, "namespace": self._namespace},
                spec=backup_schedule(schedule, config.volumes, name_of(location)),
                opts=self.child,
            )
        place = pulumi.Output.concat("s3://", foundation.storage.buckets[_ZONE], f"/{_FOLDER}/")
        self.publish(
            DependentOutputs(exports={"backupLocation": place}, watched=(Watched(what="backup", namespace="Velero"),))
        )

    def _account(self, grant: Grant) -> pulumi.Output[str]:
        args = IdentityArgs(
            cluster=self._foundation.cluster, namespace=self._namespace, service_account=ACCOUNT, grants=(grant,)
        )
        return Identity(f"{self.name}-identity", args, self.child).outputs.service_account

    def _closed(self, grant: Grant) -> pulumi.Resource:
        let_scrapers_in(f"{self.name}-scrapers", self._namespace, self._foundation.scrapers, (_METRICS,), self.child)
        return network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=(grant,),
            ingress_ports=(),
            opts=self.child,
        )

    def _snapshots(self) -> list[pulumi.Resource]:
        """What makes snapshots of volumes: EKS's controller, and the class by which Velero asks for them."""
        if self._config.volumes == "none":
            return []
        controller = aws.eks.Addon(
            f"{self.name}-snapshot-controller",
            cluster_name=self._foundation.cluster.name,
            addon_name="snapshot-controller",
            # The program is the truth: what somebody changed by hand goes with the next update.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=self.child_with(depends_on=list(self._foundation.cluster.running)),
        )
        snapshots = flat_object(
            f"{self.name}-snapshot-class",
            "snapshot.storage.k8s.io/v1",
            "VolumeSnapshotClass",
            metadata={"name": "velero", "labels": {"velero.io/csi-volumesnapshot-class": "true"}},
            # What a backup still needs Velero keeps, whatever the class says (its design "CSI Snapshot Data Movement").
            fields={"driver": "ebs.csi.aws.com", "deletionPolicy": "Delete"},
            opts=self.child_with(depends_on=[controller]),
        )
        return [snapshots]

    def _furnished(self) -> pulumi.Output[str]:
        """The namespace, known once the password by which the data of volumes is encrypted lies where Velero looks for
        it: it would make one of its own."""
        if self._config.volumes != "bucket":
            return self._namespace
        given = self._config.password
        secret = referred_secret(
            f"{self.name}-password",
            _PASSWORD_SECRET,
            {_PASSWORD: given.value if given else self._generated()},
            cluster=self._foundation.cluster,
            namespace=self._namespace,
            opts=self.child,
        )
        return pulumi.Output.all(self._namespace, secret).apply(lambda names: str(names[0]))

    def _generated(self) -> SecretValue:
        return generated_secret(
            f"{self.name}-password",
            description="Encrypts the data of volumes in Velero's backups",
            unrotated="what is backed up could not be read under another password",
            key_arn=self._foundation.keys.data,
            opts=self.child,
        )


def chart_values(volumes: str, account: pulumi.Output[str]) -> dict[str, object]:
    """Helm values. Where backups go and when they are made are objects of their own, which the plan shows."""
    return {
        **on_system_nodes("velero"),
        "containerSecurityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "initContainers": [
            {
                "name": "velero-plugin-for-aws",
                "image": versions.VELERO_AWS_IMAGE,
                "volumeMounts": [{"mountPath": "/target", "name": "plugins"}],
                "resources": requested("velero-plugin"),
            }
        ],
        "credentials": {"useSecret": False},
        "serviceAccount": {"server": {"create": True, "name": account}},
        "configuration": {
            **({} if volumes == "none" else {"features": "EnableCSI"}),
            "defaultSnapshotMoveData": volumes == "bucket",
        },
        "backupsEnabled": False,
        "snapshotsEnabled": False,
        "deployNodeAgent": volumes == "bucket",
        # An agent on every node that may have a pod with a volume.
        "nodeAgent": {"resources": requested("velero-node-agent"), "tolerations": [{"operator": "Exists"}]},
        "upgradeJobResources": requested("velero-plugin"),
    }


def storage_location(bucket: pulumi.Input[str], region: str) -> dict[str, object]:
    """Spec of the BackupStorageLocation. What encrypts is the bucket's own default."""
    return {
        "provider": "aws",
        "default": True,
        "accessMode": "ReadWrite",
        "objectStorage": {"bucket": bucket, "prefix": _FOLDER},
        "config": {"region": region},
    }


def backup_schedule(schedule: BackupScheduleConfig, volumes: str, location: pulumi.Input[str]) -> dict[str, object]:
    """Spec of a Schedule."""
    return {
        "schedule": schedule.cron,
        "template": {
            "storageLocation": location,
            "ttl": f"{schedule.keep_days * 24}h0m0s",
            "includedNamespaces": list(schedule.namespaces) or ["*"],
            # Events are of no use to whoever restores, and there are many.
            "excludedResources": ["events", "events.events.k8s.io"],
            "snapshotVolumes": volumes != "none",
            "snapshotMoveData": volumes == "bucket",
        },
    }
