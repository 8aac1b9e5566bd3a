"""Language models on KServe: its Hugging Face server runs them with vLLM, and answers as OpenAI's API does.

Clients take `…/openai/v1` as their base URL and may stream; nothing lies between them and the server that would wait
for the whole answer. Several GPUs of a replica share one model. Read in KServe at v0.20.0: the server's arguments in
python/huggingfaceserver/huggingfaceserver/__main__.py (vLLM's own are added to them), the path in
python/kserve/kserve/protocol/rest/openai/endpoints.py, and that an inference service's arguments come after its
runtime's in pkg/controller/v1beta1/inferenceservice/utils/utils.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from components.serving import ModelConfig
from mlops.core.config import Config

FORMAT = "huggingface"
PATH = "/openai/v1"
"""Where the server answers as OpenAI's API does."""


class LanguageModelConfig(Config):
    """How vLLM runs a language model."""

    most_tokens: int | None = Field(default=None, ge=16, le=10_000_000)
    """Longest request with its answer, in tokens; null takes the model's own, for which its GPUs may have no memory."""
    dtype: Literal["auto", "float16", "bfloat16"] = "auto"
    """Type of the weights; auto takes the model's own."""
    gpu_memory_percent: int = Field(default=90, ge=10, le=98)
    """Share of each GPU's memory that it takes: weights first, what is left holds requests."""


def arguments(config: LanguageModelConfig) -> list[str]:
    """For the server, after the runtime's own. What people ask is in no log."""
    return [
        "--backend=vllm",
        f"--dtype={config.dtype}",
        f"--gpu-memory-utilization={config.gpu_memory_percent / 100:.2f}",
        "--disable_log_requests",
        *([f"--max_model_len={config.most_tokens}"] if config.most_tokens else []),
    ]


def problems(models: Sequence[ModelConfig], language_models: Mapping[str, LanguageModelConfig]) -> Iterator[str]:
    """Why they cannot run, one sentence each."""
    known = {model.name: model for model in models}
    for name in language_models:
        model = known.get(name)
        if model is None:
            yield f"language_models names {name}, which is no model; allowed: {', '.join(known) or 'none'}"
            continue
        if model.format != FORMAT:
            yield (
                f'language_models names {name}, whose format is "{model.format}"; vLLM loads models in the form of '
                f"Hugging Face: set its format to {FORMAT}"
            )
        if not model.gpus:
            yield (
                f"language model {name} asks for no GPU, and vLLM runs on GPUs; set its gpus to 1 or more, and give "
                "the cluster a node group with `gpu: true`"
            )
        if model.trial:
            yield (
                f"language model {name} has a {model.trial}, and KServe's splitter neither streams nor passes on the "
                "path of a request; serve the other model under a name of its own"
            )
