"""AWS types: what is lost or stops with them, what their deletion does to the data, and what to do instead.

Which properties replace them stands in data/aws.json, as the provider's sources say it.
"""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate, at, removed
from mlops.change.facts_aws_data import DATA, STREAMS
from mlops.change.facts_aws_network import NETWORK
from mlops.change.facts_aws_services import SERVICES, SWITCHES

OBJECTS: Mapping[str, Facts] = {
    "aws:s3/bucket:Bucket": Facts(
        holds="the objects and their versions",
        fates=(
            Fate(path="forceDestroy", when=True, words="deleted with all objects and versions: forceDestroy is on"),
            Fate(path="", words="S3 refuses while there are objects in it: forceDestroy is off", keeps=True),
        ),
        instead="Make a second bucket beside it, copy the objects (S3 Batch Replication), then drop the first one.",
    ),
    "aws:ecr/repository:Repository": Facts(
        holds="the images",
        fates=(
            Fate(path="forceDelete", when=True, words="deleted with all images: forceDelete is on"),
            Fate(path="", words="ECR refuses while there are images in it: forceDelete is off", keeps=True),
        ),
        instead="Make a second repository beside it, push the images that run to it, then drop the first one.",
    ),
    "aws:backup/vault:Vault": Facts(
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
    "aws:cloudcontrol/resource:Resource": Facts(
        holds="what it made: a secret's value, which nobody knows",
        fates=(Fate(path="", words="deleted with all that is in it"),),
        instead="Make a second one beside it, move the readers, then drop the first one.",
    ),
    "aws:secretsmanager/secret:Secret": Facts(
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
        sometimes={
            "encryptionConfig": removed("encryptionConfig"),
            "computeConfig.nodeRoleArn": lambda before, _: bool(at(before, "computeConfig.nodeRoleArn")),
        },
        holds="every Kubernetes object, and the volumes that they claimed",
        fates=(
            Fate(path="deletionProtection", when=True, words="EKS refuses while deletionProtection is on", keeps=True),
            Fate(path="", words="deleted with every object in it"),
        ),
        instead="Bring up a second cluster beside it, move the workloads and their volumes, then drop the first one.",
    ),
    "aws:eks/nodeGroup:NodeGroup": Facts(
        stops="every pod on its nodes is evicted and starts elsewhere",
    ),
}

AWS: Mapping[str, Facts] = {
    **NETWORK,
    **DATA,
    **STREAMS,
    **OBJECTS,
    **SECRETS,
    **COMPUTE,
    **SERVICES,
    **SWITCHES,
}
