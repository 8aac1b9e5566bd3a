"""What is decided about the account and the tags of everything in it."""

from typing import Literal

from pydantic import Field, model_validator

from mlops.core.config import Config
from mlops.core.fields.aws import AccountId, GivenTagValue, Profile, RoleArn, TagKey, TagValue


class AccountConfig(Config):
    """Whose AWS account, and as whom."""

    id: AccountId | None = None
    """The account that this stack may touch; any other is refused before the first call. 12 digits."""
    profile: Profile | None = None
    """Profile of the AWS CLI's configuration; null takes the environment's credentials."""
    role_arn: RoleArn | None = None
    """Role to assume for everything."""


MOST_EXTRA_TAGS = 34
"""AWS holds 50 tags a resource. Six are the platform's own; up to ten more come from EKS and the controllers on what
they make (Name, the cluster, the node group, the volume's claim). Source: AWS tagging reference, "Tag limits"."""


OWN_TAGS = {
    "Project": "",
    "Environment": "",
    "ManagedBy": "",
    "Owner": ", which is set at tags.owner",
    "CostCenter": ", which is set at tags.cost_center",
    "DataClassification": ", which is set at tags.data_classification",
    "Name": "",
}
"""Tags that the platform sets, and where a stack file says their value."""


class TagsConfig(Config):
    """Tags beside Project, Environment and ManagedBy, which follow from the stack."""

    owner: GivenTagValue = "platform-team"
    """Who answers for the stack."""
    cost_center: GivenTagValue = "engineering"
    """Who pays for it."""
    data_classification: Literal["public", "internal", "confidential", "restricted"] = "confidential"
    """How the data is classed that the stack holds, the most sensitive of it."""
    extra: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=MOST_EXTRA_TAGS)
    """Further tags."""

    @model_validator(mode="after")
    def _each_tag_once(self) -> "TagsConfig":
        """IAM takes `team` and `Team` for one tag (IAM user guide, "Tags for IAM resources")."""
        seen = {key.lower(): f"the platform's own {key}{hint}" for key, hint in OWN_TAGS.items()}
        for key in self.extra:
            if (other := seen.get(key.lower())) is not None:
                raise ValueError(f'extra holds "{key}" and there is {other} already; keys differ by more than case')
            seen[key.lower()] = f"extra.{key}"
        return self
