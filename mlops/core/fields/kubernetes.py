"""Names, labels, taints and quantities as Kubernetes and EKS take them.

Sources: Kubernetes documentation, "Labels and Selectors", "Object Names and IDs", "Resource Management for Pods and
Containers"; EKS API reference, CreateNodegroup and Taint, whose keys and values end at 63 characters.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from mlops.core.fields import Form

_WORD = "[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_DNS_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
_KEY = f"(?:{_DNS_NAME}/)?{_WORD}"
_KEY_SAYS = (
    "a name of letters, digits, `-`, `_` and `.` that begins and ends with a letter or digit, after a DNS name and `/` "
    "if it needs a prefix (`example.com/team`)"
)

MOST_CORES = 2_000
"""More than any EC2 instance has (1,920 vCPUs: u7inh-32tb)."""
MOST_GIB = 32_768
"""The memory of the largest EC2 instance, 32 TiB."""
MOST_REPLICAS = 10_000
"""Twice the nodes that Kubernetes is made for (5,000). Source: Kubernetes documentation, "Considerations for large
clusters"."""

_OWNED_DOMAINS = ("kubernetes.io", "k8s.io", "eks.amazonaws.com")


def _is_eks_own(key: str) -> str | None:
    domain = key.rpartition("/")[0]
    if any(domain == owned or domain.endswith(f".{owned}") for owned in _OWNED_DOMAINS):
        return (
            f'"{key}" has a prefix of {", ".join(_OWNED_DOMAINS)}, which belong to Kubernetes and EKS. Use a prefix of '
            "your own, for example example.com/team"
        )
    if domain == "mlops.platform":
        return f'"{key}" has the platform\'s own prefix. Use one of your own, for example example.com/team'
    return None


LabelKey = Annotated[str, Form(_KEY, _KEY_SAYS, most=63, refuses=_is_eks_own)]
"""Key of a node label that a stack may set."""
LabelValue = Annotated[
    str,
    Form(
        f"(?:{_WORD})?",
        "empty, or letters, digits, `-`, `_` and `.` with a letter or digit at both ends",
        most=63,
    ),
]
"""Value of a label or taint."""
GivenLabelValue = Annotated[
    str,
    Form(
        _WORD, "letters, digits, `-`, `_` and `.` with a letter or digit at both ends; EKS takes no empty one", most=63
    ),
]
TaintKey = Annotated[str, Form(_KEY, _KEY_SAYS, most=63, refuses=_is_eks_own)]
"""Key of a taint that a stack may set."""
ShortName = Annotated[
    str,
    Form(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "lower case letters, digits and hyphens, with a letter first and no hyphen last",
        most=40,
    ),
]
"""Name from which names of resources are made."""
TeamKey = Annotated[
    str,
    Form(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "lower case letters, digits and hyphens, with a letter first and no hyphen last",
        most=30,
    ),
]
"""Name of a team, which a namespace, a folder and names of roles are made of."""
GroupName = Annotated[
    str,
    Form(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "lower case letters, digits and hyphens, with a letter first and no hyphen last",
        most=20,
    ),
]
"""Name of a node group, which names of roles and Auto Scaling groups are made of."""
NamespacePattern = Annotated[
    str,
    Form(
        r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|[a-z0-9][a-z0-9-]*\*",
        "a namespace's name: lower case letters, digits and hyphens; a trailing `*` stands for the rest (`team-a-*`)",
        most=63,
    ),
]
HostName = Annotated[
    str,
    Form(
        rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})+",
        "a DNS name in lower case with a dot in it, `mlflow.example.com`",
        most=253,
    ),
]
Image = Annotated[
    str,
    Form(
        rf"(?:{_DNS_NAME}(?::[0-9]{{2,5}})?/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
        r"(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
        r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
        "an image reference, `registry.example.com/team/mlflow:v3` or with `@sha256:…`",
        most=500,
    ),
]
"""Source: the grammar of references in github.com/distribution/reference."""
ImageTag = Annotated[
    str,
    Form(
        "[A-Za-z0-9_][A-Za-z0-9_.-]*",
        "an image tag: letters, digits, `_`, `.` and `-`, not `.` or `-` first",
        most=128,
    ),
]


def cores(cpu: str) -> Decimal:
    """Cores that a quantity of CPU is."""
    return Decimal(cpu[:-1]) / 1000 if cpu.endswith("m") else Decimal(cpu)


def mebibytes(memory: str) -> Decimal:
    """Mebibytes that a quantity of memory is."""
    return Decimal(memory[:-2]) * (1 if memory.endswith("Mi") else 1024)


def _cores(text: str) -> str | None:
    found = cores(text)
    if 0 < found <= MOST_CORES:
        return None
    return f"{text} is {found:f} cores; it must be more than 0 and at most {MOST_CORES}"


def _gib(text: str) -> str | None:
    gib = mebibytes(text) / 1024
    if Decimal(1) / 1024 <= gib <= MOST_GIB:
        return None
    return f"{text} must be at least 1Mi and at most {MOST_GIB}Gi"


Cpu = Annotated[
    str,
    Form(
        r"[0-9]+m|[0-9]+(?:\.[0-9]{1,3})?",
        "a Kubernetes quantity of CPU, `500m`, `2` or `0.5`, no finer than a thousandth",
        most=10,
        refuses=_cores,
    ),
]
Memory = Annotated[
    str,
    Form(
        r"[0-9]+(?:\.[0-9]{1,3})?(?:Mi|Gi)", "a Kubernetes quantity of memory, `512Mi` or `2Gi`", most=12, refuses=_gib
    ),
]
Replicas = Annotated[int, Field(le=MOST_REPLICAS)]
"""Number of pods; the field says from which on."""


def check_replicas(fewest: int, most: int) -> None:
    """What `min_replicas` and `max_replicas` of one part have to keep.

    Raises:
        ValueError: the most are fewer than the fewest.
    """
    if most < fewest:
        raise ValueError(f"max_replicas is {most} and min_replicas {fewest}; set max_replicas to {fewest} or more")
