"""Machines of the cluster: hardened, of one kind, and no more of them than wanted."""

import json
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.cluster.instances import describe
from components.cluster.node_config import NodeGroupConfig
from mlops.plan.graph import Graph
from tests.components.cluster_stack import CLUSTER_KEY, NAME, NODE_GROUP, TAGS, TEMPLATE, cluster, waits_for
from tests.support import names, only

ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASG_TAG = "aws:autoscaling/tag:Tag"


@cache
def all_kinds() -> Graph:
    return cluster(
        node_groups={
            "arm": {"instance_types": ["c7g.large", "c8g.large"], "os": "bottlerocket", "disk_gb": 80, "min_size": 1},
            "gpu": {"instance_types": ["g6.xlarge"], "gpu": True, "max_size": 2},
            "spot": {"instance_types": ["m7i.large", "m6i.large"], "capacity": "spot"},
            "mixed": {
                "instance_types": ["m7i.large"],
                "capacity": "mixed",
                "min_size": 3,
                "max_size": 10,
                "on_demand_size": 2,
            },
            "team": {
                "instance_types": ["m7i.large"],
                "labels": {"example.com/team": "a"},
                "taints": [{"key": "team", "value": "a", "effect": "NoExecute"}],
            },
        }
    )


def group(name: str) -> dict[str, Any]:
    return dict(only(all_kinds(), NODE_GROUP, f"cluster-{name}").inputs)


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        NodeGroupConfig.model_validate({"instance_types": ["m7i.large"], **settings})
    return str(error.value)


def test_pods_cannot_reach_the_role_of_their_node() -> None:
    for template in all_kinds().of_type(TEMPLATE):
        options = template.inputs["metadataOptions"]
        assert options["httpTokens"] == "required"
        assert options["httpPutResponseHopLimit"] == 1


def test_disks_of_nodes_are_encrypted_gp3_with_the_stacks_own_key() -> None:
    for template in all_kinds().of_type(TEMPLATE):
        for device in template.inputs["blockDeviceMappings"]:
            assert device["ebs"]["volumeType"] == "gp3"
            assert device["ebs"]["encrypted"] == "true"
            assert device["ebs"]["kmsKeyId"] == CLUSTER_KEY
            assert device["ebs"]["deleteOnTermination"] == "true"


def test_every_group_starts_from_a_hardened_template_in_its_latest_version() -> None:
    graph = all_kinds()
    templates = {node.id: node for node in graph.of_type(TEMPLATE)}
    for node in graph.of_type(NODE_GROUP):
        used = node.inputs["launchTemplate"]
        assert used["id"] in templates
        assert used["version"].isdigit()


def test_the_bill_of_instances_disks_and_network_interfaces_can_be_split_by_tag() -> None:
    for template in all_kinds().of_type(TEMPLATE):
        tagged = {spec["resourceType"]: spec["tags"] for spec in template.inputs["tagSpecifications"]}
        assert set(tagged) == {"instance", "volume", "network-interface"}
        assert all(TAGS.items() <= tags.items() for tags in tagged.values())
    assert only(all_kinds(), TEMPLATE, "cluster-gpu-template").inputs["tagSpecifications"][0]["tags"]["Name"] == (
        f"{NAME}-gpu"
    )


def test_bottlerocket_keeps_images_on_its_second_disk() -> None:
    devices = only(all_kinds(), TEMPLATE, "cluster-arm-template").inputs["blockDeviceMappings"]
    assert {device["deviceName"]: device["ebs"]["volumeSize"] for device in devices} == {
        "/dev/xvda": 4,
        "/dev/xvdb": 80,
    }


@pytest.mark.parametrize(
    ("name", "ami_type"),
    [
        ("system-on-demand", "AL2023_x86_64_STANDARD"),
        ("arm-on-demand", "BOTTLEROCKET_ARM_64"),
        ("gpu-on-demand", "AL2023_x86_64_NVIDIA"),
    ],
)
def test_the_image_fits_the_machine(name: str, ami_type: str) -> None:
    assert group(name)["amiType"] == ami_type


@pytest.mark.parametrize(
    ("settings", "ami_type"),
    [
        ({"instance_types": ["g5g.xlarge"], "gpu": True}, "AL2023_ARM_64_NVIDIA"),
        ({"instance_types": ["p5.48xlarge"], "gpu": True, "os": "bottlerocket"}, "BOTTLEROCKET_x86_64_NVIDIA"),
        ({"instance_types": ["g5g.xlarge"], "gpu": True, "os": "bottlerocket"}, "BOTTLEROCKET_ARM_64_NVIDIA"),
        ({"instance_types": ["m8g.large"]}, "AL2023_ARM_64_STANDARD"),
    ],
)
def test_the_image_is_derived_from_the_instance_type(settings: dict[str, Any], ami_type: str) -> None:
    assert NodeGroupConfig.model_validate(settings).ami_type == ami_type


def test_spot_is_spot_and_the_rest_is_not() -> None:
    assert group("spot-spot")["capacityType"] == "SPOT"
    assert group("system-on-demand")["capacityType"] == "ON_DEMAND"


def test_a_mixed_group_keeps_its_on_demand_nodes_and_grows_on_spot() -> None:
    assert group("mixed-on-demand")["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 2}
    assert group("mixed-spot")["scalingConfig"] == {"minSize": 1, "desiredSize": 1, "maxSize": 8}
    assert group("mixed-on-demand")["launchTemplate"] == group("mixed-spot")["launchTemplate"]


def test_a_gpu_group_costs_nothing_until_a_pod_wants_it() -> None:
    assert group("gpu-on-demand")["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 2}


def test_pods_without_gpus_stay_off_gpu_nodes() -> None:
    assert group("gpu-on-demand")["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]


def test_an_empty_group_can_be_scaled_up_because_the_autoscaler_knows_what_it_would_be_like() -> None:
    graph = all_kinds()
    of_gpu = [node for node in graph.of_type(ASG_TAG) if node.name.startswith("cluster-gpu-")]
    tags = {node.inputs["tag"]["key"]: node.inputs["tag"]["value"] for node in of_gpu}
    prefix = "k8s.io/cluster-autoscaler/node-template"
    assert tags == {
        f"{prefix}/label/mlops.platform/group": "gpu",
        f"{prefix}/label/mlops.platform/os": "al2023",
        f"{prefix}/label/k8s.amazonaws.com/accelerator": "nvidia",
        f"{prefix}/label/nvidia.com/gpu.present": "true",
        f"{prefix}/taint/nvidia.com/gpu": "present:NoSchedule",
        f"{prefix}/resources/ephemeral-storage": "50Gi",
    }
    group_node = only(graph, NODE_GROUP, "cluster-gpu-on-demand")
    made = group_node.outputs["resources"][0]["autoscalingGroups"][0]["name"]
    assert {node.inputs["autoscalingGroupName"] for node in of_gpu} == {made}
    assert all(waits_for(graph, node, group_node) for node in of_gpu)


def test_a_group_that_always_has_a_node_needs_no_such_tags() -> None:
    assert [name for name in names(all_kinds(), ASG_TAG) if name.startswith(("cluster-system", "cluster-arm"))] == []


def test_pods_find_their_group_by_label() -> None:
    assert group("team-on-demand")["labels"]["mlops.platform/group"] == "team"
    assert group("team-on-demand")["labels"]["example.com/team"] == "a"
    assert group("team-on-demand")["taints"] == [{"key": "team", "value": "a", "effect": "NO_EXECUTE"}]


def test_an_up_never_takes_back_what_the_autoscaler_did() -> None:
    for node in all_kinds().of_type(NODE_GROUP):
        assert node.ignore_changes == ("scalingConfig.desiredSize",)


def test_a_group_can_be_replaced_without_a_gap_because_its_name_is_not_fixed() -> None:
    for node in all_kinds().of_type(NODE_GROUP):
        assert "nodeGroupName" not in node.inputs


def test_an_update_replaces_a_third_of_the_nodes_at_a_time() -> None:
    assert group("system-on-demand")["updateConfig"] == {"maxUnavailablePercentage": 33}


def test_nodes_follow_the_version_of_the_control_plane() -> None:
    graph = cluster(version="1.36")
    assert {node.inputs["version"] for node in graph.of_type(NODE_GROUP)} == {"1.36"}


def test_nodes_live_in_the_private_subnets() -> None:
    assert group("system-on-demand")["subnetIds"] == ["subnet-1", "subnet-2"]


def test_a_node_may_join_and_pull_images_and_nothing_else() -> None:
    graph = all_kinds()
    role = only(graph, "aws:iam/role:Role", "cluster-gpu-role")
    given = [node.inputs["policyArn"] for node in graph.of_type(ATTACHMENT) if node.inputs["role"] == role.id]
    assert sorted(arn.rpartition("/")[2] for arn in given) == [
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSWorkerNodePolicy",
    ]
    trust = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"Service": "ec2.amazonaws.com"}]


def test_shells_on_nodes_are_there_only_when_asked_for() -> None:
    policy = "cluster-system-AmazonSSMManagedInstanceCore"
    assert policy not in names(all_kinds(), ATTACHMENT)
    assert policy in names(cluster(session_manager=True), ATTACHMENT)


def test_a_node_has_its_rights_before_it_starts() -> None:
    graph = all_kinds()
    node = only(graph, NODE_GROUP, "cluster-gpu-on-demand")
    for policy in ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"):
        assert waits_for(graph, node, only(graph, ATTACHMENT, f"cluster-gpu-{policy}"))


@pytest.mark.parametrize("count", [10, 20])
def test_a_stack_with_many_groups_grows_by_the_same_for_each(count: int) -> None:
    def size(groups: int) -> int:
        fixed = {"instance_types": ["m7i.large"], "min_size": 1}
        return len(cluster(node_groups={f"g{i}": fixed for i in range(groups)}, autoscaler={"max_nodes": 100}))

    base = size(0)
    assert size(count) - base == count * (size(1) - base)


def test_mixed_architectures_are_refused() -> None:
    message = refused(instance_types=["m7i.large", "m7g.large"])
    assert "m7i.large is x86_64, m7g.large is arm64" in message


def test_a_gpu_group_without_gpus_is_refused() -> None:
    message = refused(instance_types=["g6.xlarge", "m7i.large"], gpu=True)
    assert "gpu is true, but m7i.large has no NVIDIA GPU" in message


def test_gpus_that_nobody_could_use_are_refused() -> None:
    assert "g6.xlarge carries GPUs" in refused(instance_types=["g6.xlarge"])


def test_an_amd_gpu_is_no_nvidia_gpu() -> None:
    assert "g4ad.xlarge has no NVIDIA GPU" in refused(instance_types=["g4ad.xlarge"], gpu=True)


@pytest.mark.parametrize("name", ["large", "m7i", "M7i.large", "m7i.large "])
def test_what_is_no_instance_type_is_refused(name: str) -> None:
    assert "the name of an EC2 instance type" in refused(instance_types=[name])


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ({"labels": {"nvidia.com/gpu.present": "no"}, "gpu": True, "instance_types": ["g5.xlarge"]}, "sets itself"),
        ({"taints": [{"key": "team", "value": "a"}, {"key": "team", "value": "b"}]}, "twice with one effect"),
        ({"labels": {f"l{number}": "x" for number in range(45)}}, "tags of an Auto Scaling group"),
        ({"labels": {"a.b": "x", "a-b": "y"}}, "differ by punctuation alone"),
    ],
)
def test_labels_and_taints_that_would_collide_are_refused(nodes: dict[str, Any], says: str) -> None:
    assert says in refused(**{"instance_types": ["m5.large"], **nodes})


def test_a_taint_may_have_several_effects() -> None:
    taints = [{"key": "team", "effect": effect} for effect in ("NoSchedule", "NoExecute")]
    assert NodeGroupConfig.model_validate({"instance_types": ["m5.large"], "taints": taints}).taints[1].key == "team"


def test_a_mac_is_no_node() -> None:
    assert "is not an instance type for nodes" in refused(instance_types=["mac2.metal"])


@pytest.mark.parametrize(
    "sizes", [{"min_size": 3, "max_size": 2}, {"min_size": 1, "desired_size": 9}, {"min_size": 2, "desired_size": 1}]
)
def test_sizes_out_of_order_are_refused(sizes: dict[str, int]) -> None:
    assert "must not decrease" in refused(**sizes)


def test_on_demand_nodes_of_a_group_that_is_not_mixed_are_refused() -> None:
    assert 'set capacity to "mixed"' in refused(on_demand_size=1)


def test_a_mixed_group_without_room_for_spot_is_refused() -> None:
    assert "leaves none for spot" in refused(capacity="mixed", on_demand_size=5, max_size=5)


@pytest.mark.parametrize("label", ["kubernetes.io/role", "node-role.kubernetes.io/worker", "k8s.io/x"])
def test_a_label_that_the_kubelet_would_refuse_is_refused(label: str) -> None:
    assert "Use a prefix of your own" in refused(labels={label: "x"})


@pytest.mark.parametrize(
    ("name", "architecture", "nvidia"),
    [
        ("m7i.large", "x86_64", False),
        ("m7i-flex.large", "x86_64", False),
        ("m6a.large", "x86_64", False),
        ("m7g.large", "arm64", False),
        ("c7gn.16xlarge", "arm64", False),
        ("im4gn.large", "arm64", False),
        ("x2gd.medium", "arm64", False),
        ("a1.large", "arm64", False),
        ("t4g.small", "arm64", False),
        ("hpc7g.16xlarge", "arm64", False),
        ("inf2.xlarge", "x86_64", False),
        ("u7i-12tb.224xlarge", "x86_64", False),
        ("m8g.metal-24xl", "arm64", False),
        ("g4dn.xlarge", "x86_64", True),
        ("g5g.xlarge", "arm64", True),
        ("g6e.xlarge", "x86_64", True),
        ("gr6.4xlarge", "x86_64", True),
        ("p4d.24xlarge", "x86_64", True),
        ("p5en.48xlarge", "x86_64", True),
        ("p6-b200.48xlarge", "x86_64", True),
        ("p6e-gb200.36xlarge", "arm64", True),
    ],
)
def test_architecture_and_gpus_are_read_from_the_name(name: str, architecture: str, nvidia: bool) -> None:
    read = describe(name)
    assert (read.architecture, read.nvidia) == (architecture, nvidia)
