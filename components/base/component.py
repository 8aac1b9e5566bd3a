"""The base of every component: a typed name, options for children, and one published outputs value."""

from dataclasses import fields
from typing import ClassVar, Generic, TypeVar

import pulumi

OutputsT = TypeVar("OutputsT")

INTERNAL = {"export": False}
"""Metadata of an outputs field that must not be registered with the engine: a provider, a resource."""


class Component(pulumi.ComponentResource, Generic[OutputsT]):
    """A component resource that publishes one frozen dataclass of outputs.

    A subclass states its type token as a literal, because a token computed from the class name would
    replace live resources when the class is renamed.
    """

    token: ClassVar[str]
    outputs: OutputsT
    """What the component publishes; set by `publish`, the last statement of its constructor."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.token, name, None, opts)
        self.name = name
        self.child = pulumi.ResourceOptions(parent=self)
        """Options for children. Shared freely: nothing changes it."""

    def child_with(self, **options: object) -> pulumi.ResourceOptions:
        """Options for a child that needs more than its parent: `protect`, `depends_on`, `aliases`."""
        return pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(**options))  # type: ignore[arg-type]

    def publish(self, outputs: OutputsT) -> None:
        """Make `outputs` the component's value and register every field that the engine can hold."""
        self.outputs = outputs
        self.register_outputs(
            {
                field.name: getattr(outputs, field.name)
                for field in fields(outputs)  # type: ignore[arg-type]
                if field.metadata.get("export", True)
            }
        )
