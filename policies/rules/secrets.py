"""What looks like a secret in a place where everybody may read it."""

import re
from typing import Any

from mlops.plan.values import SECRET

_VALUES = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[baprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[\w-]{35}|\b[sr]k_live_\w{16,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
    r"|://[^/\s:@]+:[^/\s:@$]{3,}@"
)
"""Access keys of AWS, private keys, tokens of GitHub, GitLab, Slack, Google, Stripe and Hugging Face, web tokens, a
password in an address."""
_ASSIGNED = re.compile(r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)\s*[=:]\s*[\"']?(?![\"'$\s{<(])\S{3,}")
"""`password=...` with something behind it that is no reference to a variable."""
_NAMES = re.compile(
    r"(?i)(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)$"
)


def holds_secret(text: str) -> bool:
    """Whether a text is, or has in it, what only a secret looks like."""
    return _VALUES.search(text) is not None


def looks_secret(text: str) -> bool:
    """Whether a text holds something that looks like a secret."""
    return _VALUES.search(text) is not None or _ASSIGNED.search(text) is not None


def is_secret_variable(name: str, value: Any) -> bool:
    """Whether an environment variable holds a secret itself: by its name, or by what is in it.

    An ARN, a path or an address is where a secret is kept, not the secret.
    """
    if value == SECRET or (isinstance(value, str) and _VALUES.search(value)):
        return True
    if not isinstance(value, str) or not value or value.startswith(("arn:", "/", "http://", "https://")):
        return False
    return _NAMES.search(name) is not None
