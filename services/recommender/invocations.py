"""What SageMaker asks of a container: `/ping`, and `/invocations` for everything else.

SageMaker starts the image with the one argument `serve` and asks on port 8080, or on SAGEMAKER_BIND_TO_PORT.
Source: SageMaker developer guide, "Custom inference code with hosting services".
"""

from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field, model_validator

from recommender.api import for_caller
from recommender.catalogue import Filters
from recommender.rules import Price
from recommender.schema import ModelInfo, Problem, Recommendations
from recommender.service import Service


class Invocation(BaseModel):
    """One request, with what `GET /recommendations/{user_id}` takes in its path and query."""

    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[str, Field(min_length=1, max_length=256)]
    k: Annotated[int, Field(ge=1, le=100, description="How many products, at most")] = 10
    exclude: Annotated[
        tuple[Annotated[str, Field(max_length=256)], ...],
        Field(max_length=200, description="Products that may not be among them"),
    ] = ()
    category: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=256)], ...],
        Field(max_length=20, description="Of the catalogue; products of any of these, and no others"),
    ] = ()
    min_price: Price | None = None
    max_price: Price | None = None
    in_stock: bool = True

    @model_validator(mode="after")
    def _some_price_lies_between(self) -> "Invocation":
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise ValueError(f"no price lies between min_price {self.min_price:g} and max_price {self.max_price:g}")
        return self


def routes(service: Service) -> APIRouter:
    """The router of one service."""
    router = APIRouter(tags=["sagemaker"])

    @router.get(
        "/ping",
        response_class=Response,
        responses={200: {"description": "Requests may come"}, 503: {"description": "No model is loaded yet"}},
    )
    async def ping() -> Response:
        """Whether requests may come. The body is empty: SageMaker looks at the status alone."""
        ready = service.current is not None
        return Response(status_code=status.HTTP_200_OK if ready else status.HTTP_503_SERVICE_UNAVAILABLE)

    @router.post(
        "/invocations",
        responses={
            400: {"model": Problem, "description": "The body is no text"},
            409: {"model": Problem, "description": "There is no catalogue to filter by"},
            503: {"model": Problem, "description": "No model is loaded yet"},
        },
    )
    async def invocations(request: Request, body: Invocation) -> Recommendations:
        """The same answer as GET /recommendations, reasons for the same callers."""
        filters = Filters(body.category, body.min_price, body.max_price, body.in_stock)
        model, role, cold, found = service.recommend(body.user_id, body.k, body.exclude, filters)
        told = for_caller(service, request, body.user_id, found)
        info = ModelInfo(
            name=service.settings.model_name,
            version=model.version,
            kind=model.kind,
            data_version=model.manifest.data_version,
            role=role,
        )
        return Recommendations(user_id=body.user_id, cold=cold, model=info, recommendations=told)

    return router
