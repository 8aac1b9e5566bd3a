"""Keys, the data lake and the image repositories."""

import json
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.base.identity import policy_document
from components.keys import Keys, KeysArgs, KeysConfig
from components.registry import Registry, RegistryArgs, RegistryConfig
from components.storage import ZONES, Storage, StorageArgs, StorageConfig
from mlops.plan.graph import Graph
from tests.support import REGION, names, only, recorded, statements

KEY = "arn:aws:kms:us-east-1:000000000000:key/data"


def storage(**settings: Any) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        Storage("storage", StorageConfig(**settings), StorageArgs(key_arn=pulumi.Output.from_input(KEY)), opts)

    return recorded(build)


def keys(**settings: Any) -> Graph:
    args = KeysArgs(region=REGION, alias_prefix="mlops-test")
    return recorded(lambda opts: Keys("keys", KeysConfig(**settings), args, opts))


def registry(**settings: Any) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        args = RegistryArgs(prefix="mlops-test", key_arn=pulumi.Output.from_input(KEY))
        Registry("registry", RegistryConfig(**settings), args, opts)

    return recorded(build)


def test_every_key_rotates_has_an_alias_and_cannot_be_deleted_by_accident() -> None:
    graph = keys(rotation_days=180, deletion_window_days=14)
    for key in graph.of_type("aws:kms/key:Key"):
        assert key.protect
        assert key.inputs["enableKeyRotation"] is True
        assert (key.inputs["rotationPeriodInDays"], key.inputs["deletionWindowInDays"]) == (180, 14)
    aliases = sorted(node.inputs["name"] for node in graph.of_type("aws:kms/alias:Alias"))
    assert aliases == [f"alias/mlops-test/{purpose}" for purpose in ("cluster", "data", "database", "logs")]


def test_services_may_use_only_the_key_of_their_purpose() -> None:
    graph = keys()
    policies = {node.name: node.inputs["policy"] for node in graph.of_type("aws:kms/keyPolicy:KeyPolicy")}
    assert "logs.us-east-1.amazonaws.com" in policies["keys-logs-policy"]
    assert "logs.us-east-1.amazonaws.com" not in policies["keys-database-policy"]
    assert "ec2.us-east-1.amazonaws.com" in policies["keys-cluster-policy"]


def test_a_key_open_to_all_callers_is_bound_to_the_account_and_to_one_service() -> None:
    policy = only(keys(), "aws:kms/keyPolicy:KeyPolicy", "keys-cluster-policy").inputs["policy"]
    open_ones = [entry for entry in statements(policy) if entry["Principal"] == {"AWS": "*"}]
    assert [set(entry["Condition"]["StringEquals"]) for entry in open_ones] == [{"kms:CallerAccount", "kms:ViaService"}]


def test_every_lake_zone_has_a_bucket_and_all_of_them_a_log_bucket() -> None:
    assert names(storage(), "aws:s3/bucket:Bucket") == sorted([*(f"storage-{zone}" for zone in ZONES), "storage-logs"])


@pytest.mark.parametrize("role", [*ZONES, "logs"])
def test_a_bucket_is_private_versioned_owned_and_spoken_to_over_tls(role: str) -> None:
    graph = storage()
    access = only(
        graph, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", f"storage-{role}-public-access-block"
    )
    assert all(
        access.inputs[key]
        for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    versioning = only(graph, "aws:s3/bucketVersioning:BucketVersioning", f"storage-{role}-versioning")
    assert versioning.inputs["versioningConfiguration"]["status"] == "Enabled"
    owner = only(graph, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", f"storage-{role}-ownership")
    assert owner.inputs["rule"]["objectOwnership"] == "BucketOwnerEnforced"
    policy = only(graph, "aws:s3/bucketPolicy:BucketPolicy", f"storage-{role}-policy").inputs["policy"]
    deny = next(entry for entry in statements(policy) if entry["Effect"] == "Deny")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert only(graph, "aws:s3/bucket:Bucket", f"storage-{role}").protect


def test_the_lake_is_encrypted_with_its_key_and_a_bucket_key() -> None:
    graph = storage()
    for zone in ZONES:
        encryption = only(
            graph,
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            f"storage-{zone}-encryption",
        )
        rule = encryption.inputs["rules"][0]
        assert rule["bucketKeyEnabled"] is True
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}


def test_every_lake_bucket_writes_its_access_log_into_the_log_bucket() -> None:
    graph = storage()
    target = only(graph, "aws:s3/bucket:Bucket", "storage-logs").outputs["bucket"]
    logging = graph.of_type("aws:s3/bucketLogging:BucketLogging")
    assert {node.inputs["targetPrefix"] for node in logging} == {f"s3/{zone}/" for zone in ZONES}
    assert {node.inputs["targetBucket"] for node in logging} == {target}


def test_objects_grow_cheaper_with_age_and_old_versions_and_torn_uploads_go() -> None:
    graph = storage(lifecycle={"infrequent_access_days": 30, "archive_days": 120, "noncurrent_days": 45})
    name = "storage-raw-lifecycle"
    rules = only(graph, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", name).inputs["rules"]
    assert rules[0]["transitions"] == [
        {"storageClass": "STANDARD_IA", "days": 30},
        {"storageClass": "GLACIER_IR", "days": 120},
    ]
    assert rules[0]["noncurrentVersionExpiration"] == {"noncurrentDays": 45}
    assert rules[1]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}


def test_what_was_delivered_as_it_came_goes_within_days_and_with_it_every_version() -> None:
    graph = storage(lifecycle={"delivered_days": 3})
    expiring: dict[str, dict[str, tuple[int, int]]] = {}
    for zone in ("raw", "curated"):
        type_ = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
        rules = only(graph, type_, f"storage-{zone}-lifecycle").inputs["rules"]
        expiring[zone] = {
            rule["filter"]["prefix"]: (
                rule["expiration"]["days"],
                rule["noncurrentVersionExpiration"]["noncurrentDays"],
            )
            for rule in rules
            if "expiration" in rule
        }
    assert expiring == {"raw": {"delivered/": (3, 1), "delivered-failed/": (3, 1)}, "curated": {}}


def test_lifecycle_rules_wait_for_versioning() -> None:
    graph = storage()
    lifecycle = only(graph, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "storage-raw-lifecycle")
    assert (
        only(graph, "aws:s3/bucketVersioning:BucketVersioning", "storage-raw-versioning").urn in lifecycle.dependencies
    )


def test_archiving_before_infrequent_access_has_paid_off_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least infrequent_access_days"):
        StorageConfig.model_validate({"lifecycle": {"infrequent_access_days": 80, "archive_days": 90}})


def test_a_grant_on_the_lake_carries_the_right_to_its_key() -> None:
    documents: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        outputs = Storage("storage", StorageConfig(), StorageArgs(key_arn=pulumi.Output.from_input(KEY)), opts).outputs
        for grant in (outputs.read("curated"), outputs.write("artifacts", "mlflow/")):
            policy_document(grant.statements).apply(documents.append)

    recorded(build)
    read, write = (statements(document) for document in documents)
    assert {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [KEY]} in read
    assert {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [KEY]} in write
    assert not any("s3:PutObject" in entry["Action"] for entry in read)
    assert any(entry["Resource"][0].endswith("/mlflow/*") for entry in write)


def test_images_are_scanned_cannot_be_overwritten_and_are_encrypted() -> None:
    graph = registry(repositories=["recommender"])
    repository = only(graph, "aws:ecr/repository:Repository")
    assert repository.inputs["name"] == "mlops-test/recommender"
    assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
    assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]


def test_old_images_go_and_the_newest_stay() -> None:
    graph = registry(repositories=["recommender"], keep_images=5, untagged_days=2)
    rules = json.loads(only(graph, "aws:ecr/lifecyclePolicy:LifecyclePolicy").inputs["policy"])["rules"]
    assert [rule["selection"]["countNumber"] for rule in rules] == [2, 5]


def test_a_repository_listed_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="listed twice"):
        RegistryConfig(repositories=("a", "a"))
