"""Objects that are handed over: written to a folder of a Git repository, from where somebody else brings them onto the
cluster.

Pulumi's provider for Kubernetes has a mode for it, in which it writes each object as YAML instead of sending it to an
API server. So the graph still holds all of them, and price, capacity and rules look at them as at any other.
"""

from dataclasses import dataclass
from functools import cached_property

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class Handover:
    """Where objects of workloads are handed over."""

    name: str
    """Start of the providers' names."""
    folder: str
    """Folder of the repository, and of where the program runs: `delivery/mlops-dev`."""
    cluster: str
    """Name of the cluster that they are for, which tells its objects from those of others."""

    @cached_property
    def places(self) -> "dict[str, k8s.Provider]":
        """A provider for each folder below; grows with each application."""
        return {}

    @cached_property
    def workloads(self) -> list[pulumi.Resource]:
        """What runs of what was handed over: whoever owns it goes before."""
        return []

    def into(self, place: str, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """The options, for objects that are written below `folder`/`place`."""
        if place not in self.places:
            self.places[place] = k8s.Provider(
                f"{self.name}-{place}",
                render_yaml_to_directory=f"{self.folder}/{place}",
                cluster_identifier=self.cluster,
                opts=opts,
            )
        return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(provider=self.places[place]))
