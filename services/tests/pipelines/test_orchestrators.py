"""The loop as orchestrators run it: the same steps and needs, held against what each of them takes itself."""

import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from pipelines.errors import InputError
from pipelines.loop import STEPS
from pipelines.settings import Settings, to_hand_on
from pipelines.workflows import steps
from pipelines.workflows.airflow import OPTIONS, RUN, AirflowPods, AirflowSettings, AirflowTasks, dag_file
from pipelines.workflows.argo import ArgoSettings, workflow
from pipelines.workflows.kubeflow import KubeflowSettings, pipeline
from pipelines.workflows.sagemaker import SageMakerSettings, definition, rendered
from pipelines.workflows.step_functions import StepFunctionsSettings, state_machine

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-dev/pipelines:0.1.0"
ROLE = "arn:aws:iam::123456789012:role/jobs"
VARIABLES = {
    "MLOPS_BUCKET_RAW": "raw",
    "MLOPS_BUCKET_CURATED": "curated",
    "MLOPS_BUCKET_FEATURES": "features",
    "MLOPS_BUCKET_ARTIFACTS": "artifacts",
    "MLOPS_STREAM": "events",
    "MLFLOW_TRACKING_URI": "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/mlops-dev",
    "AWS_REGION": "us-east-1",
}
KUBEFLOW = KubeflowSettings(image=IMAGE, variables=VARIABLES)
SAGEMAKER = SageMakerSettings(
    image=IMAGE,
    role=ROLE,
    subnets=["subnet-0123456789abcdef0"],
    security_groups=["sg-0123456789abcdef0"],
    variables=VARIABLES,
)
KFP = next(Path(__file__).parents[2].glob(".kfp/bin/python"), None)
"""`uv venv .kfp && uv pip install --python .kfp/bin/python kfp kfp-kubernetes`: it wants other versions than ours."""
COMPILE = """
import sys
from kfp import compiler, components
loaded = components.load_component_from_file(sys.argv[1])
compiler.Compiler().compile(loaded, sys.argv[2])
"""


FARGATE = StepFunctionsSettings(
    cluster="arn:aws:ecs:us-east-1:123456789012:cluster/mlops-dev",
    task_definition="arn:aws:ecs:us-east-1:123456789012:task-definition/mlops-dev-pipelines:1",
    container="pipelines",
    subnets=["subnet-0123456789abcdef0"],
    security_groups=["sg-0123456789abcdef0"],
)
TASKS = AirflowTasks(
    region="us-east-1",
    cluster=FARGATE.cluster,
    task_definition=FARGATE.task_definition,
    container="pipelines",
    subnets=FARGATE.subnets,
    security_groups=FARGATE.security_groups,
)
DAGS = {
    kind: dag_file(AirflowSettings(runs=runs, schedule="0 3 * * *"))
    for kind, runs in {"pods": AirflowPods(image=IMAGE, place={"nodeSelector": {"a": "b"}}), "tasks": TASKS}.items()
}
AIRFLOW = next(Path(__file__).parents[2].glob(".airflow/bin/python"), None)
"""`uv venv .airflow && uv pip install --python .airflow/bin/python apache-airflow==3.3.2` and its providers
`cncf-kubernetes` and `amazon`: it wants other versions than ours."""
LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print(json.dumps({"errors": bag.import_errors, "dags": {
    name: [[task.task_id, sorted(task.upstream_task_ids), type(task).__name__, task.arguments
            if hasattr(task, "arguments") else task.overrides["containerOverrides"][0]["command"], task.retries,
            task.execution_timeout.total_seconds()]
           for task in dag.topological_sort()]
    for name, dag in bag.dags.items()}}))
"""


def of_argo() -> dict[str, tuple[str, ...]]:
    [loop] = [one for one in workflow(ArgoSettings(image=IMAGE))["spec"]["templates"] if one["name"] == "loop"]
    return {task["name"]: tuple(task.get("dependencies", ())) for task in loop["dag"]["tasks"]}


def of_airflow() -> dict[str, tuple[str, ...]]:
    graphs = [
        {step["name"]: tuple(step["needs"]) for step in known["steps"]}
        for known in (ast.literal_eval(text.split("LOOP = ")[1].split("\n\ndef ")[0].strip()) for text in DAGS.values())
    ]
    assert graphs[0] == graphs[1]
    return graphs[0]


def of_step_functions() -> dict[str, tuple[str, ...]]:
    """State after state; what a step needs is among those before it."""
    machine = state_machine(FARGATE)
    found: list[str] = [machine["StartAt"]]
    while after := machine["States"][found[-1]].get("Next"):
        found.append(after)
    needs = {step.name: step.needs for step in STEPS}
    assert all(set(needs[name]) <= set(found[:place]) for place, name in enumerate(found))
    assert set(found) == machine["States"].keys()
    return {name: needs[name] for name in found}


def of_kubeflow() -> dict[str, tuple[str, ...]]:
    tasks = pipeline(KUBEFLOW)[0]["root"]["dag"]["tasks"]
    return {name: tuple(task.get("dependentTasks", ())) for name, task in tasks.items()}


def of_sagemaker() -> dict[str, tuple[str, ...]]:
    return {step["Name"]: tuple(step.get("DependsOn", ())) for step in definition(SAGEMAKER)["Steps"]}


@pytest.mark.parametrize("graph", [of_argo, of_airflow, of_kubeflow, of_sagemaker, of_step_functions])
def test_every_orchestrator_runs_the_same_steps_in_the_same_order(
    graph: Callable[[], dict[str, tuple[str, ...]]],
) -> None:
    assert list(graph().items()) == [(step.name, step.needs) for step in STEPS]


def test_what_the_loop_does_is_what_is_defined_in_the_same_order() -> None:
    assert [step.name for step in STEPS] == [step.name for step in steps.STEPS]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_is_the_same_command_as_here(step: Any) -> None:
    container = pipeline(KUBEFLOW)[0]["deploymentSpec"]["executors"][f"exec-{step.name}"]["container"]
    [job] = [one["Arguments"] for one in definition(SAGEMAKER)["Steps"] if one["Name"] == step.name]
    assert container["command"] == job["AppSpecification"]["ContainerEntrypoint"] == ["python", "-m", "pipelines"]
    assert container["args"][:2] == job["AppSpecification"]["ContainerArguments"][:2] == [step.name, "--run"]
    assert container["resources"]["resourceMemoryRequest"] == step.memory
    assert container["resources"]["resourceCpuRequest"] == step.cpu


def test_settings_reach_every_step_and_no_secret_does() -> None:
    environment = {
        **VARIABLES,
        "MLOPS_PII_SALT": "planted",
        "MLOPS_ADMIN_TOKEN": "planted",
        "MLOPS_STREAM_PASSWORD": "planted",
    }
    variables = to_hand_on(environment)
    documents = pipeline(KubeflowSettings(image=IMAGE, variables=variables))
    jobs = rendered(
        SageMakerSettings(image=IMAGE, role=ROLE, subnets=["s"], security_groups=["g"], variables=variables)
    )
    assert "planted" not in json.dumps(documents) + jobs
    for step in json.loads(jobs)["Steps"]:
        assert VARIABLES.items() <= step["Arguments"]["Environment"].items()
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(one["secretAsEnv"][0]["secretName"] == "pipelines" for one in executors.values())


def test_what_is_missing_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"(?s)MLOPS_BUCKET_RAW.*MLOPS_STREAM"):
        to_hand_on({})


def _without_gets(value: Any) -> Any:
    """References of SageMaker's pipelines, as the texts that they become."""
    if isinstance(value, Mapping):
        return "referred" if value.keys() == {"Get"} else {key: _without_gets(one) for key, one in value.items()}
    return [_without_gets(one) for one in value] if isinstance(value, list) else value


def test_step_functions_own_grammar_takes_the_state_machine() -> None:
    assert AmazonStateLanguageParser.parse(json.dumps(state_machine(FARGATE)))


@pytest.mark.parametrize("wrong", [{"StartAt": None}, {"States": {"ingest": {"Type": "Tusk", "End": True}}}])
def test_the_grammar_itself_finds_what_is_no_state_machine(wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r".+"):
        AmazonStateLanguageParser.parse(json.dumps({**state_machine(FARGATE), **wrong}))


def test_a_step_on_fargate_is_told_its_run_and_its_options() -> None:
    """Every task's command is computed by an interpreter of the language, with a state that only hands it on."""
    machine = state_machine(FARGATE)
    for name, state in machine["States"].items():
        command = state["Parameters"]["Overrides"]["ContainerOverrides"][0]["Command.$"]
        for task in ("Resource", "Retry", "TimeoutSeconds"):
            del state[task]
        state |= {"Type": "Pass", "Parameters": {"command.$": command}, "ResultPath": f"$.{name}"}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", region_name="us-east-1")
        arn = client.create_state_machine(name="loop", definition=json.dumps(machine), roleArn=ROLE)["stateMachineArn"]
        started = client.start_execution(
            stateMachineArn=arn, name="run-1", input=json.dumps({"options": {"assume_consent": True}})
        )["executionArn"]
        for _ in range(200):
            done = client.describe_execution(executionArn=started)
            if done["status"] != "RUNNING":
                break
            time.sleep(0.05)
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    for step in STEPS:
        command = output[step.name]["command"]
        assert command[:4] == [step.name, "--run", "run-1", "--options"]
        assert json.loads(command[4]) == {"assume_consent": True}


def test_a_task_has_a_size_that_fargate_has() -> None:
    sizes = {512: range(1024, 4097, 1024), 1024: range(2048, 8193, 1024)}
    for state in state_machine(FARGATE)["States"].values():
        overrides = state["Parameters"]["Overrides"]
        assert int(overrides["Memory"]) in sizes[int(overrides["Cpu"])]


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_ecs_takes_every_steps_task(step: str) -> None:
    """The integration hands its parameters to RunTask, with a capital for each name's first letter."""
    given = json.loads(json.dumps(state_machine(FARGATE)["States"][step]["Parameters"]).replace("Command.$", "Command"))
    given["Overrides"]["ContainerOverrides"][0]["Command"] = []
    model = botocore.session.get_session().get_service_model("ecs")
    report = ParamValidator().validate(_lower(given), model.operation_model("RunTask").input_shape)
    assert not report.has_errors(), report.generate_report()


def _lower(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name[0].lower() + name[1:]: _lower(one) for name, one in value.items()}
    return [_lower(one) for one in value] if isinstance(value, list) else value


@pytest.mark.long
@pytest.mark.skipif(AIRFLOW is None, reason="there is no environment with Airflow in services/.airflow")
@pytest.mark.parametrize(("kind", "operator"), [("pods", "KubernetesPodOperator"), ("tasks", "EcsRunTaskOperator")])
def test_airflow_itself_imports_the_dag(kind: str, operator: str, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "loop.py").write_text(DAGS[kind])
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [str(AIRFLOW), "-c", LOAD, str(tmp_path / "dags")], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == {}
    tasks = found["dags"]["training_loop"]
    assert [task[0] for task in tasks] == [step.name for step in STEPS]
    for (name, upstream, kind_of, arguments, retries, seconds), step in zip(tasks, STEPS, strict=True):
        assert (upstream, kind_of) == (sorted(step.needs), operator), name
        assert arguments == step.arguments(RUN, OPTIONS)
        assert (retries, seconds) == (step.attempts - 1, step.timeout_seconds)


def test_a_dag_is_python_that_can_be_read(tmp_path: Path) -> None:
    for text in DAGS.values():
        ast.parse(text)


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_sagemaker_takes_every_steps_job(step: str) -> None:
    [job] = [one["Arguments"] for one in definition(SAGEMAKER)["Steps"] if one["Name"] == step]
    shape = (
        botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob").input_shape
    )
    report = ParamValidator().validate({**_without_gets(job), "ProcessingJobName": step}, shape)
    assert not report.has_errors(), report.generate_report()


def test_sagemaker_stores_the_definition_as_a_pipeline() -> None:
    with mock_aws():
        client = boto3.client("sagemaker", region_name="us-east-1")
        client.create_pipeline(
            PipelineName="training-loop",
            RoleArn=ROLE,
            PipelineDefinition=rendered(SAGEMAKER),
            ClientRequestToken="0" * 32,
        )
        stored = client.describe_pipeline(PipelineName="training-loop")["PipelineDefinition"]
    assert json.loads(stored) == definition(SAGEMAKER)


@pytest.mark.skipif(KFP is None, reason="there is no environment with kfp in services/.kfp")
def test_kfps_own_compiler_makes_the_same_of_it(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    ours.write_text(yaml.safe_dump_all(pipeline(KUBEFLOW)))
    subprocess.run([str(KFP), "-c", COMPILE, str(ours), str(theirs)], check=True, capture_output=True)
    spec, platform = yaml.safe_load_all(theirs.read_text())
    spec["sdkVersion"] = pipeline(KUBEFLOW)[0]["sdkVersion"]
    assert (spec, platform) == pipeline(KUBEFLOW)


@pytest.mark.skipif(KFP is None, reason="there is no environment with kfp in services/.kfp")
def test_kfps_own_compiler_finds_a_field_that_does_not_exist(tmp_path: Path) -> None:
    spec, platform = pipeline(KUBEFLOW)
    ours = tmp_path / "ours.yaml"
    ours.write_text(yaml.safe_dump_all([{**spec, "root": {**spec["root"], "steps": {}}}, platform]))
    done = subprocess.run(
        [str(KFP), "-c", COMPILE, str(ours), str(tmp_path / "x.yaml")], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "steps" in done.stderr


def test_the_salt_may_be_a_secret_of_aws() -> None:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        arn = client.create_secret(Name="salt", SecretString="sea salt")["ARN"]
        settings = Settings.from_environment({**VARIABLES, "MLOPS_STATE": "/tmp", "MLOPS_PII_SALT_SECRET": arn})
        assert settings.pii_salt == "sea salt"
        with pytest.raises(InputError, match="cannot be read"):
            Settings.from_environment({**VARIABLES, "MLOPS_STATE": "/tmp", "MLOPS_PII_SALT_SECRET": f"{arn}x"})


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("airflow", "KubernetesPodOperator"),
        ("kubeflow", "comp-ingest"),
        ("sagemaker", '"Version": "2020-12-01"'),
        ("step-functions", "ecs:runTask.sync"),
    ],
)
def test_the_command_line_renders_it(to: str, says: str) -> None:
    places = ("--cluster", FARGATE.cluster, "--task-definition", FARGATE.task_definition)
    done = _workflow("--to", to, "--role", ROLE, "--subnet", "subnet-1", "--security-group", "sg-1", *places)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_sagemaker_without_a_network_is_refused() -> None:
    done = _workflow("--to", "sagemaker")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --role, --subnet, --security-group" in " ".join(done.stderr.split())


def test_step_functions_without_what_it_runs_is_refused() -> None:
    done = _workflow("--to", "step-functions", "--subnet", "subnet-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --cluster, --task-definition, --subnet, --security-group" in " ".join(done.stderr.split())


def _workflow(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipelines", "workflow", "--image", IMAGE, *arguments]
    return subprocess.run(command, env={**VARIABLES, "PATH": ""}, capture_output=True, text=True)
