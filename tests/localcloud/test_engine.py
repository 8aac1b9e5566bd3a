"""The real Pulumi engine on the stand-in cloud: the whole life of a small stack."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from localcloud.comparison import differences
from localcloud.engine import LocalCloud, LocalStack
from localcloud.events import Event, MessageEvent, StepEvent
from localcloud.faults import Fault
from localcloud.recovery import BusyError
from mlops.plan.recorder import record
from tests.plan.programs import PROJECT, STACK, Shelf, aws_provider, flat, network

pytestmark = pytest.mark.engine

Rehearsal = Callable[..., LocalCloud]


def stack(cloud: LocalCloud, program: Callable[[], object], **more: Any) -> LocalStack:
    return cloud.stack(program, project=PROJECT, stack=STACK, **{"config": {}, **more})


def test_a_stack_comes_up_stays_the_same_and_goes_down_to_nothing(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    events: list[Event] = []
    mine = stack(cloud, flat())
    up = mine.up(events.append)
    assert up.ok
    assert set(up.counts) == {"create"}
    assert up.outputs["password"] == "[secret]"
    made = {event.name for event in events if isinstance(event, StepEvent) and event.status == "done"}
    assert {"network", "cluster-eksCluster", "apps", "shelf-bucket"} <= made
    assert {path.name for path in cloud.kubernetes_folder.rglob("*.yaml")} >= {"namespace-apps.yaml"}

    again = mine.up()
    assert again.ok
    assert set(again.counts) == {"same"}
    assert not again.changed

    down = mine.destroy()
    assert down.ok
    assert len(cloud.world) == 0
    assert len(mine.graph()) == 0
    assert list(cloud.kubernetes_folder.rglob("*.yaml")) == []


def test_a_plan_and_the_engine_agree_on_every_resource(rehearsal: Rehearsal) -> None:
    mine = stack(rehearsal(), flat())
    assert mine.up().ok
    assert differences(record(flat(), project=PROJECT, stack=STACK, config={}), mine.graph()) == []


def test_a_disagreement_between_plan_and_engine_is_named(rehearsal: Rehearsal) -> None:
    mine = stack(rehearsal(), lambda: network(aws_provider()))
    assert mine.up().ok
    other = record(lambda: network(aws_provider(), "10.1.0.0/16"), project=PROJECT, stack=STACK, config={})
    lines = differences(other, mine.graph())
    assert any("cidrBlock: '10.1.0.0/16' in the plan, '10.0.0.0/16' on the engine" in line for line in lines)


def test_a_preview_foresees_an_up_and_makes_nothing(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    foreseen = stack(cloud, flat()).preview()
    assert foreseen.ok
    assert len(cloud.world) == 0
    assert foreseen.counts == stack(cloud, flat()).up().counts


def test_no_secret_is_written_anywhere_in_clear(rehearsal: Rehearsal) -> None:
    def program() -> None:
        secret = pulumi.Config(PROJECT).require_secret("token")
        aws.ssm.Parameter("token", type="SecureString", value=secret, opts=aws_provider())

    cloud = rehearsal()
    mine = stack(cloud, program, config={f"{PROJECT}:token": "hunter2"}, secret_keys=[f"{PROJECT}:token"])
    assert mine.up().ok
    written = [path for path in cloud.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert written == []


def test_a_change_is_an_update_and_a_new_address_range_a_replacement(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    assert stack(cloud, lambda: network(aws_provider())).up().ok
    tagged = stack(cloud, lambda: network(aws_provider({"Owner": "data"}))).up()
    assert tagged.ok
    assert tagged.counts == {"update": 4}
    moved = stack(cloud, lambda: network(aws_provider({"Owner": "data"}), "10.1.0.0/16")).up()
    assert moved.ok
    assert moved.counts == {"replace": 3, "same": 1}
    assert {thing.inputs["cidrBlock"] for thing in cloud.world} == {"10.1.0.0/16", "10.1.0.0/24", "10.1.1.0/24"}


def test_a_component_renamed_with_an_alias_keeps_all_its_resources(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    assert stack(cloud, flat("shelf")).up().ok
    bucket = cloud.world.of_type("aws:s3/bucket:Bucket")
    renamed = stack(cloud, flat("archive", [pulumi.Alias(name="shelf")])).up()
    assert renamed.ok
    assert set(renamed.counts) == {"same"}
    assert cloud.world.of_type("aws:s3/bucket:Bucket") == bucket
    assert set(stack(cloud, flat("archive")).up().counts) == {"same"}


def test_a_component_renamed_without_an_alias_is_made_anew(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    assert stack(cloud, flat("shelf")).up().ok
    renamed = stack(cloud, flat("archive")).up()
    assert renamed.counts["create"] == renamed.counts["delete"] == 3


@pytest.mark.parametrize("victim", ["aws:ec2/subnet:Subnet", "aws:eks/cluster:Cluster", "kubernetes:core/v1:Secret"])
def test_a_failed_resource_is_named_with_its_reason_and_made_by_the_next_up(rehearsal: Rehearsal, victim: str) -> None:
    cloud = rehearsal(faults=[Fault(selector=victim)])
    mine = stack(cloud, flat())
    failed = mine.up()
    assert [failure.urn for failure in failed.failures] == cloud.faults.struck
    assert failed.failures[0].message.startswith("Injected fault: the create of")
    healed = mine.up()
    assert healed.ok
    assert healed.counts["create"] >= 1
    assert set(mine.up().counts) == {"same"}
    assert mine.destroy().ok
    assert len(cloud.world) == 0


def test_a_failed_deletion_is_finished_by_the_next_destroy(rehearsal: Rehearsal) -> None:
    cloud = rehearsal(faults=[Fault(selector="aws:ec2/vpc:Vpc", operation="delete")])
    mine = stack(cloud, lambda: network(aws_provider()))
    assert mine.up().ok
    failed = mine.destroy()
    assert [failure.name for failure in failed.failures] == ["network"]
    assert mine.destroy().ok
    assert len(cloud.world) == 0


def test_what_the_cloud_refuses_is_the_reason_that_the_user_reads(rehearsal: Rehearsal) -> None:
    def program() -> None:
        given = aws_provider()
        vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", opts=given)
        aws.ec2.Subnet("outside", vpc_id=vpc.id, cidr_block="10.9.0.0/24", opts=given)

    (failure,) = stack(rehearsal(), program).up().failures
    assert failure.name == "outside"
    assert failure.message.startswith("InvalidSubnet.Range: The CIDR '10.9.0.0/24'")


def test_a_name_that_is_too_long_fails_in_the_preview_already(rehearsal: Rehearsal) -> None:
    def program() -> None:
        aws.s3.Bucket("lake", bucket="a" * 64, opts=aws_provider())

    (failure,) = stack(rehearsal(), program).preview().failures
    assert "has 64 characters; Bucket names have 3 to 63 characters" in failure.message


def test_what_the_program_raises_arrives_unchanged(rehearsal: Rehearsal) -> None:
    class SettingsError(pulumi.RunError):
        pass

    def program() -> None:
        raise SettingsError("mlops:teir is no key")

    with pytest.raises(SettingsError, match=r"^mlops:teir is no key$"):
        stack(rehearsal(), program).up()


def test_a_default_provider_is_refused_by_the_engine_as_by_a_plan(rehearsal: Rehearsal) -> None:
    (failure,) = stack(rehearsal(), lambda: aws.s3.Bucket("lake")).up().failures
    assert "Default provider for 'aws' disabled" in failure.message


def test_a_protected_resource_outlives_a_destroy_that_leaves_protected_ones_out(rehearsal: Rehearsal) -> None:
    def program() -> None:
        given = aws_provider()
        aws.s3.Bucket("lake", opts=pulumi.ResourceOptions.merge(given, pulumi.ResourceOptions(protect=True)))
        Shelf("shelf", given)

    cloud = rehearsal()
    mine = stack(cloud, program)
    assert mine.up().ok
    assert mine.destroy(exclude_protected=True).ok
    assert [thing.name for thing in cloud.world] == ["lake"]


def test_the_next_process_finds_everything_as_it_was_left(rehearsal: Rehearsal) -> None:
    first = stack(rehearsal(), flat())
    assert first.up().ok
    cloud = rehearsal()
    again = stack(cloud, flat())
    assert set(again.up().counts) == {"same"}
    assert again.destroy().ok
    assert len(cloud.world) == 0


def test_what_vanished_from_the_cloud_is_noticed_by_a_refresh(rehearsal: Rehearsal) -> None:
    cloud = rehearsal()
    mine = stack(cloud, lambda: Shelf("shelf", aws_provider()))
    assert mine.up().ok
    (versioning,) = cloud.world.of_type("aws:s3/bucketVersioning:BucketVersioning")
    cloud.world.remove(versioning)
    assert mine.refresh().ok
    assert mine.up().counts["create"] == 1


def test_an_adopted_vpc_may_hold_a_subnet_that_pulumi_makes(rehearsal: Rehearsal) -> None:
    def program() -> None:
        given = aws_provider()
        vpc = aws.ec2.Vpc.get("adopted", "vpc-0123456789abcdef0", opts=given)
        aws.ec2.Subnet("own", vpc_id=vpc.id, cidr_block="10.0.0.0/24", opts=given)

    cloud = rehearsal()
    mine = stack(cloud, program)
    assert mine.up().ok
    assert mine.destroy().ok
    assert len(cloud.world) == 0


def test_two_processes_cannot_work_in_one_folder(rehearsal: Rehearsal, pulumi: Path) -> None:
    cloud = rehearsal()
    with pytest.raises(BusyError, match=r"Another process works in"), LocalCloud(cloud.folder, pulumi=pulumi):
        pass


def test_a_message_of_the_program_reaches_whoever_watches(rehearsal: Rehearsal) -> None:
    events: list[Event] = []

    def program() -> None:
        pulumi.log.warn("the tier is for trying things out")
        network(aws_provider())

    assert stack(rehearsal(), program).up(events.append).ok
    assert MessageEvent(severity="warning", text="the tier is for trying things out") in events
