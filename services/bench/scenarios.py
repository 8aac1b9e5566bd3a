"""What is measured: steady load, swaps under load, start-up."""

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.aws import emulated, lake
from bench.fixtures import ServiceProcess, busy_seconds, make_model, service
from bench.load import Generator, Report, recommendation_paths
from bench.registry import NAME, mlflow_server, promote, register
from bench.shop import open_shop

WARM_SECONDS = 3.0
FILTERED_SHARE = 0.2
"""Of the requests to a shop."""


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    users: int
    products: int
    interactions: int

    @property
    def label(self) -> str:
        """For the table."""
        return f"{self.users:,} users, {self.products:,} products"


SMALL = Size(100, 50, 1_400)
LARGE = Size(1_000_000, 10_000, 5_000_000)


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    name: str
    size: Size
    report: Report
    swaps: int
    cpu_share: float
    """Processor time of the service by wall time; 1 is one core."""
    others: float
    """The same for everything on the machine but the service and the generator: what they compete with."""
    memory_mb: float
    ready_seconds: float
    impressions: dict[str, int]
    """By what became of them."""


async def steady(size: Size, rate: float, seconds: float, folder: Path) -> Result:
    """Poisson arrivals on one model, with login, limits, rules, and filters in a fifth of the requests."""
    model = folder / "model"
    make_model(size.users, size.products, size.interactions, seed=1, version="1").save(model)
    shop = open_shop(folder, size.users, size.products)
    with (
        _shown(folder) as shown,
        service({**shown, "MLOPS_MODEL_PATH": str(model), **shop.environment}, folder) as process,
    ):
        return await _measure("steady", size, process, rate, seconds, _nothing, shop.header)


async def folder_swaps(size: Size, rate: float, swaps: int, folder: Path) -> Result:
    """A symbolic link is turned from model to model, as fast as the service follows."""
    names = await asyncio.to_thread(_models, size, folder, 2)
    link = folder / "current"
    link.symlink_to(names[0])

    async def swap(number: int) -> str:
        fresh = folder / "next"
        fresh.symlink_to(names[number % 2])
        fresh.replace(link)
        return str(number % 2 + 1)

    environment = {"MLOPS_MODEL_PATH": str(link), "MLOPS_POLL_SECONDS": "0.1"}
    with _shown(folder) as shown, service({**shown, **environment}, folder) as process:
        return await _measure("swaps, folder", size, process, rate, None, _Swapper(process, swap, swaps).run)


async def registry_swaps(size: Size, rate: float, swaps: int, folder: Path) -> Result:
    """The alias moves in a real MLflow; each version is fetched and verified by a child process every time."""
    with mlflow_server(folder) as uri:
        # Three, of which the service keeps two: so none is found in its cache.
        folders = await asyncio.to_thread(_models, size, folder, 3)
        versions = await asyncio.to_thread(register, uri, folders)
        await asyncio.to_thread(promote, uri, versions[0])
        for done in folders:
            shutil.rmtree(done)

        async def swap(number: int) -> str:
            version = versions[number % 3]
            await asyncio.to_thread(promote, uri, version)
            return version

        environment = {
            "MLFLOW_TRACKING_URI": uri,
            "MLOPS_MODEL_NAME": NAME,
            "MLOPS_MODEL_CACHE": str(folder / "cache"),
            "MLOPS_POLL_SECONDS": "0.2",
        }
        with _shown(folder) as shown, service({**shown, **environment}, folder) as process:
            return await _measure("swaps, MLflow", size, process, rate, None, _Swapper(process, swap, swaps).run)


@contextlib.contextmanager
def _shown(folder: Path) -> Iterator[dict[str, str]]:
    """Variables with which a service writes what it shows to a lake."""
    with emulated(folder) as aws:
        known = lake(aws)
        names = ("MLOPS_BUCKET_RAW", "AWS_ENDPOINT_URL")
        yield {**{name: known[name] for name in names}, "MLOPS_PII_SALT": "bench", "MLOPS_IMPRESSION_SECONDS": "5"}


def _models(size: Size, folder: Path, count: int) -> list[Path]:
    folders = []
    for number in range(1, count + 1):
        target = folder / f"model-{number}"
        make_model(size.users, size.products, size.interactions, seed=number, version=str(number)).save(target)
        folders.append(target)
    return folders


class _Swapper:
    """Swaps, and waits until the service says that it serves the new version, before the next one."""

    def __init__(self, process: ServiceProcess, swap: Callable[[int], Awaitable[str]], swaps: int) -> None:
        self._process = process
        self._swap = swap
        self._swaps = swaps

    async def run(self) -> int:
        done = 0
        async with httpx.AsyncClient(base_url=self._process.url, trust_env=False, timeout=10) as client:
            for number in range(1, self._swaps + 1):
                version = await self._swap(number)
                async with asyncio.timeout(120):
                    while (await client.get("/ready")).json()["models"]["champion"]["version"] != version:
                        await asyncio.sleep(0.05)
                done += 1
        return done


async def _nothing() -> int:
    return 0


async def _measure(
    name: str,
    size: Size,
    process: ServiceProcess,
    rate: float,
    seconds: float | None,
    meanwhile: Callable[[], Awaitable[int]],
    header: str = "",
) -> Result:
    ready = await asyncio.to_thread(process.wait)
    filtered = FILTERED_SHARE if header else 0.0
    paths = (recommendation_paths(size.users, seed, filtered_share=filtered) for seed in (2, 3))
    await Generator(process.url, next(paths), header).run(rate, WARM_SECONDS)
    generator = Generator(process.url, next(paths), header)
    before, spent, busy = process.cpu_seconds(), time.process_time(), busy_seconds()
    load = asyncio.create_task(generator.run(rate, seconds if seconds is not None else float("inf"), seed=4))
    swaps = await meanwhile()
    generator.stop = seconds is None
    report = await load
    served = process.cpu_seconds() - before
    others = busy_seconds() - busy - served - (time.process_time() - spent)
    return Result(
        name,
        size,
        report,
        swaps,
        served / report.seconds,
        max(others, 0.0) / report.seconds,
        process.memory_mb(),
        ready,
        await asyncio.to_thread(_impressions, process.url, header),
    )


def _impressions(url: str, header: str) -> dict[str, int]:
    name, _, value = header.partition(": ")
    headers = {name: value} if name else {}
    text = httpx.get(f"{url}/metrics", headers=headers, trust_env=False, timeout=10).text
    found = re.findall(r'^recommender_impressions_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {outcome: int(float(count)) for outcome, count in found}
