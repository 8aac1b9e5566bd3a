"""SageMaker Studio for notebooks: who works as whom, and that there is one domain."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.notebooks.sagemaker_studio import SageMakerStudioConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from tests import aws_api
from tests.components.test_sagemaker import DOMAIN, OPERATIONS, SPACE
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

PROFILE = "aws:sagemaker/userProfile:UserProfile"
STUDIO: Mapping[str, Any] = {
    "kind": "sagemaker_studio",
    "studio": {"users": ["ada", "grace", "mary"], "spaces": [{"name": "ada-lab", "owner": "ada", "storage_gb": 50}]},
    "groups": [{"name": "fraud", "users": ["ada"], "grants": ["write storage/features"]}],
}
FACTS = StackFacts(region=REGION, zones=3, gpus=False)


@cache
def stack() -> Graph:
    return platform("dev", {**dict.fromkeys(("cluster", "database", "serving", "ml_platform")), "notebooks": STUDIO})


def test_a_user_has_the_role_of_the_group_and_others_that_of_all() -> None:
    def written(group: str) -> set[str]:
        document = only(stack(), "aws:iam/rolePolicy:RolePolicy", f"notebooks-{group}-policy").inputs["policy"]
        return {arn for row in statements(document) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}

    features = only(stack(), "aws:s3/bucket:Bucket", "storage-features").outputs["arn"]
    assert written("fraud") == {f"{features}/*"}
    assert written("everybody") == set()
    roles = {
        node.inputs["userProfileName"]: (node.inputs.get("userSettings") or {}).get("executionRole")
        for node in stack().of_type(PROFILE)
    }
    own = only(stack(), "aws:iam/role:Role", "notebooks-fraud-role").outputs["arn"]
    everybody = only(stack(), "aws:iam/role:Role", "notebooks-everybody-role").outputs["arn"]
    assert roles == {"ada": own, "grace": None, "mary": None}
    assert only(stack(), DOMAIN).inputs["defaultUserSettings"]["executionRole"] == everybody


def test_nobody_starts_jobs_or_registers_models_by_it() -> None:
    document = only(stack(), "aws:iam/rolePolicy:RolePolicy", "notebooks-everybody-policy").inputs["policy"]
    actions = {action for row in statements(document) for action in row["Action"]}
    assert not [one for one in actions if "Job" in one and not one.startswith("sagemaker:List")]
    assert not {"iam:PassRole", "sagemaker:CreateModelPackage"} & actions


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("type_", [DOMAIN, PROFILE, SPACE])
def test_every_property_is_one_that_the_call_takes(type_: str) -> None:
    operation, elsewhere = OPERATIONS[type_]
    for node in stack().of_type(type_):
        assert aws_api.refusals("sagemaker", operation, node.inputs, elsewhere) == []


def test_it_needs_no_cluster_and_breaks_no_rule_that_its_tier_keeps() -> None:
    assert not [node for node in stack() if node.type.startswith(("kubernetes:", "eks:", "aws:eks"))]
    found = {(one.rule.id, one.name) for one in judge(stack(), "dev").blocking}
    assert found - {(one.rule.id, one.name) for one in judge(tier_graph("dev"), "dev").blocking} == set()
    bill = estimate(stack(), BY_TIER["dev"], load())
    assert list(bill.unpriced) == []
    assert any(line.resource == "notebooks-studio-space-ada-lab" for line in bill.lines)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"grants": ["track"]}, "grants has track, and Studio runs outside the cluster"),
        ({"groups": [{"name": "a", "users": ["ada"], "grants": ["invoke"]}]}, "group a has invoke"),
        ({"groups": [{"name": "a", "users": ["zoe"]}]}, "group a has zoe, who is not among studio.users"),
        (
            {"groups": [{"name": "a", "users": ["ada"]}, {"name": "b", "users": ["ada"]}]},
            "ada is in the groups a and b, and a profile has one role",
        ),
        ({"groups": [{"name": "everybody", "users": ["ada"]}]}, "a group is called everybody"),
        ({"groups": [{"name": "a", "users": []}]}, "at least 1 item"),
    ],
)
def test_settings_that_could_not_work_are_refused_in_a_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SageMakerStudioConfig.model_validate({**STUDIO, "groups": [], **wrong})


def test_there_is_no_second_domain_where_sagemaker_is_the_ml_platform() -> None:
    with pytest.raises(Exception, match="notebooks: ml_platform is sagemaker, which makes Studio's domain itself"):
        platform("dev", {"notebooks": STUDIO, "ml_platform": {"kind": "sagemaker"}})


def test_its_subnets_are_private() -> None:
    facts = replace(FACTS, private_subnets=False)
    (problem,) = SageMakerStudioConfig.model_validate(STUDIO).conflicts(facts)
    assert "network.mode public has none" in problem
