"""AWS Step Functions, and the loop on it."""

import json
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.orchestration import LoopConfig, ScheduleConfig
from components.orchestration.step_functions import StepFunctionsConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from services.pipelines.workflows.steps import STEPS
from tests import aws_api
from tests.platforms import ROOT, platform
from tests.support import REGION, only, statements

MACHINE = "aws:sfn/stateMachine:StateMachine"
SCHEDULE = "aws:scheduler/schedule:Schedule"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
CLEAN = {
    "StartAt": "Clean",
    "States": {
        "Clean": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {}, "Next": "Score"},
        "Score": {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {}, "End": True},
    },
}
NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "definition": json.dumps(CLEAN),
    "schedule": {"at": "01:15", "days": ["sat", "sun"]},
    "functions": ["arn:aws:lambda:us-east-1:123456789012:function:clean"],
    "batch": [
        "arn:aws:batch:us-east-1:123456789012:job-queue/nightly",
        "arn:aws:batch:us-east-1:123456789012:job-definition/score",
    ],
}
FACTS = StackFacts(region=REGION, zones=2, gpus=False, loop=True, steps="tasks")
WITHOUT_KUBERNETES = {
    **dict.fromkeys(("cluster", "database", "monitoring")),
    "network": {"mode": "private"},
    "serving": {"kind": "ecs"},
    "ml_platform": {"kind": "sagemaker"},
}


@cache
def stack(loop: bool = True) -> Graph:
    settings = {"kind": "step_functions", "machines": [NIGHTLY], "loop": {"at": "03:00", "every_hours": 12}}
    return platform("dev", {**WITHOUT_KUBERNETES, **({"orchestration": settings} if loop else {})})


def loop() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(only(stack(), MACHINE, "orchestration-loop").inputs["definition"])
    return found


def rights(role: str) -> dict[str, list[str]]:
    rows = statements(only(stack(), "aws:iam/rolePolicy:RolePolicy", f"{role}-policy").inputs["policy"])
    found: dict[str, list[str]] = {}
    for row in rows:
        for action in row["Action"]:
            found.setdefault(action, []).extend(row["Resource"])
    return found


def test_the_loops_steps_follow_one_another_in_their_order() -> None:
    machine = loop()
    seen = [machine["StartAt"]]
    while after := machine["States"][seen[-1]].get("Next"):
        seen.append(after)
    assert seen == [step.name for step in STEPS]
    assert machine["TimeoutSeconds"] == 3600


def test_a_step_is_a_task_of_the_workers_own_definition() -> None:
    graph = stack()
    definition = only(graph, DEFINITION, "serving-workload-pipelines")
    service = only(graph, "aws:ecs/service:Service", "serving-workload-pipelines").inputs
    [container] = json.loads(definition.inputs["containerDefinitions"])
    for state in loop()["States"].values():
        task = state["Parameters"]
        assert task["TaskDefinition"] == definition.outputs["arn"] == service["taskDefinition"]
        assert task["Cluster"] == service["cluster"]
        network = task["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["Subnets"] == service["networkConfiguration"]["subnets"]
        assert network["SecurityGroups"] == service["networkConfiguration"]["securityGroups"]
        assert task["Overrides"]["ContainerOverrides"][0]["Name"] == container["name"]
    assert container["command"][-1] == "--watch"
    assert json.loads(definition.inputs["containerDefinitions"])[0]["secrets"]


def test_its_role_runs_that_definition_alone_and_hands_over_its_two_roles() -> None:
    graph = stack()
    definition = only(graph, DEFINITION, "serving-workload-pipelines")
    granted = rights("orchestration-loop")
    assert granted["ecs:RunTask"] == [definition.outputs["arn"]]
    assert set(granted["iam:PassRole"]) == {definition.inputs["taskRoleArn"], definition.inputs["executionRoleArn"]}
    assert granted["events:PutRule"][0].endswith(":rule/StepFunctionsGetEventsForECSTaskRule")
    assert "lambda:InvokeFunction" not in granted


def test_a_teams_own_machine_calls_what_it_names_and_no_more() -> None:
    granted = rights("orchestration-nightly")
    assert set(granted["lambda:InvokeFunction"]) == {NIGHTLY["functions"][0], f"{NIGHTLY['functions'][0]}:*"}
    assert set(granted["batch:SubmitJob"]) == {NIGHTLY["batch"][0], f"{NIGHTLY['batch'][1]}:*"}
    assert granted["events:PutRule"][0].endswith(":rule/StepFunctionsGetEventsForBatchJobsRule")
    assert "ecs:RunTask" not in granted


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("name", ["loop", "nightly"])
def test_machine_and_schedule_are_what_their_apis_take(name: str) -> None:
    machine = dict(only(stack(), MACHINE, f"orchestration-{name}").inputs)
    logs = dict(machine["loggingConfiguration"])
    logs["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": logs.pop("logDestination")}}]
    request = {**machine, "name": name, "loggingConfiguration": logs}
    assert aws_api.refusals("stepfunctions", "CreateStateMachine", request, {"tagsAll": None}) == []
    worse = {**request, "type": "SLOW"}
    assert aws_api.refusals("stepfunctions", "CreateStateMachine", worse, {"tagsAll": None})
    schedule = {**only(stack(), SCHEDULE, f"orchestration-{name}-schedule").inputs, "name": name}
    assert aws_api.refusals("scheduler", "CreateSchedule", schedule) == []


def test_schedules_begin_when_the_settings_say_and_may_start_that_machine_alone() -> None:
    schedules = {node.name: node.inputs for node in stack().of_type(SCHEDULE)}
    assert schedules["orchestration-loop-schedule"]["scheduleExpression"] == "cron(0 3,15 ? * * *)"
    assert schedules["orchestration-nightly-schedule"]["scheduleExpression"] == "cron(15 1 ? * SAT,SUN *)"
    assert json.loads(schedules["orchestration-loop-schedule"]["target"]["input"]) == {"options": {}}
    assert rights("orchestration-loop-start")["states:StartExecution"] == [
        only(stack(), MACHINE, "orchestration-loop").outputs["arn"]
    ]


def test_what_happened_is_logged_under_a_key_of_the_platforms_and_watched() -> None:
    machine = only(stack(), MACHINE, "orchestration-loop")
    assert machine.inputs["loggingConfiguration"]["level"] == "ALL"
    assert machine.inputs["loggingConfiguration"]["includeExecutionData"] is False
    assert machine.inputs["encryptionConfiguration"]["type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert stack().stack_outputs["orchestrationLoop"] == machine.outputs["arn"]


def test_a_month_costs_the_transitions() -> None:
    found = estimate(stack(), BY_TIER["dev"], load(ROOT))
    assert not [one for one in found.missing if one.module == "orchestration"]
    assert not found.unpriced
    own = [line for line in found.by_module()["orchestration"] if line.label == "Step Functions"]
    # 100,000 transitions a month, the tier's, shared by two machines.
    assert [float(line.monthly) for line in own] == [1.25, 1.25]


def test_it_breaks_no_rule_that_its_tier_keeps() -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, "dev").blocking} for graph in (stack(False), stack())
    )
    assert after - before == set()


def test_on_the_cluster_it_cannot_run_the_loop_and_says_who_can() -> None:
    with pytest.raises(
        Exception, match=r"would be tasks .* which serving kubernetes has not; choose airflow or argo_workflows"
    ):
        platform("dev", {"orchestration": {"kind": "step_functions", "loop": {}}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "it has nothing to run"),
        ({"machines": [{**NIGHTLY, "name": "loop"}]}, "machines has one called loop"),
    ],
)
def test_what_cannot_run_is_one_sentence(given: dict[str, Any], said: str) -> None:
    (problem,) = StepFunctionsConfig.model_validate(given).conflicts(FACTS)
    assert said in problem


def without(state: str, **changes: Any) -> str:
    return json.dumps({**CLEAN, "States": {**CLEAN["States"], state: {**CLEAN["States"][state], **changes}}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("{,}", "no JSON"),
        ("[]", "a state machine in Amazon States Language"),
        ("{}", "has no States"),
        (json.dumps({**CLEAN, "StartAt": "Wash"}), 'begins at "Wash", which is none of its states: Clean, Score'),
        (without("Clean", Next="Rest"), 'state Clean goes on to "Rest"'),
        (without("Clean", Type="Tusk"), 'state Clean is of type "Tusk"; allowed: Task'),
        (without("Score", End=False), "state Score needs either Next or End"),
        (without("Score", Catch=[{"ErrorEquals": ["x"], "Next": "Gone"}]), 'state Score goes on to "Gone"'),
        (without("Clean", Type="Parallel", Branches=[{"States": {}}]), "a branch of state Clean has no States"),
    ],
)
def test_a_definition_that_is_none_is_refused_before_anything_is_made(definition: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        StepFunctionsConfig.model_validate({"machines": [{"name": "nightly", "definition": definition}]})
    assert said in str(refused.value)


@pytest.mark.parametrize("given", ["arn:aws:lambda:us-east-1:123456789012:function:clean:7", "clean"])
def test_a_function_is_named_by_its_whole_arn(given: str) -> None:
    with pytest.raises(ValidationError, match="the ARN of a Lambda function, without a version"):
        StepFunctionsConfig.model_validate({"machines": [{**NIGHTLY, "functions": [given]}]})


@pytest.mark.parametrize("hours", [1, 2, 3, 4, 6, 8, 12, 24])
def test_a_schedule_is_the_same_for_cron_and_for_eventbridge(hours: Any) -> None:
    schedule = ScheduleConfig(at="22:05", every_hours=hours)
    minute, times, *rest = schedule.cron.split()
    assert (minute, rest) == ("5", ["*", "*", "*"])
    assert len(times.split(",")) == 24 // hours
    assert "22" in times.split(",")
    assert schedule.eventbridge == f"cron(5 {times} ? * * *)"


def test_a_run_ends_before_the_next_begins() -> None:
    with pytest.raises(ValidationError, match="deadline_minutes is 90, and a run begins every 1 hours"):
        LoopConfig(every_hours=1, deadline_minutes=90)
