"""The program's door to the engine: reads the stack's configuration, makes the AWS provider, exports.

The only file that reads `pulumi.Config`.
"""

import os
import sys

import pulumi
import pulumi_aws as aws
from pulumi.runtime import config as engine_config

from components.platform import PlatformOutputs
from mlops.core.problems import SettingsError
from mlops.settings import Settings, resolve
from mlops.stacks import StackFile

_ALREADY_SHOWN = 32
"""Exit code by which the Python language host tells the engine that the user has seen the error."""


class StackError(pulumi.RunError):
    """The stack's settings cannot be used; the text is complete."""


def load() -> Settings:
    """The settings of the stack that is being deployed.

    Raises:
        StackError: with one complete message. Under the plain CLI the message is logged and the program ends,
            because the engine would add a second, misleading error to an exception.
    """
    config = {**engine_config.get_config_env(), **engine_config.CONFIG.get()}
    secrets = engine_config.get_config_secret_keys_env()
    stack = StackFile(
        name=pulumi.get_stack(), project=pulumi.get_project(), config=config, secret_keys=frozenset(secrets)
    )
    try:
        return resolve(stack)
    except SettingsError as error:
        # Only the language host hands the configuration over in the environment.
        if "PULUMI_CONFIG" not in os.environ:
            raise StackError(error.message) from None
        pulumi.log.error(error.message)
        sys.exit(_ALREADY_SHOWN)


def provider(settings: Settings) -> aws.Provider:
    """The one AWS provider, with the tags that everything carries."""
    account = settings.platform.account
    return aws.Provider(
        "aws",
        region=settings.platform.region,
        profile=account.profile,
        allowed_account_ids=[account.id] if account.id else None,
        assume_roles=[aws.ProviderAssumeRoleArgs(role_arn=account.role_arn)] if account.role_arn else None,
        default_tags=aws.ProviderDefaultTagsArgs(tags=settings.tags),
    )


def export(settings: Settings, outputs: PlatformOutputs) -> None:
    """Export what people and other stacks ask for, in Pulumi's camelCase; what the stack lacks is left out."""
    pulumi.export("tier", settings.tier)
    for name, value in outputs.exports().items():
        if value is not None:
            pulumi.export(name, value)
