"""Slot: what brings back that which no service of AWS keeps by itself: the cluster's objects, and its volumes."""

from components.surroundings import DependentConfig


class BackupConfig(DependentConfig):
    """Backups of what runs on the cluster."""
