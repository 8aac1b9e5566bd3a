"""Bodies of the V2 (Open Inference) protocol, as far as one input and two outputs need them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_USERS = 1_000
"""Users of one request."""
MOST_PRODUCTS = 100
"""Products of one user."""


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


class ModelReady(BaseModel):
    """The model can answer."""

    name: str
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

    k: Annotated[int, Field(ge=1, le=MOST_PRODUCTS)] = 10
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
