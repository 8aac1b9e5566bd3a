"""What the stand-in knows about a type of AWS resource: one `Kind` a type, and a general one for all others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ANYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class Name:
    """The property that carries a type's physical name, and what the service accepts in it."""

    property: str = "name"
    longest: int = 255
    """Characters."""
    shortest: int = 1
    pattern: str = r".*"
    """Regular expression that the whole name must match."""
    prefix: str = ""
    """Input property that asks for a generated name, such as `bucketPrefix`."""
    lower: bool = False
    """Generated names are put into lower case."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A type of AWS resource. Texts are templates over its inputs and over name, logical, id, hash, account, region."""

    id: str = "{logical}-{short}"
    arn: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What AWS adds to the inputs. An input of the same name wins."""
    derive: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Further outputs that a template cannot express, from the same fields."""
    name: Name | None = None
    unique: tuple[str, ...] = ()
    """Inputs that no two resources of the type may have in common, taken together."""
    kept_by: tuple[str, ...] = ()
    """Types that must not refer to it any more when it is deleted; `*` for all."""
    brings: Mapping[str, str] = field(default_factory=dict)
    """Outputs (dotted paths) that identify what AWS makes along with it -> type of that."""
    trust: Mapping[str, str] = field(default_factory=dict)
    """Input that names an IAM role -> the service principal that the role has to trust."""
    tags: bool = True
    """Whether the provider's default tags reach it."""
