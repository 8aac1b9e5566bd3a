"""The V2 (Open Inference) protocol, so that KServe, Seldon and their clients can ask the recommender.

https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import asyncio
import math
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status
from starlette.requests import Request
from starlette.responses import JSONResponse

from recommender.gate import charge
from recommender.model import Model
from recommender.service import Service
from recommender.v2_schema import (
    ErrorBody,
    InferenceRequest,
    InferenceResponse,
    InputTensor,
    Live,
    ModelMetadata,
    ModelReady,
    OutputTensor,
    Ready,
    ServerMetadata,
    TensorMetadata,
)

_USERS_BETWEEN_YIELDS = 10

_Text = Annotated[str, Path(min_length=1)]


class ProtocolError(Exception):
    """Answered as the protocol demands: a status and `{"error": ...}`."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code


_Documented = dict[int | str, dict[str, Any]]
_UNKNOWN: _Documented = {404: {"model": ErrorBody, "description": "No such model or version"}}
_NOT_READY: _Documented = {503: {"model": Ready, "description": "No model is loaded yet"}}
_MODEL_NOT_READY: _Documented = {503: {"model": ModelReady, "description": "No model is loaded yet"}}
_NO_MODEL: _Documented = {503: {"model": ErrorBody, "description": "No model is loaded yet"}}


_INFER: _Documented = {
    400: {"model": ErrorBody, "description": "The request is not one of this model"},
    413: {"model": ErrorBody, "description": "The body is larger than any valid one"},
    **_UNKNOWN,
    **_NO_MODEL,
}


def routes(service: Service) -> APIRouter:
    """The router of one service."""
    router = APIRouter(prefix="/v2", tags=["V2 inference protocol"])
    _server(router, service)
    _metadata_routes(router, service)
    _inference(router, service)
    return router


def _server(router: APIRouter, service: Service) -> None:
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
        return _ready(service, response)


def _metadata_routes(router: APIRouter, service: Service) -> None:
    @router.get("/models/{name}", responses=_UNKNOWN)
    async def model_metadata(name: _Text) -> ModelMetadata:
        """What the model takes and gives."""
        _check(service, name)
        serving = service.current
        return _metadata(name, [model.version for model in serving.roles().values()] if serving is not None else [])

    @router.get("/models/{name}/versions/{version}", responses={**_UNKNOWN, **_NO_MODEL})
    async def version_metadata(name: _Text, version: _Text) -> ModelMetadata:
        """What one version of the model takes and gives."""
        return _metadata(name, [_pick(service, name, version).version])

    @router.get("/models/{name}/ready", responses={**_UNKNOWN, **_MODEL_NOT_READY})
    async def model_ready(name: _Text, response: Response) -> ModelReady:
        """The model is loaded."""
        _check(service, name)
        return ModelReady(name=name, ready=_ready(service, response).ready)

    @router.get("/models/{name}/versions/{version}/ready", responses={**_UNKNOWN, **_NO_MODEL})
    async def version_ready(name: _Text, version: _Text) -> ModelReady:
        """This version of the model is loaded."""
        _pick(service, name, version)
        return ModelReady(name=name, ready=True)


def _inference(router: APIRouter, service: Service) -> None:
    @router.post("/models/{name}/infer", responses=_INFER)
    async def infer(http: Request, name: _Text, request: InferenceRequest) -> InferenceResponse:
        """Recommend for up to 1,000 users. One request, one version: the champion answers, in a canary as well."""
        charge(http, len(request.inputs[0].data))
        return await _infer(service, _pick(service, name, None), name, request)

    @router.post("/models/{name}/versions/{version}/infer", responses=_INFER)
    async def infer_version(http: Request, name: _Text, version: _Text, request: InferenceRequest) -> InferenceResponse:
        """Recommend with one of the loaded versions, a challenger included."""
        charge(http, len(request.inputs[0].data))
        return await _infer(service, _pick(service, name, version), name, request)


def _check(service: Service, name: str) -> None:
    known = service.settings.model_name
    if name != known:
        raise ProtocolError(status.HTTP_404_NOT_FOUND, f"There is no model {name!r}; there is {known!r}.")


def _pick(service: Service, name: str, version: str | None) -> Model:
    _check(service, name)
    serving = service.serving
    if version is None:
        return serving.champion
    loaded = {model.version: model for model in serving.roles().values()}
    if version not in loaded:
        message = f"Version {version!r} is not loaded; loaded: {', '.join(loaded)}."
        raise ProtocolError(status.HTTP_404_NOT_FOUND, message)
    return loaded[version]


def _ready(service: Service, response: Response) -> Ready:
    is_ready = service.current is not None
    if not is_ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Ready(ready=is_ready)


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


async def _infer(service: Service, model: Model, name: str, request: InferenceRequest) -> InferenceResponse:
    users = _users(request.inputs[0])
    width = min(request.parameters.k, len(model.products))
    shown = service.shown(model)
    products: list[str] = []
    scores: list[float] = []
    for index, user in enumerate(users):
        if index and index % _USERS_BETWEEN_YIELDS == 0:
            # A long batch must not make single requests wait.
            await asyncio.sleep(0)
        found = model.recommend(user, width, service.recent_of(user), shown=shown)
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
