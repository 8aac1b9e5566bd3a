"""The V2 (Open Inference) protocol, so that KServe, Seldon and their clients can ask the recommender.

https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import asyncio
import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response, status
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from recommender.model import Model
from recommender.service import Service

MOST_USERS = 1_000
"""Users of one request."""
_USERS_BETWEEN_YIELDS = 10
_MOST_PRODUCTS = 100

_Text = Annotated[str, Path(min_length=1)]


class ProtocolError(Exception):
    """Answered as the protocol demands: a status and `{"error": ...}`."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code


class ErrorBody(BaseModel):
    """The protocol's error."""

    error: str


class ServerMetadata(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """The server, or the model, can answer."""

    ready: bool


class TensorMetadata(BaseModel):
    """Name, type and shape of a tensor; -1 stands for any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What the model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Parameters(BaseModel):
    """Parameters of a request; those that are not known are ignored, as the protocol has it."""

    k: int = Field(10, ge=1, le=_MOST_PRODUCTS)
    """How many products a user gets."""


class InputTensor(BaseModel):
    """The users."""

    name: Literal["user_id"]
    datatype: Literal["BYTES"]
    shape: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=2)
    """[users], or [users, 1]."""
    data: list[Annotated[str, Field(max_length=256)] | list[Annotated[str, Field(max_length=256)]]] = Field(
        max_length=MOST_USERS
    )
    """Flat, or one list a user."""


class OutputChoice(BaseModel):
    """An output that is asked for."""

    name: Literal["product_id", "score"]


class InferenceRequest(BaseModel):
    """Users to recommend for."""

    id: str | None = None
    parameters: Parameters = Parameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[OutputChoice] = []


class OutputTensor(BaseModel):
    """A tensor, row by row."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str] | list[float]


class InferenceResponse(BaseModel):
    """Products and scores; where a user has fewer than k left, "" and 0 fill the row."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


_Documented = dict[int | str, dict[str, Any]]
_UNKNOWN: _Documented = {404: {"model": ErrorBody, "description": "No such model or version"}}
_NOT_READY: _Documented = {503: {"model": Ready, "description": "No model is loaded yet"}}


_INFER: _Documented = {
    400: {"model": ErrorBody, "description": "The request is not one of this model"},
    413: {"model": ErrorBody, "description": "The body is larger than any valid one"},
    **_UNKNOWN,
    **_NOT_READY,
}


def routes(service: Service) -> APIRouter:
    """The router of one service."""
    router = APIRouter(prefix="/v2", tags=["V2 inference protocol"])
    server = service.settings.model_name

    def ready(response: Response) -> Ready:
        is_ready = service.deployment.serving is not None
        if not is_ready:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Ready(ready=is_ready)

    def check(name: str) -> None:
        if name != server:
            raise ProtocolError(status.HTTP_404_NOT_FOUND, f"There is no model {name!r}; there is {server!r}.")

    def pick(name: str, version: str | None) -> Model:
        check(name)
        loaded = service.serving.roles().values()
        if version is None:
            return service.serving.champion
        found = {model.version: model for model in loaded}.get(version)
        if found is None:
            known = " and ".join(model.version for model in loaded)
            raise ProtocolError(status.HTTP_404_NOT_FOUND, f"Version {version!r} is not loaded; {known} is.")
        return found

    @router.get("")
    async def metadata() -> ServerMetadata:
        """The server."""
        return ServerMetadata(name="recommender", version="2", extensions=[])

    @router.get("/health/live")
    async def live() -> Live:
        """The process answers."""
        return Live(live=True)

    @router.get("/health/ready", responses=_NOT_READY)
    async def server_ready(response: Response) -> Ready:
        """A model is loaded."""
        return ready(response)

    @router.get("/models/{name}", responses=_UNKNOWN)
    async def model_metadata(name: _Text) -> ModelMetadata:
        """What the model takes and gives."""
        check(name)
        serving = service.deployment.serving
        return _metadata(name, [model.version for model in serving.roles().values()] if serving is not None else [])

    @router.get("/models/{name}/versions/{version}", responses={**_UNKNOWN, **_NOT_READY})
    async def version_metadata(name: _Text, version: _Text) -> ModelMetadata:
        """What one version of the model takes and gives."""
        return _metadata(name, [pick(name, version).version])

    @router.get("/models/{name}/ready", responses={**_UNKNOWN, **_NOT_READY})
    async def model_ready(name: _Text, response: Response) -> Ready:
        """The model is loaded."""
        check(name)
        return ready(response)

    @router.get("/models/{name}/versions/{version}/ready", responses={**_UNKNOWN, **_NOT_READY})
    async def version_ready(name: _Text, version: _Text) -> Ready:
        """This version of the model is loaded."""
        pick(name, version)
        return Ready(ready=True)

    @router.post("/models/{name}/infer", responses=_INFER)
    async def infer(name: _Text, request: InferenceRequest) -> InferenceResponse:
        """Recommend for up to 1,000 users. One request, one version: the champion answers, in a canary as well."""
        return await _infer(pick(name, None), name, request)

    @router.post("/models/{name}/versions/{version}/infer", responses=_INFER)
    async def infer_version(name: _Text, version: _Text, request: InferenceRequest) -> InferenceResponse:
        """Recommend with one of the loaded versions, a challenger included."""
        return await _infer(pick(name, version), name, request)

    return router


def _metadata(name: str, versions: list[str]) -> ModelMetadata:
    return ModelMetadata(
        name=name,
        versions=versions,
        platform="numpy",
        inputs=[TensorMetadata(name="user_id", datatype="BYTES", shape=[-1])],
        outputs=[
            TensorMetadata(name="product_id", datatype="BYTES", shape=[-1, -1]),
            TensorMetadata(name="score", datatype="FP64", shape=[-1, -1]),
        ],
    )


async def _infer(model: Model, name: str, request: InferenceRequest) -> InferenceResponse:
    users = _users(request.inputs[0])
    width = min(request.parameters.k, len(model.products))
    products: list[str] = []
    scores: list[float] = []
    for index, user in enumerate(users):
        if index and index % _USERS_BETWEEN_YIELDS == 0:
            # A long batch must not make single requests wait.
            await asyncio.sleep(0)
        found = model.recommend(user, width)
        missing = width - len(found)
        products += [item.product_id for item in found] + [""] * missing
        scores += [item.score for item in found] + [0.0] * missing
    shape = [len(users), width]
    outputs = [
        OutputTensor(name="product_id", datatype="BYTES", shape=shape, data=products),
        OutputTensor(name="score", datatype="FP64", shape=shape, data=scores),
    ]
    chosen = {choice.name for choice in request.outputs}
    return InferenceResponse(
        model_name=name,
        model_version=model.version,
        id=request.id,
        outputs=[output for output in outputs if not chosen or output.name in chosen],
    )


def _users(tensor: InputTensor) -> list[str]:
    users: list[str] = []
    for item in tensor.data:
        users += item if isinstance(item, list) else [item]
    if math.prod(tensor.shape) != len(users) or tensor.shape[1:] not in ([], [1]):
        message = f"Tensor user_id has shape {tensor.shape} and {len(users)} values; expected [n] or [n, 1] and n."
        raise ProtocolError(status.HTTP_400_BAD_REQUEST, message)
    return users


async def protocol_error(_: Request, error: ProtocolError) -> JSONResponse:
    """Answer a ProtocolError."""
    return JSONResponse({"error": str(error)}, error.status_code)
