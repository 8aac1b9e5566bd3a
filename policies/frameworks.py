"""The frameworks that a report can be asked for, by the short names that people use."""

from collections.abc import Mapping

from mlops.core.problems import closest

CHOICES: Mapping[str, tuple[str, ...]] = {
    "soc2": ("soc2",),
    "gdpr": ("gdpr",),
    "hipaa": ("hipaa",),
    "pci": ("pci_dss_4",),
    "cis": ("cis_aws", "cis_eks"),
    "nist": ("nist_800_53",),
    "iso27001": ("iso27001_2022",),
    "fsbp": ("aws_fsbp",),
    "kubernetes": ("cis_kubernetes", "pod_security_standards", "nsa_cisa"),
}
"""Short name -> the frameworks of the rule table."""


class FrameworkError(Exception):
    """There is no such framework. The text is complete."""


def chosen(name: str) -> tuple[str, ...]:
    """The frameworks behind a short name, or one by its own name.

    Raises:
        FrameworkError: there is none of that name.
    """
    if name in CHOICES:
        return CHOICES[name]
    if any(name in names for names in CHOICES.values()):
        return (name,)
    raise FrameworkError(
        f'There is no framework "{name}".{closest(name, list(CHOICES))} Allowed: {", ".join(CHOICES)}.'
    )
