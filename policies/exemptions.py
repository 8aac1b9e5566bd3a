"""What a project accepts for now: a rule, a resource, the reason and the day on which it ends.

They lie in `exemptions.yaml` beside `Pulumi.yaml`, where a review sees them:

    exemptions:
      - rule: k8s-namespace-pod-security-label
        resource: ingress-namespace            # a name or URN; * stands for anything; "stack" for the stack itself
        reason: the mesh's CNI plug-in writes to the node until its next release
        expires: 2027-03-31                    # the last day on which it holds
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from mlops.core.accepted import Entry, EntryError, entries
from mlops.core.problems import closest

FILE = "exemptions.yaml"
STACK = "stack"
"""The `resource` of an exemption from a rule that misses something in the whole stack."""
_FIELDS = ("rule", "resource", "reason", "expires")
_EXAMPLE = date(2027, 3, 31)


class ExemptionError(EntryError):
    """The file cannot be used as it is. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One accepted breach."""

    rule: str
    resource: str
    """Glob over the resource's URN or name."""
    reason: str
    expires: date
    """The last day on which it holds."""

    def covers(self, rule: str, urn: str, name: str) -> bool:
        """Whether it is for this rule and resource; for the stack itself, URN and name are empty."""
        if rule != self.rule:
            return False
        return any(fnmatchcase(text, self.resource) for text in ((urn, name) if urn else (STACK,)))


def read(file: Path, rules: Iterable[str], today: date) -> tuple[Exemption, ...]:
    """The exemptions of a project; none where it has no such file.

    Raises:
        ExemptionError: an entry lacks its reason or its date, names no rule, or has expired; with what to do.
    """
    known = sorted(rules)
    return tuple(
        _exemption(entry, known, today) for entry in entries(file, _FIELDS, ExemptionError, under="exemptions")
    )


def _exemption(entry: Entry, known: list[str], today: date) -> Exemption:
    rule = entry.text("rule", " names no rule. `mlops policy -s STACK` prints the id of each.")
    if rule not in known:
        entry.refuse(f': there is no rule "{rule}".{closest(rule, known)} `mlops policy --rules` lists all.')
    entry = entry.named(rule)
    resource = entry.text("resource", " names no resource: give a name or URN, * stands for anything.")
    reason = entry.text("reason", " has no reason. Say why the breach is accepted: an auditor will ask.")
    expires = entry.day(_EXAMPLE)
    if expires < today:
        entry.refuse(
            f" for {resource} expired on {expires}; today is {today}. "
            "Mend the resource and delete the entry, or renew it with a new reason and date."
        )
    return Exemption(rule=rule, resource=resource, reason=reason, expires=expires)
