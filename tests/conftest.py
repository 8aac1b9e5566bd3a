"""What all tests share: a fixed date, deterministic examples, and no way to take an Output for a value."""

import os

from hypothesis import HealthCheck, settings

# The version catalogue is judged by date; a test that passes today must pass in a year.
os.environ["SOURCE_DATE_EPOCH"] = "1795132800"  # 2026-11-20
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("repeatable")
