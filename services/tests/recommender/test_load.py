"""The load generator counts what a user would have waited."""

import asyncio

import pytest

from bench.load import Generator, recommendation_paths


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stall: asyncio.Event) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            await stall.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-model-version: 5\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def ask(stall_seconds: float) -> Generator:
    open_again = asyncio.Event()
    open_again.set()
    server = await asyncio.start_server(lambda r, w: answer(r, w, open_again), "127.0.0.1", 0)
    generator = Generator(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", recommendation_paths(10))
    load = asyncio.create_task(generator.run(200, 1.5))
    await asyncio.sleep(0.5)
    if stall_seconds:
        open_again.clear()
        await asyncio.sleep(stall_seconds)
        open_again.set()
    await load
    server.close()
    return generator


def test_a_server_that_stops_for_half_a_second_is_seen_by_everybody_who_would_have_come() -> None:
    report = asyncio.run(ask(0.5)).report
    # About a hundred were due in that half second; a closed loop would have sent one for each connection.
    assert sum(latency > 0.1 for latency in report.latencies) > 50
    assert report.quantile(1.0) >= 450
    assert not report.failures


def test_arrivals_are_as_many_as_asked_for_and_their_gaps_are_not_even() -> None:
    report = asyncio.run(ask(0)).report
    assert report.requests == pytest.approx(300, rel=0.25)
    assert report.versions == {"5": report.requests}


def test_a_server_that_closes_is_a_failure_and_not_a_silence() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def run() -> Generator:
        server = await asyncio.start_server(close, "127.0.0.1", 0)
        generator = Generator(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", recommendation_paths(10))
        await generator.run(100, 0.3)
        server.close()
        return generator

    report = asyncio.run(run()).report
    assert report.requests > 0
    assert report.failures.total() == report.requests
