"""Where DAGs come from that do not lie in Airflow's image."""

from typing import Annotated

from pydantic import model_validator

from components.base.secret import SecretReference
from mlops.core.config import Config
from mlops.core.fields import Form

GitUrl = Annotated[
    str,
    Form(
        r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~/-]+",
        "an https:// address of a Git repository, without a user: `https://github.com/example/dags.git`",
        most=500,
    ),
]
GitRef = Annotated[str, Form("[A-Za-z0-9._/-]+", "a branch, a tag or a commit", most=200)]
GitPath = Annotated[
    str, Form(r"(?!.*\.\.)(?:[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?", "a folder of the repository", most=200)
]


class GitConfig(Config):
    """A Git repository with DAGs."""

    repository: GitUrl
    """Its address, over HTTPS: nothing leaves the namespace by SSH."""
    ref: GitRef = "main"
    """Branch, tag or commit."""
    path: GitPath = ""
    """Folder with the DAGs; empty takes the repository's root."""
    username: SecretReference | None = None
    """User who may read it; null where anybody may."""
    password: SecretReference | None = None
    """That user's password or token."""

    @model_validator(mode="after")
    def _both(self) -> "GitConfig":
        if (self.username is None) != (self.password is None):
            given, missing = ("username", "password") if self.username else ("password", "username")
            raise ValueError(f"{given} is set without {missing}; give both, or neither for a repository that is open")
        return self
