"""Measure the recommender: `python -m bench`, about a quarter of an hour; `--quick` for a minute.

Two columns say whether the figures are the service's own: `others` is how many cores everything else on the machine
used (MLflow and the fetching child included), and `late p99 ms` how late the generator itself came to send. Where the
generator is late by more than a few milliseconds, the machine was too busy to measure on.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from bench.scenarios import LARGE, SMALL, Result, folder_swaps, registry_swaps, steady

P95_MS = 10.0
P99_MS = 25.0

_COLUMNS = ("scenario", "model", "requests", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms", "swaps", "dropped")
_MORE = ("core", "others", "late p99 ms", "RSS MB", "ready s")


def main() -> int:
    """Run the scenarios, print a row and the broken promises of each; 1 where one is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Load on the recommender.")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second, on average")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the steady runs")
    parser.add_argument("--swaps", type=int, default=100, help="model swaps under load")
    parser.add_argument("--quick", action="store_true", help="ten seconds, ten swaps, no MLflow")
    options = parser.parse_args()
    seconds, swaps = (10.0, 10) if options.quick else (options.seconds, options.swaps)
    results = []
    for size in (SMALL, LARGE):
        results.append(_run(partial(steady, size, options.rate, seconds)))
        results.append(_run(partial(folder_swaps, size, options.rate, swaps)))
        if not options.quick:
            results.append(_run(partial(registry_swaps, size, options.rate, swaps)))
    if any(_broken(result) for result in results):
        return 1
    sys.stdout.write("every promise is kept\n")
    return 0


def _run(scenario: Callable[[Path], Coroutine[Any, Any, Result]]) -> Result:
    with tempfile.TemporaryDirectory(prefix="recommender-bench-") as folder:
        result = asyncio.run(scenario(Path(folder)))
    _print(result)
    return result


def _print(result: Result) -> None:
    report = result.report
    cells = (
        result.name,
        result.size.label,
        report.requests,
        f"{report.requests / report.seconds:.0f}",
        *(f"{report.quantile(share):.1f}" for share in (0.5, 0.95, 0.99, 1.0)),
        result.swaps,
        report.failures.total(),
        f"{result.cpu_share:.2f}",
        f"{result.others:.2f}",
        f"{report.late(0.99):.1f}",
        f"{result.memory_mb:.0f}",
        f"{result.ready_seconds:.1f}",
    )
    sys.stdout.write("\n".join([" | ".join(map(str, cells)), *_broken(result)]) + "\n")
    sys.stdout.flush()


def _broken(result: Result) -> list[str]:
    report, name = result.report, f"{result.name}, {result.size.label}"
    lines = [f"broken: {name}: {count} requests dropped: {why}" for why, count in report.failures.items()]
    for share, limit in ((0.95, P95_MS), (0.99, P99_MS)):
        if not report.quantile(share) < limit:
            lines.append(
                f"broken: {name}: p{100 * share:.0f} is {report.quantile(share):.1f} ms; promised below {limit:g} ms"
            )
    return lines


if __name__ == "__main__":
    sys.stdout.write(" | ".join((*_COLUMNS, *_MORE)) + "\n")
    raise SystemExit(main())
