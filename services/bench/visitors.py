"""The load by Locust, whose closed loop is read beside the open one: see `locustfile.py`."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.fixtures import make_model, service
from bench.rows import Row
from bench.scenarios import SMALL
from bench.shop import open_shop

_USERS = 60
_SCRIPT = Path(__file__).parent / "locustfile.py"


def rows(rate: float, seconds: float, folder: Path) -> Iterator[Row]:
    """Users with exponential waits; no promise is read from them."""
    model = folder / "model"
    make_model(SMALL.users, SMALL.products, SMALL.interactions, seed=1, version="1").save(model)
    shop = open_shop(folder, SMALL.users, SMALL.products)
    with service({"MLOPS_MODEL_PATH": str(model), **shop.environment}, folder) as process:
        process.wait()
        entries = _run(process.url, rate, seconds, shop.header, folder)
    times: Counter[int] = Counter()
    for entry in entries:
        times.update({int(milliseconds): count for milliseconds, count in entry["response_times"].items()})
    asked, failed = (sum(entry[name] for entry in entries) for name in ("num_requests", "num_failures"))
    reached = f"{asked / seconds:.0f} requests a second reached, {_USERS} users, exponential waits"
    what = f"recommender, {rate:g}/s by Locust, {SMALL.label}"
    yield Row(what=f"{what}: p95", measured=_quantile(times, 0.95), unit="ms", note=reached)
    yield Row(
        what=f"{what}: p99", measured=_quantile(times, 0.99), unit="ms", note="an upper bound: its own greenlets wait"
    )
    yield Row(what=f"{what}: failed of {asked:,}", measured=failed, unit="requests", promised=0)


def _run(url: str, rate: float, seconds: float, header: str, folder: Path) -> list[dict[str, Any]]:
    command = [
        *(sys.executable, "-m", "locust", "-f", str(_SCRIPT), "--headless", "--json", "--host", url),
        *("-u", str(_USERS), "-r", str(_USERS), "-t", f"{seconds:g}s", "--exit-code-on-error", "0"),
    ]
    told = {"BENCH_MEAN_WAIT_SECONDS": str(_USERS / rate), "BENCH_HEADER": header, "no_proxy": "127.0.0.1"}
    environment = {**os.environ, **told}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Locust ended with {done.returncode}:\n{done.stderr[-2000:]}")
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def _quantile(times: Counter[int], share: float) -> float:
    """Milliseconds, as finely as Locust keeps them."""
    wanted, seen = share * times.total(), 0
    for milliseconds, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return float(milliseconds)
    return float("nan")
