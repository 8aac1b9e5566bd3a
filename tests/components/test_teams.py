"""Teams: what four lines of a stack file become, and that no team reaches another's."""

import json
from functools import cache
from typing import Any

import pytest

from mlops.plan.access import rights
from mlops.plan.graph import Graph, Node
from tests.platforms import platform
from tests.support import only, statements
from tests.test_fit import refusal, settings

ROLE = "arn:aws:iam::123456789012:role/"
NAMES = ("fraud", "fraud-ml", "f", "search")
"""Some of them begin as others do, or end so."""


@cache
def graph() -> Graph:
    teams: dict[str, Any] = {
        "fraud": {"members": [f"{ROLE}ada"], "viewers": [f"{ROLE}audit"], "grants": ["read storage/curated"]},
        "fraud-ml": {"members": [f"{ROLE}ada", f"{ROLE}bo"], "protect": False},
        "f": {"quota": {"cpu": "8", "memory": "32Gi", "gpus": 0, "volumes": 0}},
        "search": {},
    }
    return platform("prod", {"teams": teams})


def policy(team: str) -> list[dict[str, Any]]:
    return statements(only(graph(), "aws:iam/rolePolicy:RolePolicy", f"teams-{team}-identity-policy").inputs["policy"])


def of_team(type_: str, team: str) -> list[Node]:
    return [
        node
        for node in graph().of_type(type_)
        if node.at("metadata.namespace").text() == f"team-{team}" or node.at("metadata.name").text() == f"team-{team}"
    ]


@pytest.mark.parametrize("team", NAMES)
def test_a_team_has_a_namespace_with_bounds_an_account_and_closed_pods(team: str) -> None:
    for kind in ("Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "ConfigMap"):
        assert len(of_team(f"kubernetes:core/v1:{kind}", team)) == 1, kind
    policies = of_team("kubernetes:networking.k8s.io/v1:NetworkPolicy", team)
    assert all(not node.at("spec.podSelector.matchLabels").entries() for node in policies)
    sources = [peer for node in policies for rule in node.at("spec.ingress") for peer in rule.at("from")]
    assert [peer.at("namespaceSelector").hidden or bool(peer.at("namespaceSelector")) for peer in sources] == [False]


@pytest.mark.parametrize("team", NAMES)
def test_a_role_writes_to_its_own_folders_and_reads_its_own_secrets_and_no_other_teams(team: str) -> None:
    written = [
        resource
        for row in policy(team)
        for resource in row["Resource"]
        if "s3:PutObject" in row["Action"] or "secretsmanager:GetSecretValue" in row["Action"]
    ]
    assert len(written) == 4
    assert all(f"/teams/{team}/" in resource for resource in written)
    for other in set(NAMES) - {team}:
        assert not any(resource.rstrip("*").endswith(f"/teams/{other}/") for resource in written)


def test_a_quota_is_what_the_documents_ask_for_or_all_that_the_nodes_have() -> None:
    hard = only(graph(), "kubernetes:core/v1:ResourceQuota", "teams-search-quota").at("spec.hard")
    # prod: six m7i.large and ten m7i.xlarge.
    assert hard.key("requests.cpu").text() == str(6 * 2 + 10 * 4)
    assert hard.key("requests.memory").text() == "200Gi"
    assert hard.key("requests.nvidia.com/gpu").text() == "0"
    assert hard.key("persistentvolumeclaims").text() == "10"
    own = only(graph(), "kubernetes:core/v1:ResourceQuota", "teams-f-quota").at("spec.hard")
    assert (own.key("requests.cpu").text(), own.key("persistentvolumeclaims").text()) == ("8", "0")


def test_no_container_of_a_team_is_kept_from_taking_all_of_its_gpus() -> None:
    limits = only(graph(), "kubernetes:core/v1:LimitRange", "teams-fraud-limits").inputs["spec"]["limits"]
    assert "nvidia.com/gpu" not in json.dumps(limits)
    assert not any("max" in one for one in limits)


def test_who_is_in_two_teams_has_one_entry_with_both_groups() -> None:
    entries = {
        node.inputs["principalArn"]: node.inputs.get("kubernetesGroups")
        for node in graph().of_type("aws:eks/accessEntry:AccessEntry")
        if node.name.startswith("teams-")
    }
    assert entries == {
        f"{ROLE}ada": ["mlops:team-fraud-ml:edit", "mlops:team-fraud:edit"],
        f"{ROLE}audit": ["mlops:team-fraud:view"],
        f"{ROLE}bo": ["mlops:team-fraud-ml:edit"],
    }


def test_what_people_may_do_is_told_with_what_pods_may() -> None:
    found = {
        (one.principal.name, one.resource, one.actions) for one in rights(graph()) if one.principal.kind == "person"
    }
    assert ("role/ada", "team-fraud", ("kubernetes:edit",)) in found
    assert ("role/audit", "team-fraud", ("kubernetes:view",)) in found
    assert not any(name == "role/bo" and space == "team-fraud" for name, space, _ in found)


def test_a_team_goes_with_its_volumes_only_once_it_may() -> None:
    protected = {node.name: node.protect for node in graph().of_type("kubernetes:core/v1:Namespace")}
    assert protected["teams-fraud-namespace"]
    assert not protected["teams-fraud-ml-namespace"]


def test_a_team_finds_where_everything_is() -> None:
    told = only(graph(), "kubernetes:core/v1:ConfigMap", "teams-fraud-platform").inputs["data"]
    assert told["MLOPS_PREFIX"] == "teams/fraud/"
    assert {"MLFLOW_TRACKING_URI", "MLOPS_BUCKET_CURATED", "MLOPS_BUCKET_FEATURES", "AWS_REGION"} <= told.keys()


def test_a_budget_for_a_team_is_watched_like_the_stacks() -> None:
    money = {"monthly_usd": 3000, "emails": ["platform@example.com"]}
    made = platform("prod", {"budget": money, "teams": {"fraud": {"monthly_usd": 500}}})
    budget = only(made, "aws:budgets/budget:Budget", "budget-team-fraud")
    assert budget.inputs["limitAmount"] == "500.00"


BUDGET = {"monthly_usd": 1000, "emails": ["platform@example.com"]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no cluster": (
        {"cluster": None, "serving": None, "ml_platform": None, "teams": {"a": {}}, "workloads": {"recommender": None}},
        "a team is a namespace of the cluster, and this stack has none",
    ),
    "more cores than nodes": ({"teams": {"a": {"quota": {"cpu": "53"}}}}, "all node groups together grow to 52 cores"),
    "more memory than nodes": ({"teams": {"a": {"quota": {"memory": "4000Gi"}}}}, "together grow to 208Gi"),
    "GPUs without any": ({"teams": {"a": {"quota": {"gpus": 1}}}}, "add a group with GPUs"),
    "a right without its slot": (
        {"data_pipeline": None, "teams": {"a": {"grants": ["produce"]}}},
        "teams.a.grants: produce, and this stack has no data_pipeline",
    ),
    "a right on a module that is not there": (
        {"teams": {"a": {"grants": ["read features"]}}},
        "`read features`",
    ),
    "an administrator as a member": (
        {"cluster": {"admins": [f"{ROLE}root"]}, "teams": {"a": {"members": [f"{ROLE}root"]}}},
        "EKS keeps one entry for each principal",
    ),
    "both": ({"teams": {"a": {"members": [f"{ROLE}x"], "viewers": [f"{ROLE}x"]}}}, "is in members and in viewers"),
    "money without a budget": ({"teams": {"a": {"monthly_usd": 5}}}, "the stack has no budget"),
    "money beyond the budget": (
        {"budget": BUDGET, "teams": {"a": {"monthly_usd": 600}, "b": {"monthly_usd": 600}}},
        "their budgets come to $1,200.00 a month, and the stack's is $1,000.00",
    ),
    "money twice": (
        {"budget": {**BUDGET, "teams": {"a": 5}}, "teams": {"a": {"monthly_usd": 5}}},
        "teams.a.monthly_usd and budget.teams.a are both set",
    ),
    "a name that is none": ({"teams": {"Team A": {}}}, "lower case letters, digits and hyphens"),
    "a name that is too long": ({"teams": {"a" * 31: {}}}, "30"),
}


@pytest.mark.parametrize(("override", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_in_one_sentence(override: dict[str, Any], words: str) -> None:
    message = refusal("prod", **override)
    assert words in message
    assert "teams" in message


@pytest.mark.parametrize("number", [1, 20, 200])
def test_any_number_of_teams_is_taken(number: int) -> None:
    teams = {f"team{n}": {"members": [f"{ROLE}lead{n}", f"{ROLE}everybody"]} for n in range(number)}
    assert len(settings("prod", teams=teams).platform.teams) == number


def test_each_team_adds_as_much_as_the_one_before() -> None:
    sizes = [
        len(platform("prod", {"teams": {f"t{n}": {"members": [f"{ROLE}{n}"]} for n in range(number)}}))
        for number in (0, 1, 21)
    ]
    one = sizes[1] - sizes[0]
    assert one == pytest.approx((sizes[2] - sizes[1]) / 20, abs=1)
