"""Who comes in, as whom, and what they choose from: logins, groups with rights, sizes of a server."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.base.secret import SecretReference
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.containers import GrantWords, VariableValue
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory, ShortName
from mlops.core.fields.login import ClientId, IssuerUrl, LoginGroup

EVERYBODY = "everybody"
"""Who has the rights that all have."""

Rights = Annotated[tuple[GrantWords, ...], Unique(most=30)]


class PasswordLogin(Config):
    """One password for everybody, made in the cluster: key `password` of the Secret `jupyterhub-login` in namespace
    `notebooks`. Whoever has it comes in under any name, so it is for people who may see each other's work."""

    kind: Literal["password"] = "password"


class OidcLogin(Config):
    """An OpenID Connect provider says who somebody is, and to which groups they belong."""

    kind: Literal["oidc"] = "oidc"
    issuer_url: IssuerUrl
    """The provider, as it names itself: https://login.example.com/realms/ml. What it answers on, the hub asks it for
    when it starts."""
    client_id: ClientId
    """Client registered there, with the redirect URL `https://<host>/hub/oauth_callback`."""
    client_secret: SecretReference
    """The client's secret."""
    username_claim: LoginGroup = "preferred_username"
    """Claim that names a person. A volume belongs to this name: it has to be one that nobody changes or takes over."""
    groups_claim: LoginGroup = "groups"
    """Claim that lists a person's groups."""
    allowed_groups: Annotated[tuple[LoginGroup, ...], Unique(most=100)] = ()
    """Groups of the provider that may come in; none means whoever the provider knows."""
    admin_groups: Annotated[tuple[LoginGroup, ...], Unique(most=100)] = ()
    """Groups whose people may stop servers of others. They may not enter them."""


Login = Annotated[PasswordLogin | OidcLogin, Field(discriminator="kind")]


class PeopleConfig(Config):
    """A group of people whose servers have an identity of their own."""

    name: ShortName
    """What the group is called on the platform."""
    login_group: LoginGroup | None = None
    """The group's name at the provider; null is `name`."""
    grants: Rights = ()
    """What its people may do besides what everybody may, in plain words: `write storage/features`, `track`."""

    @property
    def known_as(self) -> str:
        """What the provider calls it."""
        return self.login_group or self.name


class ProfileConfig(Config):
    """A size of a server that people choose from."""

    name: ShortName
    """What it is called."""
    title: VariableValue
    """What people read."""
    cpu: Cpu = "1"
    """CPU that a server of this size is sure of (Kubernetes quantity); it may take more while nobody else wants it."""
    memory: Memory = "2Gi"
    """Memory that it has, and may not exceed (Kubernetes quantity)."""
    gpus: int = Field(default=0, ge=0, le=16)
    """GPUs of a server."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints. With GPUs it has to be
    said."""

    @model_validator(mode="after")
    def _gpus_are_somewhere(self) -> "ProfileConfig":
        if self.gpus and self.node_group is None:
            raise ValueError(
                f"profile {self.name} asks for GPUs and names no node group; set its node_group to one with GPUs, or "
                "gpus to 0"
            )
        return self


PROFILES = (
    ProfileConfig(name="small", title="Small: 1 CPU, 2 GiB", cpu="1", memory="2Gi"),
    ProfileConfig(name="large", title="Large: 2 CPU, 8 GiB", cpu="2", memory="8Gi"),
)


def check_groups(groups: Sequence[PeopleConfig], login: PasswordLogin | OidcLogin) -> None:
    """Raises:
    ValueError: nobody could belong to a group, or to two by one name.
    """
    if groups and isinstance(login, PasswordLogin):
        names = ", ".join(group.name for group in groups)
        raise ValueError(
            f"groups are {names}, and with login password nobody belongs to a group. Set login.kind to oidc, or leave "
            "groups out"
        )
    if any(group.name == EVERYBODY for group in groups):
        raise ValueError(f"a group is called {EVERYBODY}, which names the rights that all have (grants); rename it")
    known = [group.known_as for group in groups]
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise ValueError(
            f"several groups have login_group {', '.join(twice)}, and its people would be the last of them; give each "
            "group another"
        )
