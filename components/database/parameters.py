"""What the instance's parameter group says, by major version: only what differs from the default of its family.

A value that equals the family's default is read back as nobody's choice, so that every `up` would set it anew
(terraform-provider-aws, issue 23335). Families of the catalogue's versions already refuse connections without TLS
(`rds.force_ssl` 1, from 15 on) and hash passwords with SCRAM (`password_encryption`, from 14 on). Source: RDS user
guide, "Working with parameters on your RDS for PostgreSQL DB instance" and "Using SCRAM for PostgreSQL password
encryption".
"""

from collections.abc import Mapping

_CONNECTIONS_AS_WORDS = 18
"""The first version in which `log_connections` names the stages to log instead of being on or off. Source: PostgreSQL
18 release notes. RDS takes the words alone, no longer 1."""

_EVERY_VERSION = {
    "rds.accepted_password_auth_method": "scram",
    "log_disconnections": "1",
    "log_lock_waits": "1",
    "log_temp_files": "0",
    "log_min_duration_statement": "1000",
}
"""All dynamic: no change of them restarts the instance. `log_statement` is left at its default, none, because `ddl`
writes what CREATE ROLE is given into the log. Statements slower than a second (1,000 ms) are logged."""


def parameters(version: str) -> Mapping[str, str]:
    """Parameters of a major version, by name."""
    connections = "all" if int(version) >= _CONNECTIONS_AS_WORDS else "1"
    return {**_EVERY_VERSION, "log_connections": connections}
