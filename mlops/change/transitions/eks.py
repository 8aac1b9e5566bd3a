"""Clusters and node groups. Texts as the API gave them in public reports of the tools named."""

from mlops.change.transitions.step import Refusal, Rules, Step, one_way

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_SKEW = "EKS user guide, 'Update existing cluster to new Kubernetes version'"


def _control_plane_version(step: Step) -> Refusal | None:
    """One minor version up at a time, and never back."""
    versions = step.versions("version")
    if versions is None:
        return None
    old, new = (found[:2] for found in versions)
    if old[:1] == new[:1] and len(new) == len(old) == 2 and new[1] in (old[1], old[1] + 1):
        return None
    before, after = step.texts("version")
    if new < old:
        instead = f"A control plane does not go back: keep {before}, or bring up a second cluster and move what runs."
    else:
        between = ", ".join(f"{old[0]}.{minor}" for minor in range(old[1] + 1, new[-1] + 1))
        instead = f"Go one minor version at a time, an `up` for each, the node groups after the cluster: {between}."
    return Refusal(
        path="version",
        words=f"InvalidParameterException: Unsupported Kubernetes minor version update from {before} to {after}",
        instead=instead,
        source=f"rancher/rancher issues 26908 and 43316; {_SKEW}",
    )


def _node_version(step: Step) -> Refusal | None:
    """Nodes do not go back either."""
    versions = step.versions("version")
    if versions is None or versions[1][:2] >= versions[0][:2]:
        return None
    before, after = step.texts("version")
    return Refusal(
        path="version",
        words=f"a node group is not rolled back from Kubernetes {before} to {after}",
        instead=f"Keep {before}, or make a second group of version {after} and drop the first.",
        source="EKS user guide, 'Update a managed node group for your cluster'",
    )


def _sizes(step: Step) -> Refusal | None:
    """The desired size lies between the smallest and the largest; the autoscaler sets it, and the program leaves it."""
    least, most = step.numbers("scalingConfig.minSize"), step.numbers("scalingConfig.maxSize")
    desired = step.numbers("scalingConfig.desiredSize")
    if desired is None:
        return None
    if least and least[1] > desired[1]:
        words = (
            f"InvalidParameterException: Minimum capacity {least[1]} can't be greater than desired size {desired[1]}"
        )
        path, size = "scalingConfig.minSize", least[1]
    elif most and most[1] < desired[1]:
        words = f"InvalidParameterException: desiredSize can't be greater than maxSize: {desired[1]} and {most[1]}"
        path, size = "scalingConfig.maxSize", most[1]
    else:
        return None
    return Refusal(
        path=path,
        words=words,
        instead="The program leaves the desired size to the autoscaler, so set it by hand: `aws eks "
        f"update-nodegroup-config --cluster-name … --nodegroup-name … --scaling-config desiredSize={size}`, then "
        "`pulumi refresh`, then this change.",
        source="terraform-aws-modules/terraform-aws-eks issues 3306 and 3521; wandb/terraform-aws-wandb issue 201",
    )


RULES: Rules = {
    CLUSTER: (
        _control_plane_version,
        one_way(
            "accessConfig.authenticationMode",
            frozenset({("CONFIG_MAP", "API_AND_CONFIG_MAP"), ("API_AND_CONFIG_MAP", "API")}),
            "InvalidParameterException: Unsupported authentication mode update from {before} to {after}",
            "From CONFIG_MAP by way of API_AND_CONFIG_MAP to API, an `up` for each, and never back.",
            "EKS user guide, 'Change authentication mode to use access entries'",
        ),
    ),
    NODE_GROUP: (_node_version, _sizes),
}
