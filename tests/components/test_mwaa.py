"""Amazon MWAA, and the loop on it."""

import ast
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.orchestration.mwaa import MwaaConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from services.pipelines.workflows.steps import STEPS
from tests import aws_api
from tests.components.test_step_functions import WITHOUT_KUBERNETES
from tests.platforms import ROOT, platform
from tests.support import REGION, only, statements

ENVIRONMENT = "aws:mwaa/environment:Environment"
FACTS = StackFacts(region=REGION, zones=2, gpus=False, loop=True, steps="tasks")


@cache
def stack(module: bool = True) -> Graph:
    settings = {
        "kind": "mwaa",
        "loop": {"days": ["mon", "thu"]},
        "requirements": ["apache-airflow-providers-slack==9.1.0", "pandas"],
        "grants": ["read storage/curated"],
    }
    return platform("dev", {**WITHOUT_KUBERNETES, **({"orchestration": settings} if module else {})})


def environment() -> dict[str, Any]:
    return dict(only(stack(), ENVIRONMENT).inputs)


def rights() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in statements(only(stack(), "aws:iam/rolePolicy:RolePolicy", "orchestration-policy").inputs["policy"]):
        for action in row["Action"]:
            found.setdefault(action, []).extend(row["Resource"])
    return found


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_the_environment_is_what_the_api_takes() -> None:
    # The provider keeps options secret, which the recorder does not show.
    renamed = {"tagsAll": None, "airflowConfigurationOptions": None}
    assert aws_api.refusals("mwaa", "CreateEnvironment", environment(), renamed) == []
    worse = {**environment(), "webserverAccessMode": "OPEN"}
    assert aws_api.refusals("mwaa", "CreateEnvironment", worse, renamed)


def test_its_pages_are_private_and_its_servers_lie_in_two_private_subnets() -> None:
    inputs = environment()
    assert inputs["webserverAccessMode"] == "PRIVATE_ONLY"
    network = inputs["networkConfiguration"]
    private = {node.id for node in stack().of_type("aws:ec2/subnet:Subnet") if "private" in node.name}
    assert len(set(network["subnetIds"])) == 2
    assert set(network["subnetIds"]) <= private
    assert stack().stack_outputs["orchestrationUrl"].startswith("https://")


def test_the_loop_is_a_dag_in_the_lake_of_its_steps_in_their_order() -> None:
    file = only(stack(), "aws:s3/bucketObjectv2:BucketObjectv2", "orchestration-loop").inputs
    assert file["key"] == f"{environment()['dagS3Path']}/training_loop.py"
    assert file["bucket"] == stack().stack_outputs["buckets"]["artifacts"]
    ast.parse(file["content"])
    known = ast.literal_eval(file["content"].split("LOOP = ")[1].split("\n\ndef ")[0].strip())
    assert [(step["name"], tuple(step["needs"])) for step in known["steps"]] == [
        (step.name, step.needs) for step in STEPS
    ]
    definition = only(stack(), "aws:ecs/taskDefinition:TaskDefinition", "serving-workload-pipelines")
    assert known["runs"]["task_definition"] == definition.outputs["arn"]
    assert known["schedule"] == "0 3 * * mon,thu"


def test_packages_are_a_file_whose_version_the_environment_follows() -> None:
    file = only(stack(), "aws:s3/bucketObjectv2:BucketObjectv2", "orchestration-requirements")
    assert file.inputs["content"] == "apache-airflow-providers-slack==9.1.0\npandas\n"
    assert environment()["requirementsS3Path"] == file.inputs["key"]
    assert environment()["requirementsS3ObjectVersion"] == file.outputs["versionId"]


def test_its_role_reads_its_folder_runs_the_workers_definition_and_does_what_is_granted() -> None:
    granted, buckets = rights(), stack().stack_outputs["buckets"]
    assert {arn for arn in granted["s3:GetObject"] if "artifacts" in arn} == {
        f"arn:aws:s3:::{buckets['artifacts']}/mwaa/*"
    }
    assert f"arn:aws:s3:::{buckets['curated']}/*" in granted["s3:GetObject"]
    definition = only(stack(), "aws:ecs/taskDefinition:TaskDefinition", "serving-workload-pipelines")
    assert granted["ecs:RunTask"] == [definition.outputs["arn"]]
    assert "s3:PutObject" not in granted


def test_every_log_is_made_beforehand_under_the_name_that_airflow_writes_to() -> None:
    names = {
        node.inputs["name"]
        for node in stack().of_type("aws:cloudwatch/logGroup:LogGroup")
        if node.name.startswith("orchestration-")
    }
    name = environment()["name"]
    assert names == {f"airflow-{name}-{end}" for end in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")}
    assert all(log["enabled"] for log in environment()["loggingConfiguration"].values())


def test_its_servers_reach_one_another_and_nobody_else_comes_in() -> None:
    group = only(stack(), "aws:ec2/securityGroup:SecurityGroup", "orchestration-security-group").id
    rules = [
        node.inputs
        for node in stack().of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if node.inputs["securityGroupId"] == group
    ]
    assert {(rule["referencedSecurityGroupId"], rule["fromPort"]) for rule in rules} == {(group, 443), (group, 5432)}


def test_a_month_costs_the_environment_by_the_hour() -> None:
    found = estimate(stack(), BY_TIER["dev"], load(ROOT))
    own = {line.label: float(line.monthly) for line in found.by_module()["orchestration"]}
    assert own["Airflow environment (small)"] == pytest.approx(0.49 * 730)
    assert not [one for one in found.missing if one.module == "orchestration"]


def test_it_breaks_no_rule_that_its_tier_keeps() -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, "dev").blocking} for graph in (stack(False), stack())
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"private_subnets": False}, "network.mode is public"),
        ({"way_out": False}, "network.mode isolated has none"),
        ({"zones": 1}, "network.zones is 1"),
        ({"steps": "pods", "filled": {"serving": "kubernetes"}}, "its steps would be tasks of the worker's own"),
        ({"loop": False}, "loop is set, and this stack has none"),
    ],
)
def test_where_it_cannot_run_is_one_sentence(facts: dict[str, Any], said: str) -> None:
    stack = StackFacts(**{**vars(FACTS), **facts})
    (problem,) = MwaaConfig.model_validate({"loop": {}}).conflicts(stack)
    assert said in problem


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"version": "2.10.3"}, "Input should be '3.0.6'"),
        ({"environment_class": "mw1.tiny"}, "mw1.small"),
        ({"min_workers": 6}, "min_workers is 6 and max_workers 5"),
        ({"requirements": ["pandas; rm -rf /"]}, "a package as pip takes it"),
        ({"requirements": ["pandas", "pandas"]}, "twice"),
        ({"maintenance_start": "SUN:03:15"}, "a half hour of the week"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MwaaConfig.model_validate(wrong)
