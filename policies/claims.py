"""How much the resources of a stack can show of a control at all.

Less than met, where people, other stacks or pods that nobody sees have a part in it.
"""

import re
from collections.abc import Collection, Mapping

from policies.facts import Rule
from policies.rules.ownership import BASELINE

_PEOPLE: Mapping[str, str] = {
    "soc2": r"CC[1-5]\.|CC7\.[45]|CC8\.|CC9\.|A1\.3|P\d",
    "gdpr": r"Art\. (?!25|32)",
    "hipaa": r"164\.(?:308|310|314|316)",
    "pci_dss_4": r"\d+\.1\.|9\.|12\.|6\.2\.|6\.5\.|7\.2\.4|10\.4\.|11\.[34]|A3",
    "nist_800_53": r"(?:AT|IR|MA|PE|PL|PM|PS|PT|RA|SA|SR)-|[A-Z]{2}-1\b|CA-|CM-[34]\b|CP-[234]\b|SI-5\b",
    "iso27001_2022": r"A\.[567]\.",
}
"""Framework -> controls about people, processes and records: training, risk analysis, incident response, change
management, contracts, premises. Sources attach technical checks to them; a configuration alone never meets them."""
_COMPILED = {framework: re.compile(pattern) for framework, pattern in _PEOPLE.items()}

_ACCOUNTS = re.compile(
    r"aws:(?:cloudtrail|guardduty|securityhub|inspector2|macie2|accessanalyzer|cfg)/"
    r"|aws:iam/(?:user|accessKey|accountPasswordPolicy|group)"
    r"|aws:ebs/(?:encryptionByDefault|snapshotBlockPublicAccess)|aws:s3/accountPublicAccessBlock"
    r"|aws:cloudwatch/logMetricFilter"
)
"""Types that exist once an account, or that anybody with the account may make beside the stack."""
_UNSEEN = (
    "kubernetes:helm.sh/v3:Release",
    "aws:eks/addon:Addon",
    "kubernetes:operator.knative.dev/v1beta1:KnativeServing",
)
"""Types that start pods which the graph does not hold."""
_PODS = "kubernetes:apps/v1:Deployment"

PEOPLE = "about people, processes or records: what resources show only supports it"
OTHERS = "the stack does not own the account: whoever does has to show it"
UNSEEN = "charts, add-ons or operators of the stack run pods that the graph does not hold"


def is_about_people(framework: str, control: str) -> bool:
    """Whether a configuration can only support a control."""
    pattern = _COMPILED.get(framework)
    return pattern is not None and pattern.match(control) is not None


def is_of_the_account(rule: Rule, types: Collection[str]) -> bool:
    """Whether a rule is about the whole account, and the stack of these types leaves that to somebody else."""
    return BASELINE not in types and any(map(_ACCOUNTS.match, rule.types))


def is_seen_in_part(rule: Rule, types: Collection[str]) -> bool:
    """Whether a rule is about pods, and some of the stack's are not seen."""
    return _PODS in rule.types and any(type_ in types for type_ in _UNSEEN)
