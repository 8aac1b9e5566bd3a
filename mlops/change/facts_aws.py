"""AWS types: the properties that replace them, read in the provider's own schemas, and what deletion does to the data.

Sources are files of hashicorp/terraform-provider-aws, which the Pulumi provider is built on, at the commit named: a
property counts where its schema says `ForceNew` (or `RequiresReplace`). Names are those of the Pulumi SDK. Files of
different age were read; properties of pulumi-aws 7.51.1 that a file does not list are in `unread`.
"""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate, removed
from mlops.change.facts_aws_data import DATA, STREAMS
from mlops.change.facts_aws_network import NETWORK
from mlops.change.sources import file, words

OBJECTS: Mapping[str, Facts] = {
    "aws:s3/bucket:Bucket": Facts(
        source=file("s3/bucket.go", "0070bcd1, and a later version with object_lock_enabled"),
        replaced_by=("bucket", "bucketPrefix", "objectLockEnabled", "objectLockConfiguration.objectLockEnabled"),
        chosen=words("bucket bucketPrefix objectLockEnabled"),
        unread=words("bucketNamespace region"),
        holds="the objects and their versions",
        fates=(
            Fate(path="forceDestroy", when=True, words="deleted with all objects and versions: forceDestroy is on"),
            Fate(path="", words="S3 refuses while there are objects in it: forceDestroy is off", keeps=True),
        ),
        instead="Make a second bucket beside it, copy the objects (S3 Batch Replication), then drop the first one.",
    ),
    "aws:ecr/repository:Repository": Facts(
        source=file("ecr/repository.go", "0072eea2, and a later version with image_tag_mutability_exclusion_filter"),
        replaced_by=("name", "encryptionConfigurations"),
        chosen=words("name"),
        defaults={"encryptionConfigurations": [{"encryptionType": "AES256"}]},
        unread=words("region"),
        holds="the images",
        fates=(
            Fate(path="forceDelete", when=True, words="deleted with all images: forceDelete is on"),
            Fate(path="", words="ECR refuses while there are images in it: forceDelete is off", keeps=True),
        ),
        instead="Make a second repository beside it, push the images that run to it, then drop the first one.",
    ),
    "aws:backup/vault:Vault": Facts(
        source=file("backup/vault.go", "050ac111"),
        replaced_by=("name", "kmsKeyArn"),
        chosen=words("name kmsKeyArn"),
        unread=words("region"),
        holds="the backups",
        fates=(
            Fate(path="forceDestroy", when=True, words="deleted with all recovery points: forceDestroy is on"),
            Fate(
                path="",
                words="AWS Backup refuses while there are recovery points in it: forceDestroy is off",
                keeps=True,
            ),
        ),
        instead="Make a second vault beside it and let the plan write to it; drop the first when its backups expired.",
    ),
}

SECRETS: Mapping[str, Facts] = {
    "aws:kms/key:Key": Facts(
        source=file("kms/key.go", "00a35305"),
        replaced_by=("customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"),
        chosen=words("multiRegion"),
        defaults={"customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT"},
        unread=words("region"),
        holds="the key, and with it everything that it encrypts",
        fates=(
            Fate(
                path="deletionWindowInDays",
                words="scheduled for deletion; `aws kms cancel-key-deletion` brings it back for {value} days",
            ),
            Fate(path="", words="scheduled for deletion; `aws kms cancel-key-deletion` brings it back for 30 days"),
        ),
        instead="Keep the old key in the program until nothing is encrypted with it; add the new one beside it.",
    ),
    "aws:secretsmanager/secret:Secret": Facts(
        source=file("secretsmanager/secret.go", "00c21ced"),
        replaced_by=("name", "namePrefix"),
        chosen=words("name namePrefix"),
        unread=words("region type"),
        holds="the secret's value and its versions",
        fates=(
            Fate(path="recoveryWindowInDays", when=0, words="deleted at once: recoveryWindowInDays is 0"),
            Fate(
                path="recoveryWindowInDays",
                words="scheduled for deletion; `aws secretsmanager restore-secret` brings it back for {value} days",
            ),
            Fate(path="", words="scheduled for deletion; `aws secretsmanager restore-secret` works for 30 days"),
        ),
        instead="Make a second secret beside it, put the value into it, move the readers, then drop the first one.",
    ),
}

COMPUTE: Mapping[str, Facts] = {
    "aws:eks/cluster:Cluster": Facts(
        source=file("eks/cluster.go", "00555dc5"),
        replaced_by=(
            *("name", "roleArn", "bootstrapSelfManagedAddons", "accessConfig.bootstrapClusterCreatorAdminPermissions"),
            *("kubernetesNetworkConfig.ipFamily", "kubernetesNetworkConfig.serviceIpv4Cidr"),
            *("outpostConfig.controlPlaneInstanceType", "outpostConfig.controlPlanePlacement.groupName"),
            "remoteNetworkConfig",
        ),
        chosen=words("name kubernetesNetworkConfig.ipFamily kubernetesNetworkConfig.serviceIpv4Cidr"),
        defaults={"bootstrapSelfManagedAddons": True, "accessConfig.bootstrapClusterCreatorAdminPermissions": True},
        sometimes={
            "encryptionConfig": removed("encryptionConfig"),
            "computeConfig.nodeRoleArn": lambda before, _: bool((before.get("computeConfig") or {}).get("nodeRoleArn")),
        },
        unread=words(
            "controlPlaneScalingConfig defaultAddonsToRemoves deletionProtection forceUpdateVersion "
            "kubeApiServerConfig kubeControllerManagerConfig kubeSchedulerConfig region"
        ),
        holds="every Kubernetes object, and the volumes that they claimed",
        fates=(
            Fate(path="deletionProtection", when=True, words="EKS refuses while deletionProtection is on", keeps=True),
            Fate(path="", words="deleted with every object in it"),
        ),
        instead="Bring up a second cluster beside it, move the workloads and their volumes, then drop the first one.",
    ),
    "aws:eks/nodeGroup:NodeGroup": Facts(
        source=file("eks/node_group.go", "012e0a32"),
        replaced_by=(
            *("clusterName", "nodeGroupName", "nodeGroupNamePrefix", "nodeRoleArn", "subnetIds", "amiType"),
            *("capacityType", "diskSize", "instanceTypes", "launchTemplate.id", "launchTemplate.name", "remoteAccess"),
        ),
        chosen=words(
            "nodeGroupName nodeGroupNamePrefix amiType capacityType diskSize instanceTypes launchTemplate.id "
            "launchTemplate.name"
        ),
        sets=frozenset({"subnetIds"}),
        unread=words("region warmPoolConfig"),
        stops="every pod on its nodes is evicted and starts elsewhere",
    ),
}

AWS: Mapping[str, Facts] = {**NETWORK, **DATA, **STREAMS, **OBJECTS, **SECRETS, **COMPUTE}
