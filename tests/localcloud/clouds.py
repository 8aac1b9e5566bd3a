"""The stand-in cloud without an engine, for tests of what it refuses."""

import json
from pathlib import Path
from typing import Any

from localcloud.aws_provider import AwsProvider
from localcloud.catalogue.cluster import kubeconfig
from localcloud.faults import Faults
from localcloud.kubernetes_provider import ApiServer, KubernetesProvider
from localcloud.manifests import Manifests
from localcloud.provider import Setting
from localcloud.world import Thing, World

URN = "urn:pulumi:test::test::"
EVERYWHERE = "10.0.0.0/16"


def trust(*services: str) -> str:
    """A policy that lets AWS services assume a role."""
    statements = [{"Effect": "Allow", "Principal": {"Service": each}, "Action": "sts:AssumeRole"} for each in services]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Cloud:
    """An AWS account and whatever clusters are made in it. Every call raises RefusedError when it is refused."""

    def __init__(self, folder: Path, *, existing: tuple[str, ...] = (), api_server: ApiServer | None = None) -> None:
        self.folder = folder
        self.world = World(existing=existing)
        setting = Setting(world=self.world, faults=Faults())
        self._aws = AwsProvider(setting)
        self._kubernetes = KubernetesProvider(setting, Manifests(folder), api_server)
        self._configured: dict[str, Any] = {}

    def aws(self, type_: str, name: str, /, **inputs: Any) -> Thing:
        """Make an AWS resource."""
        return self._aws.make(f"{URN}{type_}::{name}", inputs, {"region": "eu-west-1"})

    def object(self, type_: str, name: str, /, **inputs: Any) -> Thing:
        """Make a Kubernetes resource on the cluster that `on` chose."""
        return self._kubernetes.make(f"{URN}kubernetes:{type_}::{name}", inputs, self._configured)

    def change(self, thing: Thing, **inputs: Any) -> Thing:
        """Give a resource further inputs."""
        both = {**thing.inputs, **inputs}
        if thing.package == "aws":
            return self._aws.change(thing.urn, thing.id, both, {"region": "eu-west-1"})
        return self._kubernetes.change(thing.urn, thing.id, both, self._configured)

    def delete(self, thing: Thing) -> None:
        if thing.package == "aws":
            self._aws.unmake(thing.urn, thing.id, {"region": "eu-west-1"})
        else:
            self._kubernetes.unmake(thing.urn, thing.id, self._configured)

    def on(self, cluster: Thing) -> None:
        """Let the Kubernetes provider talk to this cluster."""
        name = str(cluster.outputs["name"])
        config = json.dumps(kubeconfig(name, cluster.outputs))
        self._configured = {"kubeconfig": config, "clusterIdentifier": name}

    # What many tests begin with

    def vpc(self, name: str = "network", cidr: str = EVERYWHERE) -> Thing:
        return self.aws("aws:ec2/vpc:Vpc", name, cidrBlock=cidr)

    def subnet(self, vpc: Thing, name: str = "a", cidr: str = "10.0.0.0/24") -> Thing:
        return self.aws("aws:ec2/subnet:Subnet", name, vpcId=vpc.id, cidrBlock=cidr)

    def role(self, name: str, *services: str) -> Thing:
        return self.aws("aws:iam/role:Role", name, name=name, assumeRolePolicy=trust(*services))

    def cluster(self, **more: Any) -> Thing:
        """An EKS cluster in a network of its own, without nodes, chosen for Kubernetes."""
        subnet = self.subnet(self.vpc())
        role = self.role("control-plane", "eks.amazonaws.com")
        cluster = self.aws(
            "aws:eks/cluster:Cluster",
            "cluster",
            name="cluster",
            roleArn=role.outputs["arn"],
            vpcConfig={"subnetIds": [subnet.id]},
            **more,
        )
        self.on(cluster)
        return cluster

    def nodes(self, cluster: Thing) -> Thing:
        """A node group for a cluster."""
        role = self.role("nodes", "ec2.amazonaws.com")
        return self.aws(
            "aws:eks/nodeGroup:NodeGroup",
            "nodes",
            clusterName=cluster.outputs["name"],
            nodeRoleArn=role.outputs["arn"],
            subnetIds=cluster.inputs["vpcConfig"]["subnetIds"],
        )

    def namespace(self, name: str) -> Thing:
        return self.object("core/v1:Namespace", name, metadata={"name": name})
