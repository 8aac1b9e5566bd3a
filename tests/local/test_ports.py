"""Which ports a local stack takes."""

import socket
from collections.abc import Iterator

import pytest

from mlops.local.ports import USUAL, PortError, choose, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_every_part_gets_a_port_of_its_own_that_is_free() -> None:
    chosen = choose({}, {}, set())
    assert chosen.keys() == USUAL.keys()
    assert len(set(chosen.values())) == len(chosen)
    assert all(is_free(port) for port in chosen.values())


def test_the_port_of_the_last_time_is_kept_unless_somebody_took_it(taken: int) -> None:
    free = choose({}, {}, set(), names=["aws"])["aws"]
    assert choose({}, {"aws": free}, set())["aws"] == free
    assert choose({}, {"aws": taken}, set())["aws"] != taken


def test_a_port_that_our_own_part_holds_is_kept(taken: int) -> None:
    assert choose({}, {"aws": taken}, {taken})["aws"] == taken
    assert choose({"aws": taken}, {}, {taken})["aws"] == taken


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_its_owner(taken: int) -> None:
    with pytest.raises(PortError) as raised:
        choose({"recommender": taken}, {}, set())
    assert f"Port {taken}, asked for with --port recommender={taken}, is taken by process " in str(raised.value)
    assert "without --port recommender=… a free one is taken" in str(raised.value)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"kafka": 9000}, 'There is no part "kafka" with a port. Allowed: recommender, mlflow, aws, worker.'),
        ({"aws": 70000}, "70000 is no port. Allowed: 1 to 65535."),
        ({"aws": 45001, "mlflow": 45001}, "Port 45001 is asked for twice. Give each part its own."),
    ],
)
def test_what_cannot_be_a_port_is_refused(asked: dict[str, int], expected: str) -> None:
    with pytest.raises(PortError, match=expected.replace(".", r"\.")):
        choose(asked, {}, set())
