"""The same load with Locust: `locust -f bench/locustfile.py --headless -u 60 -r 60 -t 1m --host http://127.0.0.1:8000`.

Locust is a closed loop: a user asks, waits, asks again. With exponential waits many users come close to Poisson
arrivals; with constant waits they start together and fire in lockstep, and the percentiles are then those of the
queue that they make. Its latencies also hold the time that its own greenlets wait for the processor: with the server on
the same two cores, read them as an upper bound beside those of `python -m bench`.

Rate = users / (mean wait + latency): 60 users and 0.2 s give just under 300 requests a second.
"""

import os
import random

from locust import FastHttpUser, task

MEAN_WAIT_SECONDS = float(os.environ.get("BENCH_MEAN_WAIT_SECONDS", "0.2"))
USERS = int(os.environ.get("BENCH_USERS", "100"))
NAME, _, VALUE = os.environ.get("BENCH_HEADER", "").partition(": ")
HEADERS = {NAME: VALUE} if NAME else {}
"""Who asks, where the server wants to know."""
PRODUCTS = int(os.environ.get("BENCH_PRODUCTS", "50"))


class Visitor(FastHttpUser):  # type: ignore[misc]
    """Mostly recommendations, now and then a product's neighbours."""

    def wait_time(self) -> float:
        """Seconds until the next request."""
        return random.expovariate(1 / MEAN_WAIT_SECONDS)

    @task(9)  # type: ignore[untyped-decorator]
    def recommendations(self) -> None:
        """A user opens the shop."""
        path = f"/recommendations/user-{random.randrange(USERS)}?k=10"
        self.client.get(path, name="/recommendations/{user_id}", headers=HEADERS)

    @task(1)  # type: ignore[untyped-decorator]
    def similar(self) -> None:
        """A user looks at a product."""
        path = f"/products/product-{random.randrange(PRODUCTS)}/similar?k=10"
        self.client.get(path, name="/products/{product_id}/similar", headers=HEADERS)
