"""The platform of one stack."""

import pulumi

from components.platform import Platform, PlatformArgs
from mlops import stack

settings = stack.load()
platform = Platform(
    "platform",
    settings.platform,
    PlatformArgs(prefix=settings.prefix, tags=settings.tags),
    pulumi.ResourceOptions(providers=[stack.provider(settings)]),
)
stack.export(settings, platform.outputs)
