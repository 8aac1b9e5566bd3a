"""Tecton: features are computed and answered for by another company, which reads the lake from its own account.

Nothing but the connection is made here: the role that Tecton takes, the network path where it has one, and the key.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.external import GuestConfig, guest_role, key_of, no_way_there
from components.base.identity import Egress, Grant
from components.base.secret import SecretReference
from components.base.security_group import MOST_CLIENTS, clients_of, security_group
from components.feature_store import EXPORT, READ, FeatureStoreConfig
from components.foundation import Foundation
from components.storage import Zone
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import SecurityGroupId
from mlops.core.fields.kubernetes import HostName
from mlops.core.module import StackFacts

_HTTPS = 443
EndpointService = Annotated[
    str,
    Form(
        r"com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]+",
        "the name of an endpoint service, `com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0`",
        most=120,
    ),
]


class TectonConfig(FeatureStoreConfig):
    """Tecton, in its own account."""

    kind: Literal["tecton"] = "tecton"
    card: ClassVar[Card] = Card(
        title="Tecton",
        best_for="features from streams within seconds, for companies that have a contract with Tecton",
        not_for="whoever has none: what is made here is the connection and nothing behind it",
        complexity="medium",
        trade_offs="Nothing to run, for a price that the company quotes, and features in its own language",
        state="None here: Tecton keeps it, and the lake what it was made of",
    )
    example: ClassVar[Mapping[str, Any]] = {
        "host": "example.tecton.ai",
        "guest": {"account_id": "123456789012", "external_id": "example-external-id"},
    }
    offered: ClassVar[frozenset[str]] = frozenset({READ})

    host: HostName
    """Where the company's own Tecton answers, over HTTPS: `NAME.tecton.ai`."""
    guest: GuestConfig
    """The role that Tecton takes to read the lake."""
    zones: Annotated[tuple[Zone, ...], Unique(most=4)] = Field(default=("curated",), min_length=1)
    """Zones of the lake that it reads."""
    writes: bool = True
    """Whether it keeps its offline features below `tecton/` in the zone of features."""
    endpoint_service: EndpointService | None = None
    """Endpoint service of Tecton's in the stack's region, through which it is reached without the internet; null goes
    over the internet."""
    client_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique(most=MOST_CLIENTS)] = ()
    """Security groups that may use the endpoint besides the cluster's (sg-0123456789abcdef0)."""
    api_key: SecretReference | None = None
    """Key with which features are asked for. Null makes an empty secret, `<stack>/tecton/api-key`; workloads start once
    somebody has put the key there."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """It is elsewhere, and its endpoint service is of one region."""
        if self.endpoint_service is None:
            return no_way_there("Tecton", self.host, stack)
        region = self.endpoint_service.split(".")[3]
        sentence = (
            f"endpoint_service is {self.endpoint_service}, of {region}, and the stack is in {stack.region}; ask Tecton "
            f"for the one in {stack.region}, or leave it out"
        )
        return () if region == stack.region else (sentence,)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the connection."""
        return Tecton(name, self, around, opts)


class Tecton(Component[DependentOutputs]):
    """A role, a key's place, and an endpoint where there is one."""

    token = "mlops:index:Tecton"

    def __init__(
        self, name: str, config: TectonConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        storage = foundation.storage
        guest_role(
            name,
            config.guest,
            physical=f"{foundation.prefix}-tecton",
            description="Tecton reads the lake of the MLOps platform",
            grants=[
                *(storage.read(zone) for zone in config.zones),
                *([storage.write("features", "tecton/")] if config.writes else []),
            ],
            opts=self.child,
        )
        key = key_of(
            f"{name}-api-key",
            config.api_key,
            physical=f"{foundation.prefix}/tecton/api-key",
            description="Tecton's API key",
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        egress = ()
        if config.endpoint_service:
            egress = (self._endpoint(config.endpoint_service, config, foundation),)
        url = pulumi.Output.from_input(f"https://{config.host}")
        self.publish(
            DependentOutputs(
                exports={EXPORT: url},
                offers={
                    READ: Offer(
                        grant=Grant(resource="feature_store", access="read", egress=egress),
                        variables={"MLOPS_FEATURES_URL": url},
                        secrets={"TECTON_API_KEY": key},
                    )
                },
            )
        )

    def _endpoint(self, service: str, config: TectonConfig, foundation: Foundation) -> Egress:
        """A way into Tecton that stays within AWS; the name is found once Tecton has accepted it."""
        network, cluster = foundation.network, foundation.optional_cluster
        group = security_group(
            self.name,
            vpc_id=network.vpc_id,
            label=f"{foundation.prefix}-tecton",
            description="Tecton's endpoint of the MLOps platform",
            clients=clients_of(cluster.security_group_id if cluster else None, config.client_security_groups),
            ports=[(_HTTPS, _HTTPS)],
            opts=self.child,
        )
        aws.ec2.VpcEndpoint(
            f"{self.name}-endpoint",
            vpc_id=network.vpc_id,
            service_name=service,
            vpc_endpoint_type="Interface",
            subnet_ids=list(network.private_subnet_ids),
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags={"Name": f"{foundation.prefix}-tecton"},
            opts=self.child,
        )
        return Egress(cidrs=network.private_subnet_cidrs, ports=(_HTTPS,), group=group.id)
