"""Slot: where people open notebooks on the platform's data."""

from typing import ClassVar

from components.surroundings import DependentConfig


class NotebooksConfig(DependentConfig):
    """Where people open notebooks."""

    exported: ClassVar[frozenset[str]] = frozenset({"notebooksUrl"})
