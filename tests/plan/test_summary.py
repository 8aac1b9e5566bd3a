"""A graph in numbers, and the choices behind it."""

import pytest
from pydantic import Field

from mlops.core.config import Config
from mlops.plan.choices import choices
from mlops.plan.graph import PLATFORM_TYPE, Graph, Node
from mlops.plan.plan import Choice, Plan
from mlops.plan.summary import STACK_LEVEL, short_type, summarise

PLATFORM = "urn:pulumi:t::p::mlops:index:Platform::platform"
STORAGE = "urn:pulumi:t::p::mlops:index:Platform$mlops:index:Storage::storage"


def bucket(name: str, *, protect: bool = False) -> Node:
    type_ = "aws:s3/bucket:Bucket"
    return Node(urn=f"{STORAGE}${type_}::{name}", type=type_, name=name, parent=STORAGE, protect=protect)


GRAPH = Graph(
    project="p",
    stack="t",
    nodes=(
        Node(urn="urn:pulumi:t::p::pulumi:providers:aws::aws", type="pulumi:providers:aws", name="aws"),
        Node(urn=PLATFORM, type=PLATFORM_TYPE, name="platform", custom=False),
        Node(urn=STORAGE, type="mlops:index:Storage", name="storage", parent=PLATFORM, custom=False),
        bucket("storage-raw", protect=True),
        bucket("storage-logs"),
    ),
)


def test_resources_are_counted_by_module_and_components_are_not_among_them() -> None:
    summary = summarise(GRAPH)
    assert (summary.resources, summary.components) == (3, 2)
    assert [(module.name, module.resources) for module in summary.modules] == [(STACK_LEVEL, 1), ("storage", 2)]
    assert summary.modules[1].token == "mlops:index:Storage"
    assert summary.modules[1].types == (("s3 Bucket", 2),)
    assert summary.packages == (("aws", 2), ("pulumi", 1))


def test_what_is_protected_is_named() -> None:
    assert [node.name for node in summarise(GRAPH).protected] == ["storage-raw"]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:s3/bucket:Bucket", "s3 Bucket"),
        ("kubernetes:apps/v1:Deployment", "Deployment"),
        ("kubernetes:helm.sh/v3:Release", "helm Release"),
        ("pulumi:providers:aws", "aws provider"),
        ("eks:index:Cluster", "Cluster"),
        ("kubernetes:serving.kserve.io/v1beta1:InferenceService", "InferenceService"),
    ],
)
def test_types_are_called_what_people_call_them(token: str, expected: str) -> None:
    assert short_type(token) == expected


class Disk(Config):
    size_gb: int = 20


class Part(Config):
    zones: int = 2
    disk: Disk = Disk()
    groups: dict[str, Disk] = Field(default_factory=dict)


class Whole(Config):
    part: Part = Part()
    other: int | None = None


def test_only_what_differs_from_its_default_is_a_choice() -> None:
    assert choices(Whole(), {}) == ()
    config = Whole(part=Part(disk=Disk(size_gb=50)))
    assert choices(config, {}) == (Choice(part="part", setting="disk.size_gb", value=50, source="tier"),)


def test_what_the_stack_file_says_is_a_choice_even_where_it_repeats_the_default() -> None:
    found = choices(Whole(part=Part(zones=2)), {"part": {"zones": 2}, "other": None})
    assert [(choice.part, choice.setting, choice.source) for choice in found] == [
        ("part", "zones", "stack file"),
        ("other", "", "stack file"),
    ]


def test_entries_of_a_mapping_are_choices_of_their_own() -> None:
    config = Whole(part=Part(groups={"gpu": Disk(size_gb=100)}))
    assert [(choice.setting, choice.value) for choice in choices(config, {})] == [("groups.gpu.size_gb", 100)]


def test_a_plan_survives_being_written_down() -> None:
    plan = Plan(tier="dev", graph=GRAPH, choices=(Choice(part="a", setting="b", value=[1], source="tier"),))
    assert Plan.from_json(plan.to_json()) == plan
