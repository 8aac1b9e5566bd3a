"""Who hears of an alert: PagerDuty of what is critical, Slack of a warning, the dashboard of the rest.

Both are reached with a secret, an integration key and the URL of a webhook. Settings name the place of each in AWS
Secrets Manager and nothing of them; whoever delivers reads them there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from components.base.secret import SecretReference
from components.watch.rules import Severity
from mlops.core.config import Config


class AlertsConfig(Config):
    """Where alerts go. Without a route those of its severity are on the dashboards only."""

    pagerduty: SecretReference | None = None
    """PagerDuty, which hears of what is critical; the secret is its integration key (Events API v2)."""
    slack: SecretReference | None = None
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
    secret: SecretReference
    severities: tuple[Severity, ...]
