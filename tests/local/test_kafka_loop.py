"""`mlops local run-loop --kafka`, as a user with a broker of one's own meets it: a real broker, a live local stack.

Long: the stack comes up and the loop runs three times. Skipped where Java and Maven are not at hand.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.local.conftest import ROOT, Project
from tests.local.test_everything import STACK

pytestmark = [pytest.mark.engine, pytest.mark.long]

_SERVICES = ROOT / "services"
_BROKER = """
import json, sys, tempfile
from pathlib import Path
from confluent_kafka import Producer
from pipelines.generator import Sample, generate
from tests.brokers.java import kafka

with tempfile.TemporaryDirectory() as folder, kafka(Path(folder)) as broker:
    print(broker.plain, flush=True)
    for line in sys.stdin:
        producer = Producer({"bootstrap.servers": broker.plain})
        sample = Sample(events=int(line), first_event=5_000, events_seed=11)
        for event in generate(sample).events.to_pylist():
            producer.produce("clicks", json.dumps(event, default=str).encode(), key=event["user_id"])
        print(producer.flush(60), flush=True)
"""


@pytest.fixture(scope="module")
def broker() -> "Iterator[subprocess.Popen[str]]":
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("needs java and mvn on PATH: the broker is run from its Maven artifacts")
    python = _SERVICES / ".venv" / "bin" / "python"
    process = subprocess.Popen(
        [str(python), "-c", _BROKER], cwd=_SERVICES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("kafka") / "project"
    root.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, root)
    (root / "Pulumi.local.yaml").write_text(STACK)
    for name in ("services", ".tools"):
        (root / name).symlink_to(ROOT / name)
    made = Project(root)
    done = made.mlops("up", "-s", "local", "--json")
    try:
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.stack.remove()


def test_the_loop_takes_in_what_lies_on_a_broker_of_ones_own(project: Project, broker: "subprocess.Popen[str]") -> None:
    assert broker.stdin is not None
    assert broker.stdout is not None
    address = broker.stdout.readline().strip()
    assert address.startswith("127.0.0.1:"), "the broker did not start"
    first = project.mlops("local", "run-loop", "--kafka", address, "--topic", "clicks")
    assert first.returncode == 0, first.stdout + first.stderr
    broker.stdin.write("600\n")
    broker.stdin.flush()
    assert broker.stdout.readline().strip() == "0", "events are on their way still"
    second = project.mlops("local", "run-loop", "--kafka", address, "--topic", "clicks")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Version" in second.stdout
    assert events(second.stdout) - events(first.stdout) > 400, "most of the users consent"


def events(printed: str) -> int:
    """How many lie in the lake, as the loop says it after ingest."""
    found = re.search(r"([0-9,]+) events in [0-9]+ batches", printed)
    assert found, printed
    return int(found[1].replace(",", ""))


def test_a_broker_that_does_not_answer_is_named_and_the_stack_goes_on(project: Project) -> None:
    done = project.mlops("local", "run-loop", "--kafka", "127.0.0.1:1", "--topic", "clicks")
    assert done.returncode == 1
    assert "Topic clicks is not read" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert all(part.state == "works" for part in project.stack.parts())
