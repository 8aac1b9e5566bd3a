"""Who hears of an alert: PagerDuty of what is critical, Slack of a warning, the dashboard of the rest.

Both are reached with a secret, an integration key and the URL of a webhook. Settings name the place of each in AWS
Secrets Manager and nothing of them; whoever delivers reads them there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from components.base.secret import SecretValue
from components.watch.rules import Severity
from mlops.core.config import Config
from mlops.core.fields.aws import KeyArn, SecretArn


class SecretConfig(Config):
    """A secret that somebody else keeps: its place, and nothing of it."""

    secret_arn: SecretArn
    """Secrets Manager secret whose whole text is what is meant: a key, a password, the URL of a webhook."""
    key_arn: KeyArn | None = None
    """KMS key of that secret; null when it is the account's `aws/secretsmanager`."""

    @property
    def value(self) -> SecretValue:
        """The reference by which it is read."""
        return SecretValue(arn=self.secret_arn, key_arn=self.key_arn)


class AlertsConfig(Config):
    """Where alerts go. Without a route those of its severity are on the dashboards only."""

    pagerduty: SecretConfig | None = None
    """PagerDuty, which hears of what is critical; the secret is its integration key (Events API v2)."""
    slack: SecretConfig | None = None
    """Slack, which hears of warnings, and of what is critical where there is no PagerDuty; the secret is the URL of its
    incoming webhook."""

    @property
    def routes(self) -> "tuple[Route, ...]":
        """The ways out that are set, the most urgent first."""
        return tuple(self._routes())

    def _routes(self) -> "Iterator[Route]":
        if self.pagerduty:
            yield Route(name="pagerduty", secret=self.pagerduty, severities=("critical",))
        if self.slack:
            heard: tuple[Severity, ...] = ("warning",) if self.pagerduty else ("critical", "warning")
            yield Route(name="slack", secret=self.slack, severities=heard)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way out and what goes along it."""

    name: str
    """`pagerduty` or `slack`."""
    secret: SecretConfig
    severities: tuple[Severity, ...]
