"""Weights & Biases: runs and their charts at another company, or at its server in one's own house.

Nothing is run for it here: workloads that may log experiments are told where, and are handed the key.
"""

from typing import Annotated, ClassVar, Literal

import pulumi

from components.base.component import Component
from components.base.external import key_of, no_way_there
from components.base.identity import Grant
from components.base.secret import SecretReference
from components.experiment_tracking import LOG, ExperimentTrackingConfig
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Form
from mlops.core.fields.kubernetes import HostName
from mlops.core.module import StackFacts

Name = Annotated[
    str,
    Form("[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of Weights & Biases: letters, digits and `_.-`", most=128),
]


class WandbConfig(ExperimentTrackingConfig):
    """Weights & Biases."""

    kind: Literal["wandb"] = "wandb"
    card: ClassVar[Card] = Card(
        title="Weights & Biases",
        best_for="teams that compare many runs in charts and reports, and have an account there already",
        not_for="data that must not leave the account, and a registry that the platform's loop would serve from",
        complexity="low",
        trade_offs="Nothing to run, for a price by seat and a second place beside MLflow where runs are looked for",
        state="None here: Weights & Biases keeps the runs",
    )
    offered: ClassVar[frozenset[str]] = frozenset({LOG})
    exported: ClassVar[frozenset[str]] = frozenset({"experimentTracking"})

    host: HostName = "api.wandb.ai"
    """Where it answers, over HTTPS: the company's own service, or the host of a server of one's own."""
    entity: Name | None = None
    """Team or user whose the runs are; null takes the key's own."""
    project: Name = "mlops"
    """Project of runs that name none."""
    api_key: SecretReference | None = None
    """Key with which runs are logged. Null makes an empty secret, `<stack>/wandb/api-key`; workloads start once
    somebody has put the key there."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """It is elsewhere."""
        return no_way_there("Weights & Biases", self.host, stack)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make what waits for the key."""
        return Wandb(name, self, around, opts)


class Wandb(Component[DependentOutputs]):
    """The key's place, and what workloads are told."""

    token = "mlops:index:Wandb"

    def __init__(
        self, name: str, config: WandbConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        key = key_of(
            f"{name}-api-key",
            config.api_key,
            physical=f"{foundation.prefix}/wandb/api-key",
            description="Weights & Biases' API key",
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        url = f"https://{config.host}"
        variables = {"WANDB_BASE_URL": url, "WANDB_PROJECT": config.project}
        if config.entity:
            variables["WANDB_ENTITY"] = config.entity
        self.publish(
            DependentOutputs(
                exports={"experimentTracking": pulumi.Output.from_input(url)},
                offers={
                    LOG: Offer(
                        # HTTPS is open to every workload: there is nothing to be let through.
                        grant=Grant(resource="experiment_tracking", access="log"),
                        variables=variables,
                        secrets={"WANDB_API_KEY": key},
                    )
                },
            )
        )
