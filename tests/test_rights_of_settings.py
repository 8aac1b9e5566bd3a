"""No setting can widen a policy: whatever a stack file says, a right reaches what the setting names and no further."""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.base.release import ReleaseConfig
from components.serving import ModelConfig
from components.serving.kubernetes import KubernetesServingConfig
from components.serving.kubernetes.kserve import split_uri
from mlops.core.fields import aws
from mlops.plan.graph import Graph
from mlops.tiers import TIERS
from tests.core.test_fields import form, takes
from tests.platforms import platform

ACCOUNT, REGION = "123456789012", "us-east-1"

Allowed = tuple[str, str, str]
"""Action, resource and, as JSON, who may under which condition."""


def drawn(type_: Any) -> st.SearchStrategy[str]:
    """Texts that a type takes."""
    pattern = form(type_).pattern.replace(r"\p{L}\p{N}", r"\w")
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: takes(type_, text))


def everything_allowed(graph: Graph) -> set[Allowed]:
    """What every policy of a graph allows, whatever it hangs on."""
    return {
        (action, resource, json.dumps([row.get("Principal"), row.get("Condition")], sort_keys=True))
        for node in graph
        for name in ("policy", "assumeRolePolicy")
        if isinstance(document := node.inputs.get(name), str) and document.startswith("{")
        for row in json.loads(document).get("Statement", [])
        if isinstance(row, Mapping) and row.get("Effect") == "Allow"
        for action in _several(row["Action"])
        for resource in _several(row.get("Resource", ""))
    }


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def override(models: list[str], keys: list[str], **more: Any) -> dict[str, Any]:
    """Settings of a stack that serves models from these places."""
    served = [{"name": f"m{number}", "format": "sklearn", "storage_uri": uri} for number, uri in enumerate(models)]
    return {"serving": {"models": served, "storage_key_arns": keys}, "workloads": {"recommender": None}, **more}


@cache
def plain() -> Graph:
    """The stack with nothing in these settings."""
    return platform("dev", override([], []))


def expected(graph: Graph, models: list[str], keys: list[str]) -> set[Allowed]:
    """What serving these models takes, and no more."""
    nobody = json.dumps([None, None])
    own = next(node for node in graph.of_type("aws:s3/bucket:Bucket") if node.name == "storage-artifacts").outputs[
        "arn"
    ]
    rights = {("kms:Decrypt", key, nobody) for key in keys}
    for uri in models:
        bucket, path = split_uri(uri)
        if bucket is None:
            rights |= {("s3:GetObject", f"{own}/{path}/*", nobody), ("s3:ListBucket", own, nobody)}
            rights |= {("s3:GetBucketLocation", own, nobody)}
            continue
        arn = f"arn:aws:s3:::{bucket}"
        beside = sorted({split_uri(other)[1] for other in models if split_uri(other)[0] == bucket})
        prefixes = [prefix for one in beside for prefix in (one, f"{one}/*")]
        within = json.dumps([None, {"StringLike": {"s3:prefix": prefixes}}])
        rights |= {("s3:GetObject", f"{arn}/{path}/*", nobody), ("s3:GetBucketLocation", arn, nobody)}
        rights |= {("s3:ListBucket", arn, within)}
    return rights


@settings(max_examples=4)
@given(
    models=st.lists(drawn(aws.ModelUri), min_size=1, max_size=8, unique=True),
    keys=st.lists(drawn(aws.KeyArn), max_size=3, unique=True),
)
def test_a_model_and_a_key_give_the_right_to_themselves_alone(models: list[str], keys: list[str]) -> None:
    graph = platform("dev", override(models, keys))
    more = everything_allowed(graph) - everything_allowed(plain())
    key = next(node for node in graph.of_type("aws:kms/key:Key") if node.name == "keys-data").outputs["arn"]
    assert more - expected(graph, models, keys) <= {("kms:Decrypt", key, json.dumps([None, None]))}
    for action, resource, _ in more:
        body = resource.removesuffix("/*") if action == "s3:GetObject" else resource
        assert not {"*", "?", "$"} & set(body), resource


def named(text: str, tag: str, team: str) -> dict[str, Any]:
    """Names and tags of a stack's own choice, wherever there are any."""
    group = {"instance_types": ["m5.large"], "labels": {"example.com/x": "y"}}
    return {
        "tags": {"owner": tag, "extra": {tag: tag}},
        "budget": {"monthly_usd": 10, "emails": ["a@example.com"], "teams": {team: 5}},
        "cluster": {
            "access": {text: {"principal": f"arn:aws:iam::{ACCOUNT}:role/x", "policy": "view", "namespaces": ["a-*"]}},
            "node_groups": {text[:20].rstrip("-"): group},
        },
        "registry": {"repositories": ["recommender", "pipelines", text]},
    }


@settings(max_examples=2)
@given(text=st.from_regex("[a-z][a-z0-9]{0,18}", fullmatch=True), tag=drawn(aws.TagKey), team=drawn(aws.TeamName))
def test_names_and_tags_give_no_right_at_all(text: str, tag: str, team: str) -> None:
    graph = platform("dev", override([], [], **named(text, tag, team)))
    new = everything_allowed(graph) - everything_allowed(plain())
    # A node group has a role that its instances take.
    assert {(action, resource) for action, resource, _ in new} <= {("sts:AssumeRole", "")}


@pytest.mark.parametrize(
    "uri", ["s3://lab/*", "s3://lab/fraud*", "s3://lab/f?aud", "s3://lab/${aws:username}", "s3://*/x", "artifacts/*"]
)
def test_a_place_that_iam_takes_for_several_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="IAM takes for more than one folder"):
        ModelConfig(name="fraud", storage_uri=uri)
    with pytest.raises(ValidationError, match="IAM takes for more than one folder"):
        ModelConfig(
            name="fraud", storage_uri="s3://lab/fraud", release=ReleaseConfig(strategy="canary"), candidate_uri=uri
        )


def test_more_models_than_a_roles_policy_holds_are_refused() -> None:
    def models(count: int) -> list[dict[str, Any]]:
        uris = [f"s3://models-of-team-{number}/fraud/{number}" for number in range(count)]
        return [{"name": f"m{number}", "storage_uri": uri} for number, uri in enumerate(uris)]

    assert KubernetesServingConfig.model_validate({"models": models(20)})
    with pytest.raises(ValidationError, match="IAM takes 10240"):
        KubernetesServingConfig.model_validate({"models": models(200)})


@pytest.mark.parametrize("tier", TIERS)
def test_the_policies_within_a_role_are_no_longer_than_iam_takes(tier: str) -> None:
    """10,240 characters in all, without spaces (IAM quotas)."""
    many = [{"name": f"m{number}", "format": "sklearn", "storage_uri": f"artifacts/m/{number}"} for number in range(50)]
    lengths: Counter[str] = Counter()
    for node in platform(tier, {"serving": {"models": many}}).of_type("aws:iam/rolePolicy:RolePolicy"):
        lengths[node.inputs["role"]] += len(json.dumps(json.loads(node.inputs["policy"]), separators=(",", ":")))
    assert max(lengths.values()) <= 10_240


@pytest.mark.parametrize("key", ["*", "arn:aws:kms:*:*:key/*", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/x"])
def test_a_key_that_is_more_than_one_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="the ARN of one KMS key"):
        KubernetesServingConfig.model_validate({"storage_key_arns": [key]})
