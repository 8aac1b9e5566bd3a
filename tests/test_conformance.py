"""What every variant of every slot must keep, whoever wrote it. A new variant is tested by being there."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pulumi
import pytest
from pydantic import BaseModel

from components.base.component import Component
from components.settings import PlatformConfig
from components.surroundings import DependentOutputs, Surroundings
from components.watch.aws import SERVICES
from components.watch.modules import MODULES
from mlops.core.config import Config
from mlops.core.module import SlotConfig, exemplary, kind_of, slots, variants
from mlops.cost.estimate import unpriced
from mlops.plan.graph import Graph, Node
from mlops.plan.secrets import secrets
from policies.engine import judge
from tests.foundations import foundation, module_options
from tests.support import REGION, recorded, statements

SLOTS = slots(PlatformConfig)
VARIANTS = [
    pytest.param(slot, variant, id=f"{slot}-{kind_of(variant)}")
    for slot, base in SLOTS.items()
    for variant in variants(base)
]
each_variant = pytest.mark.parametrize(("slot", "variant"), VARIANTS)

TAKES_NOTHING_NARROWER = re.compile(
    r"(?:ec2|sagemaker|logs):(?:Describe|List)\w+|ecr:GetAuthorizationToken|cloudwatch:PutMetricData|glue:GetSecurityConfiguration"
    r"|logs:(?:\w+LogDelivery|PutResourcePolicy)|xray:(?:GetSampling(?:Rules|Targets)|Put\w+)|batch:DescribeJobs|s3:GetAccountPublicAccessBlock"
    r"|redshift-data:(?:CancelStatement|DescribeStatement|GetStatementResult|ListStatements)"
)
"""Actions for which IAM takes no narrower resource than all. Source: Service Authorization Reference."""
NAME = "module"
"""A neutral name: what a variant calls its resources must start with it, whatever it is."""


@cache
def built(slot: str, variant: type[SlotConfig], *, working: bool = False) -> tuple[Graph, Component[Any]]:
    """The graph of a variant with its default settings, on a core that has only what the variant says it needs; or
    with something to do, and somebody who watches."""
    made: list[Component[Any]] = []
    config = exemplary(variant)
    if working:
        config = variant.model_validate({**variant.example, **WORK.get((slot, kind_of(variant)), {})})

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster="cluster" in variant.needs, database="database" in variant.needs)
        base = replace(base, scrapers=({"kubernetes.io/metadata.name": "monitoring"},) if working else ())
        found: dict[str, Any] = {
            "foundation": base,
            "around": Surroundings(
                foundation=base, ml_platform=stand_in(SLOTS["ml_platform"]), stream=stand_in(SLOTS["data_pipeline"])
            ),
            "opts": module_options(base, opts),
        }
        found |= {other: stand_in(slot_config) for other, slot_config in SLOTS.items()}
        arguments = {name: found[name] for name in signature(variant).parameters if name in found}
        made.append(config.build(NAME, **arguments))  # type: ignore[attr-defined]

    return recorded(build), made[0]


def signature(variant: type[SlotConfig]) -> inspect.Signature:
    return inspect.signature(variant.build)  # type: ignore[attr-defined]


def stand_in(slot: type[SlotConfig]) -> Any:
    """What another slot publishes, made up: an address for each output, nothing for what is optional."""
    contract = get_args(signature(slot).return_annotation)[0]
    made = {
        field.name: made_up(field.name, field.type)
        for field in fields(contract)
        if field.default is MISSING and field.default_factory is MISSING
    }
    return contract(**made)


def made_up(name: str, kind: Any) -> object:
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return pulumi.Output.from_input(f"https://{name}.test") if kind == pulumi.Output[str] else ()


def own(graph: Graph) -> list[Node]:
    """The variant's component and everything below it."""
    return [node for node in graph if graph.module(node) == NAME]


def models(config: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A config model and the models nested in its fields."""
    yield config
    for field in config.model_fields.values():
        waiting: list[Any] = [field.annotation]
        while waiting:
            annotation = waiting.pop()
            if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
                yield from models(annotation)
            waiting.extend(get_args(annotation))


@each_variant
def test_a_variant_publishes_the_contract_of_its_slot(slot: str, variant: type[SlotConfig]) -> None:
    contract = get_args(signature(variant).return_annotation)[0]
    _, component = built(slot, variant)
    assert isinstance(component.outputs, contract)
    promised = [field.name for field in fields(component.outputs) if field.default is not None]
    assert all(getattr(component.outputs, name) is not None for name in promised)
    if isinstance(component.outputs, DependentOutputs):
        assert component.outputs.exports.keys() <= variant.exported  # type: ignore[attr-defined]


@each_variant
def test_a_variant_names_its_resources_by_the_slot_and_never_by_stack_tier_or_region(
    slot: str, variant: type[SlotConfig]
) -> None:
    graph, _ = built(slot, variant)
    nodes = own(graph)
    assert nodes
    for node in nodes:
        assert node.name == NAME or node.name.startswith(f"{NAME}-"), node.name
        assert not re.search(rf"test|{REGION}|\bprod\b|\bdev\b", node.name), node.name


@each_variant
def test_a_variant_is_a_component_with_a_token_of_the_project(slot: str, variant: type[SlotConfig]) -> None:
    graph, component = built(slot, variant)
    tops = [node for node in own(graph) if node.name == NAME]
    assert [node.type for node in tops] == [type(component).token]
    assert type(component).token.startswith("mlops:index:")


@each_variant
def test_every_resource_of_a_variant_has_an_explicit_provider(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    assert [node.name for node in own(graph) if node.custom and not node.provider] == []


@each_variant
def test_settings_survive_being_written_down_and_read_again(slot: str, variant: type[SlotConfig]) -> None:
    config = exemplary(variant)
    assert variant.model_validate(config.model_dump(mode="json")) == config


@each_variant
def test_a_variant_says_what_it_is_for_and_what_each_knob_does(slot: str, variant: type[SlotConfig]) -> None:
    card = variant.card
    assert all([card.title, card.best_for, card.not_for, card.trade_offs])
    assert card.state, f"{variant.__name__} does not say where its state lies and how it comes back: Card.state"
    for model in models(variant):
        undocumented = [name for name, field in model.model_fields.items() if name != "kind" and not field.description]
        assert undocumented == [], f"{model.__name__} lacks docstrings"
        assert issubclass(model, Config), f"{model.__name__} would accept unknown keys"


@each_variant
def test_no_value_that_a_variant_registers_is_a_secret_in_clear(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    for node in own(graph):
        for key, value in node.inputs.items():
            if re.search(r"password$|secretString$|secretBinary$", key, re.IGNORECASE):
                # A switch that has the service make the password is none.
                assert value in ("[secret]", True), f"{node.name}.{key}"


@each_variant
def test_every_secret_rotates_or_says_why_not(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    silent = [one.name for one in secrets(graph) if one.state == "unexplained"]
    assert silent == [], "Say why with `mlops.core.rotation`, as `unrotated` of a generated secret or as a tag."


@each_variant
def test_rights_are_never_on_everything_that_could_be_named(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    for node in own(graph):
        if node.type == "aws:iam/rolePolicy:RolePolicy":
            rows = statements(node.inputs["policy"])
            wide = {action for row in rows if row["Resource"] == ["*"] for action in row["Action"]}
            assert {action for action in wide if not TAKES_NOTHING_NARROWER.fullmatch(action)} == set(), node.name
            assert not any("*" in (action, action.partition(":")[2]) for row in rows for action in row["Action"])


_MODEL = {"name": "fraud", "storage_uri": "artifacts/fraud/1", "format": "sklearn"}
WORK: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("serving", "kubernetes"): {"models": [_MODEL]},
    ("serving", "sagemaker"): {
        "models": [{**_MODEL, "storage_uri": "artifacts/fraud/1.tar.gz"}],
        "servers": {"sklearn": "recommender:0.1.0"},
    },
    ("compute", "spark"): {
        "jobs": [{"name": "score", "image": "registry.example.com/s:1", "file": "local:///app/s.py"}]
    },
    ("stream_processing", "flink"): {"jobs": [{"name": "enrich", "image": "flink:1.20.3"}]},
}
"""Settings of variants that make nothing to be watched before they have something to do."""
ANNOUNCED = ('"prometheus.io/scrape": "true"', '"serving.kserve.io/enable-prometheus-scraping": "true"')
"""By which pods say that they have metrics; KServe writes the first where it finds the second."""
UNWATCHED: Mapping[tuple[str, str], str] = {
    ("data_versioning", "dvc"): "Nothing runs: DVC is a program on people's machines.",
    ("experiment_tracking", "wandb"): "Nothing runs here: it is another company's.",
    ("feature_store", "sagemaker"): "Without a cluster nothing runs; the job of one with a cluster publishes itself.",
    ("feature_store", "tecton"): "Nothing runs here: it is another company's.",
    ("model_monitoring", "arize"): "Nothing runs here: it is another company's.",
    ("model_monitoring", "sagemaker"): "It watches: what its looks say is in its reports.",
    ("delivery", "direct"): "Nothing runs: Pulumi tells whoever runs it.",
    ("notebooks", "sagemaker_studio"): "Studio publishes no metrics of its own.",
    ("ml_platform", "sagemaker"): "Studio and the managed MLflow server publish no metrics of their own; what people "
    "start in them has names that nobody knows before.",
    ("monitoring", "cloudwatch"): "It is a service of AWS, and watches; its add-on is a controller of the cluster.",
    ("monitoring", "datadog"): "It watches itself: its agents tell Datadog how they are.",
    ("secrets", "vault"): "Its metrics come over TLS by an authority of its own, which scrapers do not know.",
    ("training", "kubeflow_trainer"): "Its controllers hand metrics to none but who logs in to Kubernetes; runs are "
    "seen as the pods that they are.",
    ("serving", "ecs"): "Each workload publishes itself when it is made (`Host.watched`), and so does the balancer.",
    ("serving", "lambda"): "Each function publishes itself when it is made (`Host.watched`).",
}
"""Variants that publish nothing of themselves when they are made, and why that is right."""


@each_variant
def test_a_variant_is_watched_or_there_is_a_reason_why_not(slot: str, variant: type[SlotConfig]) -> None:
    graph, component = built(slot, variant, working=True)
    published = getattr(component.outputs, "watched", ())
    known = all(one.namespace in SERVICES or one.namespace in MODULES for one in published)
    assert known, "Say what is looked at in components/watch/aws.py or components/watch/modules.py."
    assert {one.namespace for one in published} & set(MODULES) == ({variant.announces} if variant.announces else set())
    announces = any(mark in json.dumps(node.inputs) for node in own(graph) for mark in ANNOUNCED)
    reason = variant.unwatched or UNWATCHED.get((slot, kind_of(variant)))
    assert bool(published or announces) != bool(reason), "Publish a Watched, or give a reason in UNWATCHED."


@each_variant
def test_a_variant_registers_nothing_whose_price_nobody_knows(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    assert list(unpriced(graph)) == [], (
        "Give the type a rule in mlops/cost/rules, or a reason in rules/free.py or rules/kubernetes_free.py; a chart "
        "goes into rules/charts.py."
    )


@each_variant
def test_a_variant_breaks_no_rule_that_every_tier_must_keep(slot: str, variant: type[SlotConfig]) -> None:
    graph, _ = built(slot, variant)
    urns = {node.urn for node in own(graph)}
    # The test's own provider has no default tags; those are the platform's.
    found = [one for one in judge(graph, "dev").blocking if one.urn in urns and one.rule.id != "mandatory-tags"]
    assert [(one.rule.id, one.name, one.path, one.message) for one in found] == []
