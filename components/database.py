"""RDS PostgreSQL: contract first."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class DatabaseOutputs:
    """The PostgreSQL instance as its consumers see it."""

    endpoint: pulumi.Output[str]
    """Host name."""
    port: pulumi.Output[int]
    master_secret_arn: pulumi.Output[str]
    """Secrets Manager secret that RDS owns and rotates; only the bootstrap job reads it."""
    key_arn: pulumi.Output[str]
    subnet_cidrs: tuple[str, ...]
    """Where the instance's addresses lie, for network policies."""
