"""What a secret says of its own rotation: beside the secret, as annotation or tag, so that nobody keeps a list."""

import re

TOLD = "mlops.platform/rotation"
"""Key of the annotation and of the tag."""
NEVER, OFF = "never: ", "off: "
_TAG = re.compile(r"[\w\s+\-=.:/@]{1,249}")
"""What a tag's value may hold. Source: Secrets Manager user guide, "Tagging secrets"."""


def never(why: str) -> dict[str, str]:
    """That nobody can replace it by itself, and why.

    Raises:
        ValueError: the words are none that a tag takes.
    """
    return {TOLD: f"{NEVER}{_plain(why)}"}


def off(how: str) -> dict[str, str]:
    """That it could be replaced by itself and is not, and what has to be set for that."""
    return {TOLD: f"{OFF}{_plain(how)}"}


def _plain(words: str) -> str:
    if not _TAG.fullmatch(words):
        raise ValueError(f'"{words}" goes into a tag: letters, digits, spaces and `_.:/=+-@`, at most 249 characters')
    return words
