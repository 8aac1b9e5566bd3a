"""What the secret scan passes over: names of secrets, which this project is full of, beside their values.

detect-secrets' keyword detector reports every text that is assigned to something called a password, key or secret.
Here that is a label, a type or a reference nearly every time. Its findings count when the text could be generated:
long enough, letters and digits, and none of the punctuation of ARNs, types and paths. All other detectors, those for
keys of known shapes and for high entropy among them, see everything.
"""

from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.keyword import KeywordDetector

GOLDENS = "tests/golden/"
"""Recorded plans of every tier. Their ids and ARNs are made up from names, and look it."""
SHORTEST = 12
"""Characters."""
_PUNCTUATION = frozenset(":/. {}")


def is_a_name(secret: str, plugin: BasePlugin) -> bool:
    """Whether a finding is the name of a secret and not its value."""
    return isinstance(plugin, KeywordDetector) and not could_be_generated(secret)


def is_a_made_up_id(secret: str, filename: str, plugin: BasePlugin) -> bool:
    """Whether a finding is no more than the entropy of an id in a recorded plan."""
    # detect-secrets hands the plug-in only to filters that also ask for the secret.
    return bool(secret) and isinstance(plugin, HighEntropyStringsPlugin) and filename.startswith(GOLDENS)


def could_be_generated(text: str) -> bool:
    """Whether a text looks like the output of a generator of passwords or keys."""
    has_both = any(char.isalpha() for char in text) and any(char.isdigit() for char in text)
    return len(text) >= SHORTEST and has_both and not _PUNCTUATION & set(text)
