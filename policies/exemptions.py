"""What a project accepts for now: a rule, a resource, the reason and the day on which it ends.

They lie in `exemptions.yaml` beside `Pulumi.yaml`, where a review sees them:

    exemptions:
      - rule: k8s-namespace-pod-security-label
        resource: ingress-namespace            # a name or URN; * stands for anything; "stack" for the stack itself
        reason: the mesh's CNI plug-in writes to the node until its next release
        expires: 2027-03-31                    # the last day on which it holds
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mlops.core.problems import closest

FILE = "exemptions.yaml"
STACK = "stack"
"""The `resource` of an exemption from a rule that misses something in the whole stack."""
_FIELDS = ("rule", "resource", "reason", "expires")


class ExemptionError(Exception):
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
    if not file.is_file():
        return ()
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExemptionError(f"{file.name} cannot be read: {' '.join(str(error).split())}.") from None
    rows = content.get("exemptions") if isinstance(content, Mapping) else None
    if content is None or (isinstance(content, Mapping) and content.keys() == {"exemptions"} and rows is None):
        return ()
    if not isinstance(content, Mapping) or content.keys() != {"exemptions"} or not isinstance(rows, list):
        raise ExemptionError(f"{file.name} must hold one key, `exemptions`, with a list of {_listed()}.")
    known = sorted(rules)
    return tuple(_entry(row, f"{file.name}, entry {number}", known, today) for number, row in enumerate(rows, start=1))


def _entry(row: Any, where: str, known: list[str], today: date) -> Exemption:
    if not isinstance(row, Mapping):
        raise ExemptionError(f"{where} is not a mapping. Each entry states {_listed()}.")
    for key in row:
        if key not in _FIELDS:
            raise ExemptionError(f"{where}: there is no key {key}.{closest(str(key), _FIELDS)} Allowed: {_listed()}.")
    rule, resource, reason = (str(row.get(key) or "").strip() for key in ("rule", "resource", "reason"))
    if not rule:
        raise ExemptionError(f"{where} names no rule. `mlops policy -s STACK` prints the id of each.")
    if rule not in known:
        raise ExemptionError(
            f'{where}: there is no rule "{rule}".{closest(rule, known)} `mlops policy --rules` lists all.'
        )
    if not resource:
        raise ExemptionError(f"{where} ({rule}) names no resource: give a name or URN, * stands for anything.")
    if not reason:
        raise ExemptionError(f"{where} ({rule}) has no reason. Say why the breach is accepted: an auditor will ask.")
    expires = _day(row.get("expires"), f"{where} ({rule})")
    if expires < today:
        raise ExemptionError(
            f"{where} ({rule}, {resource}) expired on {expires}; today is {today}. "
            "Mend the resource and delete the entry, or renew it with a new reason and date."
        )
    return Exemption(rule=rule, resource=resource, reason=reason, expires=expires)


def _day(value: Any, where: str) -> date:
    if value is None:
        raise ExemptionError(f"{where} has no `expires`. Give the last day on which it holds, as 2027-03-31.")
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ExemptionError(f'{where}: expires is "{value}"; it must be a day, as 2027-03-31.') from None


def _listed() -> str:
    return ", ".join(_FIELDS[:-1]) + f" and {_FIELDS[-1]}"
