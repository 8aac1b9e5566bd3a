"""DVC: a remote in the lake, and the role with which people and pipelines reach it.

There is nothing to run: DVC is a program on people's machines, which puts files into the lake by their hash and their
names into Git. It logs in as whoever calls it: with the role, through a profile of the AWS CLI.
"""

import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import policy_document
from components.base.trust import account_of
from components.data_versioning import VERSION, DataVersioningConfig
from components.surroundings import DependentOutputs, Offer, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import PrincipalArn
from mlops.core.fields.containers import Folder


class DvcConfig(DataVersioningConfig):
    """A DVC remote in the lake."""

    kind: Literal["dvc"] = "dvc"
    card: ClassVar[Card] = Card(
        title="DVC",
        best_for="data sets that belong to code in Git: whoever checks out a commit has its data as well",
        not_for="tables that grow by the hour: every version is a whole file",
        complexity="low",
        trade_offs="Nothing to run and nothing to pay but the lake, which keeps every version until somebody clears it",
        state="Files in the lake, whose versions bring them back for as long as those are kept; their names in Git",
    )
    offered: ClassVar[frozenset[str]] = frozenset({VERSION})
    exported: ClassVar[frozenset[str]] = frozenset({"dvcRemote", "dvcRole"})

    folder: Folder = "dvc"
    """Folder of the remote in the zone of artifacts."""
    principals: Annotated[tuple[PrincipalArn, ...], Unique(most=50)] = ()
    """Roles and users that may take the remote's role; none leaves it to the account's own IAM who may."""
    session_hours: int = Field(default=8, ge=1, le=12)
    """Longest session of the role, hours."""

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the role."""
        return Dvc(name, self, around, opts)


class Dvc(Component[DependentOutputs]):
    """The role of the remote, which reads and writes its folder and nothing else."""

    token = "mlops:index:Dvc"

    def __init__(
        self, name: str, config: DvcConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        foundation = around.foundation
        grant = foundation.storage.write("artifacts", f"{config.folder}/")
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{foundation.prefix}-dvc",
            description="People's versions of data on the MLOps platform",
            assume_role_policy=foundation.keys.data.apply(
                lambda arn: json.dumps(trust(config.principals, account_of(arn)))
            ),
            max_session_duration=config.session_hours * 3600,
            opts=self.child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy", role=role.name, policy=policy_document(grant.statements), opts=self.child
        )
        remote = pulumi.Output.concat("s3://", foundation.storage.buckets["artifacts"], f"/{config.folder}")
        self.publish(
            DependentOutputs(
                exports={
                    "dvcRemote": remote,
                    "dvcRole": pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0])),
                },
                offers={VERSION: Offer(grant=grant, variables={"MLOPS_DVC_REMOTE": remote})},
            )
        )


def trust(principals: Sequence[str], account: str) -> dict[str, object]:
    """Who may take the role: those that are named, or whom the account's own policies let."""
    named = list(principals) or [f"arn:aws:iam::{account}:root"]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": named}, "Action": "sts:AssumeRole"}],
    }
