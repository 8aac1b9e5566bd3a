"""Providers: a changed one may mean another cluster or another region, and so other resources."""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate
from mlops.plan.values import Properties


def _is_another_cluster(before: Properties, after: Properties) -> bool:
    return not (before.get("clusterIdentifier") and after.get("clusterIdentifier"))


PROVIDERS: Mapping[str, Facts] = {
    "pulumi:providers:aws": Facts(
        source="terraform-provider-aws internal/provider, forceNewIfRegionChanges",
        replaced_by=("region",),
        stops="every resource of the region is made anew in the other one",
    ),
    "pulumi:providers:eks": Facts(source="pulumi-eks: its provider holds no resources of its own"),
    "pulumi:providers:kubernetes": Facts(
        # An unknown or another kubeconfig means another cluster, unless the identifier says that it is the same one.
        source="pulumi-kubernetes provider/pkg/provider/{provider,util}.go, confirmed with the plug-in's own answers",
        replaced_by=("clusterIdentifier",),
        sometimes=dict.fromkeys(("kubeconfig", "context", "cluster"), _is_another_cluster),
        holds="every object that was made through it",
        fates=(Fate(path="", words="every such object is deleted and made anew, in the other cluster"),),
        instead="Keep clusterIdentifier as it is; a second cluster gets a provider of its own.",
    ),
}
