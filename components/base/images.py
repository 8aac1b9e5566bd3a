"""Images by the name that settings give them: a repository of the platform's registry, or a whole reference."""

from typing import TYPE_CHECKING

import pulumi

from mlops.core.fields.containers import of_registry

if TYPE_CHECKING:
    from components.registry import RegistryOutputs


def repository_of(image: str) -> str | None:
    """The repository of the platform's registry that an image lies in; None for a whole reference."""
    return None if of_registry(image) else image.partition("@")[0].partition(":")[0]


def found(image: str, registry: "RegistryOutputs") -> pulumi.Input[str]:
    """The whole reference of an image."""
    repository = repository_of(image)
    if repository is None:
        return image
    return pulumi.Output.concat(registry.urls[repository], image.removeprefix(repository))
