"""What the service counts, for Prometheus; one registry an application, so that two in one process do not collide."""

import platform

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from recommender.manifest import FORMAT_VERSION
from recommender.model import Model

# Dense around the promise of 10 and 25 ms, so that a quantile of the histogram means something there.
SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """Every metric of the service, by its name."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        runtime = Gauge(
            "recommender_runtime_info",
            "1, for what a model must have been written for.",
            ("python", "numpy", "model_format"),
            registry=self.registry,
        )
        runtime.labels(platform.python_version(), np.__version__, str(FORMAT_VERSION)).set(1)
        self.requests = Counter(
            "http_requests_total",
            "Answers, by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the last byte of the answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.turned_away = Counter(
            "recommender_turned_away_total",
            "Requests that were not let in; reason is login, scope or limit.",
            ("reason",),
            registry=self.registry,
        )
        self.rules = Gauge(
            "recommender_rules", "Rules about what may not be shown that are obeyed.", registry=self.registry
        )
        self.recommendations = Counter(
            "recommender_recommendations_total",
            "Lists of recommendations; role is champion, canary or ab, user is known or cold.",
            ("model_version", "role", "user"),
            registry=self.registry,
        )
        self.model = Gauge(
            "recommender_model_info",
            "1 for each model that is loaded.",
            ("model_version", "role", "kind", "data_version"),
            registry=self.registry,
        )
        self.loaded = Gauge(
            "recommender_model_loaded_timestamp_seconds", "When the champion was swapped in.", registry=self.registry
        )
        self.swaps = Counter("recommender_model_swaps_total", "Swaps of what is served.", registry=self.registry)
        self.refused = Counter(
            "recommender_model_refused_total", "Models that were fetched and refused.", registry=self.registry
        )
        self.fetch_failures = Counter(
            "recommender_model_fetch_failures_total", "Fetches that failed and are tried again.", registry=self.registry
        )
        self.registry_up = Gauge(
            "recommender_registry_up", "1 while the registry answers with a champion.", registry=self.registry
        )
        self.registry_seen = Gauge(
            "recommender_registry_seen_timestamp_seconds", "When it last did.", registry=self.registry
        )
        self.events = Counter(
            "recommender_events_total",
            "Events; outcome is accepted, refused, written, retried or lost.",
            ("outcome",),
            registry=self.registry,
        )
        self.waiting = Gauge("recommender_events_waiting", "Events that wait for the stream.", registry=self.registry)
        self.impressions = Counter(
            "recommender_impressions_total",
            "What was shown; outcome is noted, written, retried, dropped (no room) or lost.",
            ("outcome",),
            registry=self.registry,
        )
        self.shadowed = Counter(
            "recommender_shadow_total",
            "Answers of the champion; outcome is compared, dropped (no time) or failed.",
            ("outcome",),
            registry=self.registry,
        )
        self.overlap = Histogram(
            "recommender_shadow_overlap",
            "Share of the champion's products that the challenger recommends as well.",
            ("champion", "challenger"),
            buckets=_SHARES,
            registry=self.registry,
        )
        self.shadow_seconds = Histogram(
            "recommender_shadow_duration_seconds",
            "Time the challenger took.",
            ("challenger",),
            buckets=SECONDS,
            registry=self.registry,
        )

    def show_models(self, models: dict[str, Model]) -> None:
        """Make the loaded models, by role, the only ones that are shown."""
        self.model.clear()
        for role, model in models.items():
            self.model.labels(model.version, role, model.kind, model.manifest.data_version).set(1)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


def overlap(first: list[str], second: list[str]) -> float:
    """Share of the first list's products that are in the second; of no products, all are."""
    if not first:
        return 1.0
    return len(set(first) & set(second)) / len(first)
