"""What a trial shows, as Prometheus metrics."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from pipelines.trials import Tried


def exposition(tried: Tried | None) -> bytes:
    """The trial that runs, or the last one, in Prometheus' text format."""
    registry = CollectorRegistry()
    runs = Gauge("mlops_trial_running", "1 while a version is on trial.", registry=registry)
    runs.set(tried is not None and not tried.trial.ended)
    if tried is None or tried.verdict is None:
        return generate_latest(registry)
    verdict, quality = tried.verdict, tried.verdict.quality
    info = Gauge(
        "mlops_trial_info",
        "1 for what was said at the last look.",
        ("version", "champion", "strategy", "decision"),
        registry=registry,
    )
    info.labels(verdict.version, verdict.champion, verdict.strategy, verdict.decision).set(1)
    plain = {
        "mlops_trial_step": ("Step, from 1.", float(verdict.step)),
        "mlops_trial_percent": ("Share of the users in this step.", verdict.percent),
        "mlops_trial_requests": ("Requests to the version on trial in this step.", float(verdict.requests)),
        "mlops_trial_replicas": ("Replicas that answer.", float(len(verdict.replicas))),
        "mlops_trial_lift": ("Success of its users by the champion's, less one.", quality.lift if quality else None),
        "mlops_trial_lift_low": (
            "Lower end of the interval at any look.",
            quality.low if quality else None,
        ),
        "mlops_trial_lift_high": ("Upper end.", quality.high if quality else None),
        "mlops_trial_p_value": ("Of both being equal, valid at every look.", quality.p_value if quality else None),
    }
    for name, (text, value) in plain.items():
        if value is not None:
            Gauge(name, text, registry=registry).set(value)
    arms = {
        "mlops_trial_answers": ("Answers in this step.", "answers"),
        "mlops_trial_users": ("Users whose time of attribution is over.", "users"),
        "mlops_trial_successes": ("Those of them with success.", "successes"),
    }
    for name, (text, attribute) in arms.items():
        by_arm = Gauge(name, text, ("arm",), registry=registry)
        for arm, found in verdict.arms.items():
            by_arm.labels(arm).set(getattr(found, attribute))
    value_of = Gauge("mlops_trial_guard", "What a limit is for.", ("guard", "where"), registry=registry)
    broken = Gauge("mlops_trial_guard_broken", "1 where it is exceeded.", ("guard", "where"), registry=registry)
    for guard in verdict.guards:
        value_of.labels(guard.name, guard.where).set(guard.value)
        broken.labels(guard.name, guard.where).set(guard.broken)
    return generate_latest(registry)
