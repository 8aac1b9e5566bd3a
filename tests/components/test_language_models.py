"""Language models on KServe: vLLM, GPUs, and the way of OpenAI's API."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.serving.kubernetes import KubernetesServingConfig
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from tests.components.test_kserve import endpoints, kserve, predictor, rights

CHAT = {
    "name": "chat",
    "storage_uri": "artifacts/models/chat/1",
    "format": "huggingface",
    "cpu": "4",
    "memory": "24Gi",
    "gpus": 2,
}
LANGUAGE = {"chat": {"most_tokens": 8192, "dtype": "bfloat16"}}


def chat() -> Graph:
    return kserve(CHAT, language_models=LANGUAGE)


def refused(model: dict[str, Any], **language: Any) -> str:
    with pytest.raises(ValidationError) as error:
        KubernetesServingConfig.model_validate({"models": [model], "language_models": language or LANGUAGE})
    return str(error.value)


def test_vllm_runs_it_on_all_gpus_of_a_replica_and_logs_no_prompt() -> None:
    model = predictor(chat(), "serving-chat")["model"]
    assert model["runtime"] == "kserve-huggingfaceserver"
    assert model["args"] == [
        "--backend=vllm",
        "--dtype=bfloat16",
        "--gpu-memory-utilization=0.90",
        "--disable_log_requests",
        "--max_model_len=8192",
    ]
    assert model["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_it_lies_in_the_lake_and_is_read_from_there() -> None:
    readable = [where for row in rights(chat()) if "s3:GetObject" in row["Action"] for where in row["Resource"]]
    assert [where.rpartition(":::")[2].partition("/")[2] for where in readable] == ["models/chat/1/*"]


def test_clients_of_openai_s_api_take_its_address_as_it_is() -> None:
    assert endpoints(chat())["chat"] == "http://chat-predictor.models.svc.cluster.local/openai/v1"


def test_other_models_are_what_they_were() -> None:
    plain = kserve(CHAT)
    assert "args" not in predictor(plain, "serving-chat")["model"]
    assert endpoints(plain)["chat"] == "http://chat-predictor.models.svc.cluster.local"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({**CHAT, "gpus": 0}, "language model chat asks for no GPU, and vLLM runs on GPUs; set its gpus to 1 or more"),
        ({**CHAT, "format": "sklearn"}, 'whose format is "sklearn"; vLLM loads models in the form of Hugging Face'),
        (
            {**CHAT, "release": {"strategy": "canary"}, "candidate_uri": "artifacts/models/chat/2"},
            "KServe's splitter neither streams nor passes on the path",
        ),
        ({**CHAT, "name": "other"}, "language_models names chat, which is no model; allowed: other"),
    ],
)
def test_what_cannot_run_is_refused(model: dict[str, Any], says: str) -> None:
    assert says in refused(model)


def test_without_a_group_that_has_gpus_it_is_refused_in_one_sentence() -> None:
    config = KubernetesServingConfig.model_validate({"models": [CHAT], "language_models": LANGUAGE})
    [sentence] = config.conflicts(StackFacts(region="us-east-1", zones=2, gpus=False))
    assert sentence == (
        "chat asks for GPUs, and no node group of the cluster has any; add a group with `gpu: true` to "
        "cluster.node_groups, or set the model's gpus to 0"
    )
