"""What `mlops diff` foresees, held against what the real engine then does."""

from collections import Counter
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest

from localcloud.engine import LocalCloud
from mlops.change.classify import classify
from mlops.change.model import Danger, Kind
from mlops.plan.recorder import record
from tests.plan.programs import PROJECT, STACK, aws_provider

pytestmark = pytest.mark.engine

Rehearsal = Callable[..., LocalCloud]


class Store(pulumi.ComponentResource):
    """Two buckets and a repository with a key of its own."""

    def __init__(self, name: str, usage: str, former: str = "") -> None:
        aliases: list[str | pulumi.Alias] = [pulumi.Alias(name=former)] if former else []
        options = pulumi.ResourceOptions.merge(aws_provider(), pulumi.ResourceOptions(aliases=aliases))
        super().__init__("mlops:index:Store", name, None, options)
        child = pulumi.ResourceOptions(parent=self)
        aws.s3.Bucket(f"{name}-raw", force_destroy=not former, opts=child)
        key = aws.kms.Key(f"{name}-key", key_usage=usage, opts=child)
        encryption = [aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key.arn)]
        aws.ecr.Repository(f"{name}-images", name="images", encryption_configurations=encryption, opts=child)
        aws.s3.Bucket("added" if former else "removed", opts=child)
        self.register_outputs({})


def before() -> None:
    Store("storage", "ENCRYPT_DECRYPT")


def renamed() -> None:
    Store("lake", "ENCRYPT_DECRYPT", former="storage")


def renamed_with_another_key() -> None:
    Store("lake", "SIGN_VERIFY", former="storage")


@pytest.mark.parametrize("after", [renamed, renamed_with_another_key])
def test_the_engine_does_what_was_foreseen(rehearsal: Rehearsal, after: Callable[[], None]) -> None:
    cloud = rehearsal()
    assert cloud.stack(before, project=PROJECT, stack=STACK, config={}).up().ok
    graphs = [record(program, project=PROJECT, stack=STACK, config={}) for program in (before, after)]
    foreseen = Counter(change.kind for change in classify(*graphs).changes)
    mine = cloud.stack(after, project=PROJECT, stack=STACK, config={})
    deployed = classify(mine.graph(), graphs[1], deployed=True)
    done = mine.up()
    assert done.ok, done.failures
    words = {Kind.ADD: "create", Kind.UPDATE: "update", Kind.REPLACE: "replace", Kind.DELETE: "delete"}
    assert {words[kind]: number for kind, number in foreseen.items()} == {
        word: number for word, number in done.counts.items() if word != "same"
    }
    assert Counter(change.kind for change in deployed.changes) == foreseen
    assert foreseen[Kind.REPLACE] == (2 if after is renamed_with_another_key else 0)


def lake(lock: bool) -> Callable[[], None]:
    """A bucket with a name of its own, what belongs to it, and a network with what stands in it."""

    def program() -> None:
        options = aws_provider()
        bucket = aws.s3.Bucket("lake", bucket="lake", object_lock_enabled=lock, force_destroy=True, opts=options)
        enabled = aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
        aws.s3.BucketVersioning("kept", bucket=bucket.bucket, versioning_configuration=enabled, opts=options)
        aws.sns.Topic("news", name="news", display_name=bucket.bucket, opts=options)
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.1.0.0/16" if lock else "10.0.0.0/16", opts=options)
        aws.ec2.RouteTable("routes", vpc_id=vpc.id, opts=options)
        gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=options)
        aws.ssm.Parameter("told", name="told", type="String", value=gateway.id, opts=options)

    return program


def test_the_engine_replaces_what_depends_on_a_replaced_resource_as_was_foreseen(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    assert cloud.stack(lake(False), project=PROJECT, stack=STACK, config={}).up().ok
    graphs = [record(lake(lock), project=PROJECT, stack=STACK, config={}) for lock in (False, True)]
    foreseen = {change.node.name: change.kind for change in classify(*graphs).changes}
    done = cloud.stack(lake(True), project=PROJECT, stack=STACK, config={}).up()
    assert done.ok, done.failures
    replaced = {name for name, kind in foreseen.items() if kind is Kind.REPLACE}
    assert replaced == {"lake", "kept", "vpc", "routes"}
    assert done.counts["replace"] == len(replaced)
    assert done.counts["update"] == len(foreseen) - len(replaced)


def test_the_engine_cannot_take_away_what_keeps_its_name_and_is_in_use_as_was_foreseen(rehearsal: Rehearsal) -> None:
    def program(family: str) -> Callable[[], None]:
        def run() -> None:
            options = aws_provider()
            group = aws.rds.ParameterGroup("parameters", name="parameters", family=family, opts=options)
            aws.rds.Instance(
                "database",
                identifier="database",
                engine="postgres",
                instance_class="db.m7g.large",
                parameter_group_name=group.name,
                skip_final_snapshot=True,
                opts=options,
            )

        return run

    cloud = rehearsal()
    assert cloud.stack(program("postgres17"), project=PROJECT, stack=STACK, config={}).up().ok
    graphs = [
        record(program(family), project=PROJECT, stack=STACK, config={}) for family in ("postgres17", "postgres18")
    ]
    refused = [change.node.name for change in classify(*graphs).of(Danger.REFUSED)]
    done = cloud.stack(program("postgres18"), project=PROJECT, stack=STACK, config={}).up()
    assert refused == ["parameters"]
    assert not done.ok
