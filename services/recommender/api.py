"""Routes of the recommender's own API."""

import secrets
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field
from starlette.responses import PlainTextResponse

from recommender.catalogue import Filters
from recommender.deployment import Role
from recommender.events import QueueFullError
from recommender.gate import caller_of, charge
from recommender.impressions import LOOP_AGENT
from recommender.login import INSIDE, Caller
from recommender.model import Model, Recommendation
from recommender.schema import (
    Accepted,
    Events,
    Health,
    LoadedModel,
    ModelInfo,
    Problem,
    Readiness,
    Recommendations,
    Similar,
)
from recommender.service import Service

_Documented = dict[int | str, dict[str, object]]
_NOT_READY: _Documented = {503: {"model": Problem, "description": "No model is loaded yet"}}
_NO_CATALOGUE: _Documented = {409: {"model": Problem, "description": "There is no catalogue to filter by"}}
_NO_PATH: _Documented = {404: {"model": Problem, "description": "An id with a line break, which no path can hold"}}
_Id = Annotated[str, Path(min_length=1, max_length=256)]
_K = Annotated[int, Query(ge=1, le=100, description="How many products, at most")]

_Excluded = Annotated[
    tuple[Annotated[str, Field(max_length=256)], ...],
    Query(max_length=200, description="Products that may not be among them: out of stock, withdrawn, shown already"),
]


_Categories = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=256)], ...],
    Query(alias="category", max_length=20, description="Of the catalogue; products of any of these, and no others"),
]
_Price = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Products without a price are left out")]
_InStock = Annotated[bool, Query(description="false shows what is out of stock as well")]


async def _filters(
    category: _Categories = (), min_price: _Price = None, max_price: _Price = None, in_stock: _InStock = True
) -> Filters:
    """What the query asks for."""
    if min_price is not None and max_price is not None and min_price > max_price:
        text = f"no price lies between min_price {min_price:g} and max_price {max_price:g}"
        raise RequestValidationError([{"type": "value_error", "loc": ("query", "min_price"), "msg": text}])
    return Filters(category, min_price, max_price, in_stock)


class _Exposition(PlainTextResponse):
    # The version in it is part of the contract with the scraper.
    media_type = CONTENT_TYPE_LATEST


def routes(service: Service) -> APIRouter:
    """The router of one service."""
    router = APIRouter()
    router.include_router(_operations(service), tags=["operations"])
    router.include_router(_recommendations(service), tags=["recommendations"])
    router.include_router(_events(service), tags=["events"])
    return router


def _recommendations(service: Service) -> APIRouter:
    router = APIRouter()

    def info(model: Model, role: Role, response: Response) -> ModelInfo:
        response.headers["x-model-version"] = model.version
        response.headers["x-model-role"] = role
        return ModelInfo(
            name=service.settings.model_name,
            version=model.version,
            kind=model.kind,
            data_version=model.manifest.data_version,
            role=role,
        )

    @router.get("/recommendations/{user_id:path}", responses={**_NO_PATH, **_NO_CATALOGUE, **_NOT_READY})
    async def recommendations(
        request: Request,
        response: Response,
        user_id: _Id,
        filters: Annotated[Filters, Depends(_filters)],
        k: _K = 10,
        exclude: _Excluded = (),
    ) -> Recommendations:
        """Products that the user has not had, best first; unknown users get what is popular.

        Products that are withdrawn, out of stock or excluded by a rule are not among them. Events that this process
        accepted count at once: what was just bought is not recommended, and what it says of a user's taste is heeded,
        of one whom the model does not know as well. The user's products that caused a recommendation are told to the
        user, to operators, and where there is no login.
        """
        seen = request.headers.get("user-agent") != LOOP_AGENT
        model, role, cold, found = service.recommend(user_id, k, exclude, filters, seen=seen)
        told = for_caller(service, request, user_id, found)
        return Recommendations(user_id=user_id, cold=cold, model=info(model, role, response), recommendations=told)

    @router.get(
        "/products/{product_id:path}/similar",
        responses={404: {"model": Problem, "description": "The model does not know the product"}, **_NOT_READY},
    )
    async def similar(product_id: _Id, response: Response, k: _K = 10) -> Similar:
        """Neighbours of a product that may be shown, most similar first."""
        champion = service.serving.champion
        try:
            found = champion.similar(product_id, k, service.shown(champion))
        except KeyError:
            detail = f"Model version {champion.version} does not know product {product_id!r}."
            raise HTTPException(status.HTTP_404_NOT_FOUND, detail) from None
        return Similar(product_id=product_id, model=info(champion, "champion", response), similar=found)

    return router


def _events(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/events",
        status_code=status.HTTP_202_ACCEPTED,
        responses={
            403: {"model": Problem, "description": "An event of somebody else"},
            413: {"model": Problem, "description": "The body is larger than any valid one"},
            503: {"model": Problem, "description": "No stream, or too many events wait for it: try again later"},
        },
    )
    async def events(request: Request, body: Events) -> Accepted:
        """Take one event or a list of them for the stream: all, or none."""
        if service.writer is None:
            detail = "No stream is configured: set MLOPS_STREAM."
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, detail)
        batch = body if isinstance(body, list) else [body]
        caller = caller_of(request)
        charge(request, len(batch))
        if caller.person is not None and not all(_is(service, caller, event.user_id) for event in batch):
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "With the token of a person only that person's events are sent."
            )
        try:
            service.accept(batch)
        except QueueFullError:
            detail = f"{service.settings.event_queue} events may wait for the stream, and these do not fit: try again."
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"}) from None
        return Accepted(accepted=len(batch), event_ids=[event.event_id for event in batch])

    return router


def _operations(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    async def health() -> Health:
        """The process answers."""
        return Health()

    @router.get("/ready", responses={503: {"model": Readiness, "description": "No model is loaded yet"}})
    async def ready(request: Request, response: Response) -> Readiness:
        """A model is loaded: which, and whether it is the one that the registry wants."""
        readiness = _readiness(service)
        if readiness.problem and not caller_of(request).operator:
            # It names addresses.
            readiness.problem = "Operators are told."
        if readiness.status != "ready":
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return readiness

    @router.get(
        "/metrics",
        response_class=_Exposition,
        responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> _Exposition:
        """Metrics for Prometheus."""
        return _Exposition(service.metrics.text())

    @router.post(
        "/admin/reload",
        responses={
            401: {"model": Problem, "description": "The bearer token is missing or wrong"},
            403: {"model": Problem, "description": "No token is configured"},
            503: {"model": Readiness, "description": "There is still no model"},
        },
    )
    async def reload(
        request: Request, response: Response, authorization: Annotated[str | None, Header()] = None
    ) -> Readiness:
        """Look at the registry and at the rules now instead of at the next poll, and answer when it is done."""
        # Being inside is enough for everything else.
        if caller_of(request) is INSIDE:
            _refuse_stranger(service, authorization)
        await service.refresh()
        return await ready(request, response)

    return router


def for_caller(service: Service, request: Request, user_id: str, found: list[Recommendation]) -> list[Recommendation]:
    """The same without reasons where they are none of the caller's business: they name what the user took."""
    caller = caller_of(request)
    if caller.operator or _is(service, caller, user_id):
        return found
    return [replace(item, because=()) for item in found]


def _is(service: Service, caller: Caller, user_id: str) -> bool:
    """Whether the caller is that user."""
    return caller.person is not None and service.name_of(caller.person) == service.name_of(user_id)


def _refuse_stranger(service: Service, authorization: str | None) -> None:
    token = service.settings.admin_token
    if token is None:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "No token is configured: set MLOPS_ADMIN_TOKEN.")
    expected = f"Bearer {token.get_secret_value()}".encode()
    if not secrets.compare_digest((authorization or "").encode(), expected):
        detail = "Send the header Authorization: Bearer with the value of MLOPS_ADMIN_TOKEN."
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def _readiness(service: Service) -> Readiness:
    serving = service.current
    return Readiness(
        status="ready" if serving is not None else "not ready",
        name=service.settings.model_name,
        mode=serving.mode if serving is not None else "rolling",
        percent=serving.percent if serving is not None else 0.0,
        models={role: _loaded(model) for role, model in serving.roles().items()} if serving is not None else {},
        problem=service.problem,
    )


def _loaded(model: Model) -> LoadedModel:
    return LoadedModel(
        version=model.version,
        kind=model.kind,
        data_version=model.manifest.data_version,
        created=model.manifest.created,
        users=len(model.users),
        products=len(model.products),
    )
