"""SageMaker Studio inside the network: notebooks and editors without a cluster, each person with the rights of a group.

The domain, its users and spaces are those that SageMaker as the ML platform makes; where that is chosen, it makes them
itself, and there is no second domain.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant
from components.base.service_role import service_role
from components.base.trust import account_of
from components.ml_platform.sagemaker import access
from components.ml_platform.sagemaker.studio import Studio, StudioArgs, StudioConfig, StudioName
from components.network.endpoints import of_services
from components.notebooks import NotebooksConfig
from components.surroundings import DependentOutputs, Surroundings, granted
from mlops.core.config import Card, Config
from mlops.core.fields import Unique
from mlops.core.fields.containers import GrantWords
from mlops.core.fields.kubernetes import ShortName
from mlops.core.module import StackFacts

Rights = Annotated[tuple[GrantWords, ...], Unique(most=30)]
_EVERYBODY = "everybody"
_SERVICES = ("ecr", "ec2", "kms", "logs", "sagemaker", "sts")
"""What people call from within the network."""


class StudioGroupConfig(Config):
    """A group of people with rights of their own."""

    name: ShortName
    """What the group is called on the platform."""
    users: Annotated[tuple[StudioName, ...], Unique(most=200), Field(min_length=1)]
    """Who belongs to it; among `studio.users`."""
    grants: Rights = ()
    """What its people may do besides what everybody may: `write storage/features`."""


class SageMakerStudioConfig(NotebooksConfig):
    """SageMaker Studio."""

    kind: Literal["sagemaker_studio"] = "sagemaker_studio"
    card: ClassVar[Card] = Card(
        title="SageMaker Studio",
        best_for="people without a cluster, or a few beside one, who want a notebook that AWS runs",
        not_for="work with models and trackers on the cluster, which Studio does not reach; many people all day long",
        complexity="low",
        trade_offs="nothing to run and nothing to pay while nobody works, for instances that cost more than EC2's own",
        state="The volumes of spaces and the domain's file system, which AWS keeps and which go with them; what has to "
        "last belongs into the lake.",
    )
    endpoints: ClassVar[frozenset[str]] = of_services(_SERVICES)

    studio: StudioConfig = StudioConfig()
    """Users, spaces and sizes."""
    grants: Rights = ("read storage/curated", "read storage/features")
    """What everybody may do, in plain words: `read storage/curated`, `write storage/artifacts`."""
    groups: Annotated[tuple[StudioGroupConfig, ...], Unique(most=50, by="name")] = ()
    """Groups of people who may do more."""

    @model_validator(mode="after")
    def _fits_together(self) -> "SageMakerStudioConfig":
        asked = [("grants", self.grants), *((f"group {one.name}", one.grants) for one in self.groups)]
        for who, words in asked:
            if beyond := [word for word in words if " storage/" not in word]:
                raise ValueError(
                    f"{who} has {', '.join(beyond)}, and Studio runs outside the cluster, from where people reach the "
                    "lake and AWS; leave it out, or choose the kind jupyterhub"
                )
        seen: dict[str, str] = {}
        for one in self.groups:
            if one.name == _EVERYBODY:
                raise ValueError(f"a group is called {_EVERYBODY}, which names the rights that all have; rename it")
            for user in one.users:
                if user not in self.studio.users:
                    allowed = ", ".join(self.studio.users) or "none"
                    raise ValueError(
                        f"group {one.name} has {user}, who is not among studio.users; allowed: {allowed}. Add the user "
                        "there, or take the name out"
                    )
                if other := seen.get(user):
                    raise ValueError(
                        f"{user} is in the groups {other} and {one.name}, and a profile has one role; name each user "
                        "once"
                    )
                seen[user] = one.name
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """One domain is enough, and its subnets have to be private."""
        if stack.filled.get("ml_platform") == "sagemaker":
            sentence = (
                "ml_platform is sagemaker, which makes Studio's domain itself (ml_platform.studio); leave notebooks "
                "out, or choose the kind jupyterhub"
            )
            return (sentence,)
        return self.studio.conflicts(stack)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the domain, and the roles of those who work in it."""
        return SageMakerStudio(name, self, around, opts)


class SageMakerStudio(Component[DependentOutputs]):
    """A role for everybody, one for each group, and the domain."""

    token = "mlops:index:SageMakerStudio"

    def __init__(
        self,
        name: str,
        config: SageMakerStudioConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._around = around
        foundation = around.foundation
        everybody = self._role(_EVERYBODY, config.grants)
        groups = {one.name: self._role(one.name, (*config.grants, *one.grants)) for one in config.groups}
        args = StudioArgs(
            network=foundation.network,
            key_arn=foundation.keys.data,
            prefix=foundation.prefix,
            roles={user: groups[one.name] for one in config.groups for user in one.users},
        )
        domain = Studio(f"{name}-studio", config.studio, args, everybody, self.child).outputs
        self.publish(DependentOutputs(exports={"notebooksUrl": domain.url}))

    def _role(self, group: str, words: Rights) -> pulumi.Output[str]:
        """ARN of a role with these rights and those that Studio itself needs."""
        foundation = self._around.foundation
        account = foundation.keys.data.apply(account_of)

        def here(resource: str) -> pulumi.Output[str]:
            return pulumi.Output.concat(f"arn:aws:sagemaker:{foundation.region}:", account, ":", resource)

        grants: list[Grant] = [
            *(granted(word, self._around) for word in dict.fromkeys(words)),
            access.studio(here),
            access.in_the_network(foundation),
            access.logs(foundation),
        ]
        return service_role(
            f"{self.name}-{group}",
            description=f"SageMaker Studio, {group} of the MLOps platform",
            service="sagemaker.amazonaws.com",
            key_arn=foundation.keys.data,
            statements=[statement for grant in grants for statement in grant.statements],
            opts=self.child,
        )
