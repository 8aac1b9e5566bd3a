"""What a team may have: people, room, rights, money."""

from typing import Annotated

from pydantic import Field

from mlops.core.budget import Usd
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import PrincipalArn
from mlops.core.fields.containers import GrantWords
from mlops.core.fields.kubernetes import Cpu, Memory

CORES, MEMORY_GIB, GPUS, VOLUMES = 100, 200, 4, 10
"""What a team has unless it says otherwise, and the nodes have it: the platform's requirements, "Team-specific
namespaces"."""


class QuotaConfig(Config):
    """What all pods of a team together may request. A team's quota is a bound and no reservation: all of them together
    may be more than the nodes have."""

    cpu: Cpu | None = None
    """Cores (Kubernetes quantity); null: 100, or all that the node groups can grow to where that is less."""
    memory: Memory | None = None
    """Memory (Kubernetes quantity); null: 200Gi, or all that the node groups can grow to where that is less."""
    gpus: int | None = Field(default=None, ge=0, le=10_000)
    """NVIDIA GPUs; null: 4, or all that the node groups can grow to where that is less. No pod of a team is kept from
    taking all of them."""
    volumes: int = Field(default=VOLUMES, ge=0, le=10_000)
    """Persistent volume claims."""


class TeamConfig(Config):
    """A team: a namespace of its own with people, a quota and a role, and a folder of its own in every zone of the
    lake."""

    members: Annotated[tuple[PrincipalArn, ...], Unique(most=100)] = ()
    """ARNs of IAM roles or users that may change everything in the team's namespace but its bounds. People who sign in
    by IAM Identity Center come as the role of their permission set (`AWSReservedSSO_…`)."""
    viewers: Annotated[tuple[PrincipalArn, ...], Unique(most=100)] = ()
    """ARNs of those who may look at it, secrets excepted."""
    quota: QuotaConfig = QuotaConfig()
    """What its pods may request."""
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """Rights of its pods beside its own folders (`teams/NAME/` in curated, features and artifacts), its own secrets,
    the tracking server and the models, in plain words: `read storage/curated`, `produce`, `consume`."""
    monthly_usd: Usd | None = None
    """What it may cost in a month, US dollars: a budget over what carries its tag, watched like the stack's
    (`budget`)."""
    protect: bool = True
    """Refuse to take the team away with its volumes. Its folders in the lake stay in any case."""
