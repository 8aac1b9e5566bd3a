"""The recorder: what a plan knows about a program, and what it refuses to plan."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest

from mlops.plan.graph import Graph
from mlops.plan.recorder import RecordError, record
from tests.plan.programs import PROJECT, STACK, Shelf, aws_provider, flat, network, trust


def recorded(
    program: Callable[[], object], config: dict[str, str] | None = None, secret: tuple[str, ...] = ()
) -> Graph:
    return record(program, project=PROJECT, stack=STACK, config=config or {}, secret_keys=secret)


def test_a_plan_tells_what_belongs_to_what_and_what_comes_first() -> None:
    graph = recorded(flat())
    (versioning,) = graph.of_type("aws:s3/bucketVersioning:BucketVersioning")
    (bucket,) = graph.of_type("aws:s3/bucket:Bucket")
    assert [node.name for node in graph.ancestors(versioning)] == ["shelf"]
    assert versioning.dependencies == (bucket.urn,)
    assert versioning.property_dependencies == {"bucket": (bucket.urn,)}
    assert versioning.inputs["bucket"] == bucket.outputs["bucket"]
    assert graph[versioning.provider].type == "pulumi:providers:aws"


def test_urns_name_the_types_of_all_ancestors_as_the_engine_does() -> None:
    def program() -> None:
        given = aws_provider()
        outer = pulumi.ComponentResource("test:index:Outer", "outer", None, given)
        Shelf("shelf", pulumi.ResourceOptions(parent=outer))

    (bucket,) = recorded(program).of_type("aws:s3/bucket:Bucket")
    chain = "test:index:Outer$test:index:Shelf$aws:s3/bucket:Bucket"
    assert bucket.urn == f"urn:pulumi:{STACK}::{PROJECT}::{chain}::shelf-bucket"


def test_the_children_of_the_remote_cluster_component_are_in_the_plan() -> None:
    graph = recorded(flat())
    (component,) = graph.of_type("eks:index:Cluster")
    (control_plane,) = graph.of_type("aws:eks/cluster:Cluster")
    assert control_plane.parent == component.urn
    assert control_plane.name == "cluster-eksCluster"
    (nodes,) = graph.of_type("aws:eks/nodeGroup:NodeGroup")
    assert control_plane.urn in nodes.dependencies
    assert nodes.inputs["clusterName"] == "flat"


def test_a_program_may_depend_on_the_order_of_a_plan() -> None:
    assert [node.urn for node in recorded(flat())] == [node.urn for node in recorded(flat())]


def test_no_secret_value_is_in_a_plan() -> None:
    def program() -> None:
        given = aws_provider()
        secret = pulumi.Config("flat").require_secret("token")
        aws.ssm.Parameter("plain", type="SecureString", value=secret, opts=given)
        pulumi.export("token", secret)

    graph = recorded(program, {"flat:token": "hunter2"}, ("flat:token",))
    assert "hunter2" not in str(graph.to_json())
    (parameter,) = graph.of_type("aws:ssm/parameter:Parameter")
    assert parameter.inputs["value"] == "[secret]"
    assert graph.stack_outputs == {"token": "[secret]"}


def test_stack_outputs_are_in_the_plan_with_their_values() -> None:
    def program() -> None:
        vpc, _ = network(aws_provider())
        pulumi.export("vpc", vpc.id)
        pulumi.export("zones", 2)

    graph = recorded(program)
    assert graph.stack_outputs == {"vpc": graph.of_type("aws:ec2/vpc:Vpc")[0].id, "zones": 2}


def test_options_that_decide_over_life_and_death_are_in_the_plan() -> None:
    def program() -> None:
        given = aws_provider()
        options = pulumi.ResourceOptions(protect=True, retain_on_delete=True, aliases=[pulumi.Alias(name="old")])
        aws.s3.Bucket("lake", opts=pulumi.ResourceOptions.merge(given, options))

    (bucket,) = recorded(program).of_type("aws:s3/bucket:Bucket")
    assert bucket.protect
    assert bucket.retain_on_delete
    assert bucket.urn.replace("::lake", "::old") in bucket.aliases


def test_default_tags_reach_what_takes_tags() -> None:
    def program() -> None:
        given = aws_provider({"Owner": "data"})
        aws.s3.Bucket("lake", tags={"Name": "lake"}, opts=given)

    (bucket,) = recorded(program).of_type("aws:s3/bucket:Bucket")
    assert bucket.outputs["tagsAll"] == {"Owner": "data", "Name": "lake"}


def test_an_adopted_resource_keeps_the_id_that_it_has() -> None:
    def program() -> None:
        given = aws_provider()
        vpc = aws.ec2.Vpc.get("adopted", "vpc-0123456789abcdef0", opts=given)
        pulumi.export("arn", vpc.arn)

    graph = recorded(program)
    (vpc,) = graph.of_type("aws:ec2/vpc:Vpc")
    assert vpc.id == "vpc-0123456789abcdef0"
    assert str(graph.stack_outputs["arn"]).endswith("vpc/vpc-0123456789abcdef0")


def test_a_resource_without_a_provider_is_refused() -> None:
    with pytest.raises(RecordError, match=r'aws:s3/bucket:Bucket "lake" has no explicit provider'):
        recorded(lambda: aws.s3.Bucket("lake"))


def test_a_kubernetes_object_under_a_parent_that_knows_aws_only_is_refused() -> None:
    def program() -> None:
        k8s.core.v1.Namespace("apps", opts=aws_provider())

    with pytest.raises(RecordError, match=r'Namespace "apps" has no explicit provider.*kubernetes'):
        recorded(program)


def test_the_same_resource_registered_twice_is_refused() -> None:
    def program() -> None:
        given = aws_provider()
        for _ in range(2):
            aws.s3.Bucket("lake", opts=given)

    with pytest.raises(RecordError, match=r'Bucket "lake" is registered twice'):
        recorded(program)


def test_a_question_to_the_cloud_is_refused() -> None:
    def program() -> None:
        provider = aws.Provider("aws", region="eu-west-1")
        aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider))

    with pytest.raises(RecordError, match="aws:index/getCallerIdentity:getCallerIdentity, which asks the cloud"):
        recorded(program)


def test_a_program_that_registers_nothing_is_refused() -> None:
    with pytest.raises(RecordError, match="registered no resource"):
        recorded(lambda: pulumi.export("answer", 42))


def test_an_output_in_an_f_string_is_refused() -> None:
    def program() -> None:
        vpc, _ = network(aws_provider())
        aws.s3.Bucket("lake", bucket=f"lake-{vpc.id}")

    with pytest.raises(Exception, match=r"Calling __str__ on an Output\[T\] is not supported"):
        recorded(program)


def test_an_output_that_nobody_ever_sets_is_refused_instead_of_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.plan.recorder._SILENCE_SECONDS", 0.2)

    def program() -> None:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        aws.s3.Bucket("lake", bucket=never, opts=aws_provider())

    with pytest.raises(RecordError, match="an Output waited for a value that nothing provides"):
        recorded(program)


def test_an_unknown_value_in_an_input_is_refused_with_its_place() -> None:
    def program() -> None:
        given = aws_provider()
        unknown: pulumi.Output[Any] = pulumi.Output.from_input(pulumi.UNKNOWN)
        aws.s3.Bucket("lake", bucket=unknown, tags={"Name": "lake"}, opts=given)

    with pytest.raises(RecordError, match=r'Bucket "lake" gets bucket from an Output that never has a value'):
        recorded(program)


def test_what_the_program_raises_arrives_unchanged() -> None:
    class SettingsError(pulumi.RunError):
        pass

    def program() -> None:
        aws_provider()
        raise SettingsError("mlops:teir is no key; did you mean mlops:tier?")

    with pytest.raises(SettingsError, match=r"^mlops:teir is no key; did you mean mlops:tier\?$"):
        recorded(program)


def test_what_an_apply_raises_arrives_unchanged() -> None:
    def refuse(_: str) -> str:
        raise ZeroDivisionError("in an apply")

    def program() -> None:
        vpc, _ = network(aws_provider())
        pulumi.export("vpc", vpc.id.apply(refuse))

    with pytest.raises(ZeroDivisionError, match="in an apply"):
        recorded(program)


def test_a_run_leaves_nothing_behind_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_ERROR_OUTPUT_STRING", raising=False)
    before = set(threading.enumerate())

    def failing() -> None:
        network(aws_provider())
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        recorded(failing, {"flat:left": "over"})
    seen: list[str | None] = []

    def program() -> None:
        seen.append(pulumi.Config("flat").get("left"))
        network(aws_provider())

    assert len(recorded(program)) == 4
    assert seen == [None]
    assert set(threading.enumerate()) == before
    assert "PULUMI_ERROR_OUTPUT_STRING" not in os.environ
    assert pulumi.runtime.get_root_resource() is None


def test_a_part_of_pulumi_eks_that_is_not_modelled_is_named() -> None:
    import pulumi_eks as eks

    def program() -> None:
        given = aws_provider()
        both = pulumi.ResourceOptions(providers=[eks.Provider("eks")])
        eks.Cluster("cluster", fargate=True, opts=pulumi.ResourceOptions.merge(given, both))

    with pytest.raises(RecordError, match="refuses cluster: it does not model the argument fargate"):
        recorded(program)


def test_a_given_service_role_is_used_in_place_of_a_new_one() -> None:
    import pulumi_eks as eks

    def program() -> None:
        given = aws_provider()
        role = aws.iam.Role("control-plane", assume_role_policy=trust("eks.amazonaws.com"), opts=given)
        both = pulumi.ResourceOptions(providers=[eks.Provider("eks")])
        eks.Cluster(
            "cluster",
            service_role=role,
            vpc_id="vpc-1",
            skip_default_node_group=True,
            skip_default_security_groups=True,
            use_default_vpc_cni=True,
            opts=pulumi.ResourceOptions.merge(given, both),
        )

    graph = recorded(program)
    (role,) = graph.of_type("aws:iam/role:Role")
    (control_plane,) = graph.of_type("aws:eks/cluster:Cluster")
    assert control_plane.inputs["roleArn"] == role.outputs["arn"]
    assert role.urn in control_plane.dependencies


def test_the_search_for_garbage_goes_on_after_a_plan() -> None:
    during: list[bool] = []

    def program() -> None:
        during.append(gc.isenabled())
        network(aws_provider())

    recorded(program)
    assert during == [False]
    assert gc.isenabled()


def test_every_output_of_a_large_stack_is_waited_for() -> None:
    seen: list[str] = []

    def program() -> None:
        given = aws_provider()
        for number in range(40):
            topic = aws.sns.Topic(f"topic-{number}", opts=given)
            topic.arn.apply(seen.append)

    assert len(recorded(program)) == 41
    assert len(seen) == 40
