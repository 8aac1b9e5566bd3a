"""The loop as Kubeflow and SageMaker run it: the same graph, held against what they take themselves."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from moto import mock_aws

from pipelines.errors import InputError
from pipelines.kubeflow import KubeflowSettings, pipeline
from pipelines.loop import STEPS
from pipelines.sagemaker import SageMakerSettings, definition, rendered
from pipelines.settings import Settings, to_hand_on

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


def of_kubeflow() -> dict[str, tuple[str, ...]]:
    tasks = pipeline(KUBEFLOW)[0]["root"]["dag"]["tasks"]
    return {name: tuple(task.get("dependentTasks", ())) for name, task in tasks.items()}


def of_sagemaker() -> dict[str, tuple[str, ...]]:
    return {step["Name"]: tuple(step.get("DependsOn", ())) for step in definition(SAGEMAKER)["Steps"]}


@pytest.mark.parametrize("graph", [of_kubeflow, of_sagemaker])
def test_the_graph_is_that_of_the_loop(graph: Callable[[], dict[str, tuple[str, ...]]]) -> None:
    assert graph() == {step.name: step.needs for step in STEPS}


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


@pytest.mark.parametrize(("to", "says"), [("kubeflow", "comp-ingest"), ("sagemaker", '"Version": "2020-12-01"')])
def test_the_command_line_renders_it(to: str, says: str) -> None:
    done = _workflow("--to", to, "--role", ROLE, "--subnet", "subnet-1", "--security-group", "sg-1")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_sagemaker_without_a_network_is_refused() -> None:
    done = _workflow("--to", "sagemaker")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --role, --subnet, --security-group" in " ".join(done.stderr.split())


def _workflow(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipelines", "workflow", "--image", IMAGE, *arguments]
    return subprocess.run(command, env={**VARIABLES, "PATH": ""}, capture_output=True, text=True)
