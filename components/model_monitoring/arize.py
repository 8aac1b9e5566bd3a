"""Arize: what models are asked and answer is sent to another company, which looks for drift and tells.

Nothing is run for it here: workloads that may observe models are told where, and are handed the key. Variables are
those of Arize's own Python client, 8.61.
"""

from typing import Annotated, ClassVar, Literal

import pulumi

from components.base.component import Component
from components.base.external import GuestConfig, guest_role, key_of, no_way_there
from components.base.identity import Grant
from components.base.secret import SecretReference
from components.model_monitoring import OBSERVE, ModelMonitoringConfig
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Form
from mlops.core.fields.containers import Folder
from mlops.core.fields.kubernetes import HostName
from mlops.core.module import StackFacts

SpaceId = Annotated[
    str, Form(r"[A-Za-z0-9+/_=-]+", "a space's ID as Arize shows it: letters, digits and `+/_=-`", most=128)
]


class ImportConfig(GuestConfig):
    """Arize's own jobs that read predictions from the lake, rather than being sent them."""

    folder: Folder = "scores"
    """Folder of the zone of artifacts that they may read: unless said otherwise where batch scores lie."""


class ArizeConfig(ModelMonitoringConfig):
    """Arize AX."""

    kind: Literal["arize"] = "arize"
    card: ClassVar[Card] = Card(
        title="Arize AX",
        best_for="many models of many teams, watched by people who want to ask why and not to run anything for it",
        not_for="what users send where it must not leave the account",
        complexity="low",
        trade_offs="Nothing to run, for a price by volume that the company quotes, and another company that holds data",
        state="None here: Arize keeps what it was sent",
    )
    offered: ClassVar[frozenset[str]] = frozenset({OBSERVE})
    exported: ClassVar[frozenset[str]] = frozenset({"modelMonitoring"})

    host: HostName = "app.arize.com"
    """Where its pages are; a company's own domain where Arize runs one for it."""
    own_domain: HostName | None = None
    """Domain below which all of Arize answers, where the company has one of its own (`ARIZE_BASE_DOMAIN`)."""
    space_id: SpaceId | None = None
    """Space that models belong to; null leaves it to each workload to name one."""
    api_key: SecretReference | None = None
    """Key with which it is sent. Null makes an empty secret, `<stack>/arize/api-key`; workloads start once somebody has
    put the key there."""
    imports: ImportConfig | None = None
    """Role with which Arize reads predictions from the lake; null sends them alone."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """It is elsewhere."""
        return no_way_there("Arize", self.own_domain or self.host, stack)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make what waits for the key, and the role."""
        return Arize(name, self, around, opts)


class Arize(Component[DependentOutputs]):
    """The key's place, what workloads are told, and the role where Arize reads the lake."""

    token = "mlops:index:Arize"

    def __init__(
        self, name: str, config: ArizeConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        key = key_of(
            f"{name}-api-key",
            config.api_key,
            physical=f"{foundation.prefix}/arize/api-key",
            description="Arize's API key",
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        if config.imports:
            guest_role(
                f"{name}-import",
                config.imports,
                physical=f"{foundation.prefix}-arize",
                description="Arize reads predictions of the MLOps platform",
                grants=[foundation.storage.read("artifacts", f"{config.imports.folder}/")],
                opts=self.child,
            )
        told = {"ARIZE_SPACE_ID": config.space_id, "ARIZE_BASE_DOMAIN": config.own_domain}
        self.publish(
            DependentOutputs(
                exports={"modelMonitoring": pulumi.Output.from_input(f"https://{config.host}")},
                offers={
                    OBSERVE: Offer(
                        # HTTPS is open to every workload: there is nothing to be let through.
                        grant=Grant(resource="model_monitoring", access="observe"),
                        variables={name: value for name, value in told.items() if value},
                        secrets={"ARIZE_API_KEY": key},
                    )
                },
            )
        )
