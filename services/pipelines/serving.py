"""The recommender, as its operators see it: what it serves, what it counts, and whether it answers."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import numpy as np

from pipelines.errors import ServiceError
from recommender.impressions import LOOP_AGENT

_ROUTE = "/recommendations/{user_id}"
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_POLL_SECONDS = 0.25

Buckets = list[tuple[float, float]]
"""A Prometheus histogram: upper bounds in seconds, and how many were no slower."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How one model answered."""

    requests: int
    failed: int
    p95_ms: float
    """Of the answers, seen from here; 0 without any."""
    mean_ms: float = 0.0

    @property
    def failure_share(self) -> float:
        """Share of the requests that failed."""
        return self.failed / self.requests if self.requests else 0.0


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How a shadow compared so far."""

    compared: int
    failed: int
    mean: float
    """Mean share of the champion's products that the challenger recommends as well."""


class Recommender:
    """One recommender behind an address."""

    def __init__(self, url: str, admin_token: str | None = None) -> None:
        self.url = url
        self._token = admin_token
        # Where there is a login it is an operator's key.
        headers = {"Authorization": f"Bearer {admin_token}"} if admin_token else {}
        self._client = httpx.Client(base_url=url, headers={**headers, "User-Agent": LOOP_AGENT}, timeout=10.0)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def serves(self) -> dict[str, str]:
        """Version by role; empty where nothing is served yet, or nobody answers."""
        try:
            body = self._client.get("/ready").json()
        except (httpx.HTTPError, ValueError):
            return {}
        models = body.get("models") if isinstance(body, dict) else None
        return {role: str(model["version"]) for role, model in (models or {}).items()}

    def wait_for(self, roles: dict[str, str | None], timeout_seconds: float) -> None:
        """Wait until the roles are served by the versions; None means that nobody may have the role.

        Raises:
            ServiceError: time is up; what is served instead is in the message.
        """
        self.reload()
        end = time.monotonic() + timeout_seconds
        while True:
            served = self.serves()
            if all(served.get(role) == version for role, version in roles.items()):
                return
            if time.monotonic() > end:
                raise ServiceError(
                    f"{self.url} did not come to serve {roles} within {timeout_seconds:.0f} s; it serves "
                    f"{served or 'nothing'}. {self._problem()}"
                )
            time.sleep(_POLL_SECONDS)

    def reload(self) -> None:
        if self._token:
            try:
                self._client.post("/admin/reload", timeout=60.0)
            except httpx.HTTPError:
                return  # It looks by itself too; the wait says whether that helped.

    def _problem(self) -> str:
        try:
            return str(self._client.get("/ready").json().get("problem") or "")
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return f"/ready: {error}"

    def ask(self, users: Sequence[str], k: int = 10) -> dict[str, Answers]:
        """Ask for each user once, one after another; answers by the version that gave them.

        Failures count for "failed", because nobody can say who would have answered.
        """
        times: dict[str, list[float]] = {}
        failed = 0
        for user in users:
            started = time.perf_counter()
            try:
                answer = self._client.get(f"/recommendations/{quote(user, safe='')}", params={"k": k})
                version = answer.json()["model"]["version"] if answer.status_code == httpx.codes.OK else None
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                version = None
            if version is None:
                failed += 1
            else:
                times.setdefault(str(version), []).append(time.perf_counter() - started)
        found = {
            version: Answers(
                requests=len(values),
                failed=0,
                p95_ms=float(np.quantile(values, 0.95)) * 1e3,
                mean_ms=float(np.mean(values)) * 1e3,
            )
            for version, values in times.items()
        }
        if failed:
            found["failed"] = Answers(requests=failed, failed=failed, p95_ms=0.0)
        return found

    def compare(
        self, users: Sequence[str], challenger: str, timeout_seconds: float
    ) -> tuple[dict[str, Answers], Overlap]:
        """Ask for each user while a challenger is compared in the shadow; the comparisons come after the answers."""
        before = self.overlap(challenger)
        answers = self.ask(users)
        end = time.monotonic() + timeout_seconds
        while True:
            now = self.overlap(challenger)
            made = now.compared - before.compared
            # The service counts failures of all challengers together.
            failed = now.failed - before.failed
            if made + failed >= len(users) or time.monotonic() > end:
                return answers, Overlap(compared=made, failed=failed, mean=now.mean)
            time.sleep(_POLL_SECONDS)

    def overlap(self, challenger: str) -> Overlap:
        """What the shadow has counted for a challenger since the service started."""
        total = count = failed = 0.0
        for name, labels, value in self._samples():
            if name == "recommender_shadow_overlap_sum" and labels.get("challenger") == challenger:
                total += value
            elif name == "recommender_shadow_overlap_count" and labels.get("challenger") == challenger:
                count += value
            elif name == "recommender_shadow_total" and labels.get("outcome") == "failed":
                failed += value
        return Overlap(compared=int(count), failed=int(failed), mean=total / count if count else 0.0)

    def latency(self) -> Buckets:
        """Requests for recommendations since it started, by how long they took."""
        return sorted(
            (float(labels["le"]), value)
            for name, labels, value in self._samples()
            if name == "http_request_duration_seconds_bucket" and labels.get("route") == _ROUTE
        )

    def _samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        try:
            text = self._client.get("/metrics").text
        except httpx.HTTPError as error:
            raise ServiceError(f"{self.url}/metrics does not answer: {error}") from None
        for line in text.splitlines():
            found = _SAMPLE.match(line)
            if found and not line.startswith("#"):
                yield found.group(1), dict(_LABEL.findall(found.group(2) or "")), float(found.group(3))


def between(before: Buckets, after: Buckets) -> Buckets:
    """What came in between; everything where the service started anew, or has other buckets."""
    same = [bound for bound, _ in before] == [bound for bound, _ in after]
    if not same or any(now < then for (_, then), (_, now) in zip(before, after, strict=True)):
        return after
    return [(bound, now - then) for (_, then), (bound, now) in zip(before, after, strict=True)]


def quantile(buckets: Buckets, share: float) -> float:
    """A quantile of a Prometheus histogram, linear within its bucket, as histogram_quantile does."""
    wanted = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * ((wanted - below) / (count - below) if count > below else 1.0)
        low, below = bound, count
    return low
