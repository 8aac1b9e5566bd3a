"""What SageMaker asks of a container: `/ping`, and `/invocations` for everything else.

SageMaker starts the image with the one argument `serve` and asks on port 8080, or on SAGEMAKER_BIND_TO_PORT.
Source: SageMaker developer guide, "Custom inference code with hosting services".
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from recommender.catalogue import Filters
from recommender.gate import caller_of
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
        """The same answer as GET /recommendations, reasons for operators and where there is no login."""
        model, role, cold, found = service.recommend(body.user_id, body.k, body.exclude, Filters())
        if not caller_of(request).operator:
            found = [replace(item, because=()) for item in found]
        info = ModelInfo(
            name=service.settings.model_name,
            version=model.version,
            kind=model.kind,
            data_version=model.manifest.data_version,
            role=role,
        )
        return Recommendations(user_id=body.user_id, cold=cold, model=info, recommendations=found)

    return router
