"""Bodies of the HTTP API."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from recommender.manifest import Kind
from recommender.model import Recommendation

MOST_EVENTS = 500
"""Events of one request."""
_CLOCK_SKEW = timedelta(minutes=5)

Identifier = Annotated[str, Field(min_length=1, max_length=256)]
"""Id of a user or a product. 256 characters are also what Kinesis takes as a partition key."""


class ModelInfo(BaseModel):
    """The model that answered: with its version the registry leads back to the data."""

    name: str
    version: str
    kind: Kind
    data_version: str
    role: Literal["champion", "canary", "ab"]


class Recommendations(BaseModel):
    """Products for a user, best first."""

    user_id: str
    cold: bool
    """Whether the model does not know the user, so that popularity answers."""
    model: ModelInfo
    recommendations: list[Recommendation]


class Similar(BaseModel):
    """Neighbours of a product, most similar first."""

    product_id: str
    model: ModelInfo
    similar: list[Recommendation]


class Problem(BaseModel):
    """What is wrong, in one sentence."""

    detail: str


class Health(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class LoadedModel(BaseModel):
    """A model in memory."""

    version: str
    kind: Kind
    data_version: str
    created: str
    users: int
    products: int


class Readiness(BaseModel):
    """What is served."""

    status: Literal["ready", "not ready"]
    name: str
    mode: Literal["rolling", "canary", "shadow", "ab"]
    percent: float
    """Share of users that the challenger answers or is compared on."""
    models: dict[str, LoadedModel]
    """By role: champion, and canary or shadow."""
    problem: str | None
    """Why what is served is not what the registry wants."""


def _text_only(given: object) -> object:
    # A number would be taken for seconds, or for milliseconds, depending on how large it is.
    if isinstance(given, int | float):
        raise ValueError("give the time as text, as in 2026-01-31T12:00:00Z")
    return given


def _not_in_the_future(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + _CLOCK_SKEW:
        raise ValueError("the event lies in the future")
    return moment


class Event(BaseModel):
    """Something that a user did with a product."""

    model_config = ConfigDict(extra="forbid")

    user_id: Identifier
    product_id: Identifier
    event_type: Literal["view", "cart", "purchase"]
    timestamp: Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_not_in_the_future)] = Field(
        default_factory=lambda: datetime.now(UTC)
    )
    """When, with a time zone; now where it is not given."""
    event_id: Identifier = Field(default_factory=lambda: str(uuid.uuid4()))
    """Made here where it is not given; give one to send an event again without counting it twice."""


Events = Event | Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]


class Accepted(BaseModel):
    """The events wait for the stream."""

    accepted: int
    event_ids: list[str]
