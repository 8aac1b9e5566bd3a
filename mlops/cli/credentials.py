"""Whether AWS credentials are at hand, told from the environment and the AWS files alone: no call is made."""

import configparser
import os
from pathlib import Path

HINT = "Sign in with `aws sso login` or `aws configure`, or set AWS_PROFILE."

_BY_VARIABLE = {
    "AWS_ACCESS_KEY_ID": "access key in the environment",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web identity token",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "credentials of the container",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "credentials of the container",
}
_SOURCES = ("aws_access_key_id", "sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")


def found(profile: str | None = None) -> str | None:
    """Where credentials would come from, in a few words; None if there are none.

    `profile` is the one that the stack file names; it wins over the environment, as in the AWS SDKs.
    """
    wanted = profile or os.environ.get("AWS_PROFILE")
    if not profile:
        for variable, words in _BY_VARIABLE.items():
            if os.environ.get(variable):
                return words
    name = wanted or "default"
    return f"profile {name}" if name in _profiles() else None


def _profiles() -> set[str]:
    """Profiles that say where their credentials come from."""
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": Path.home() / ".aws" / "credentials",
        "AWS_CONFIG_FILE": Path.home() / ".aws" / "config",
    }
    names = set()
    for variable, default in files.items():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(os.environ.get(variable) or default)
        except configparser.Error:
            continue
        for section in parser.sections():
            if any(key in parser[section] for key in _SOURCES):
                names.add(section.removeprefix("profile ").strip())
    return names
