"""The notebooks of the loop: each runs from the first cell to the last on a platform that the loop has run on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from pipelines.loop import LoopOptions
from pipelines.monitor import monitor
from pipelines.settings import Settings
from pipelines.similarity import Hyperparameters
from tests.conftest import make_settings
from tests.pipelines.shop import Shop, made

FOLDER = Path(__file__).parents[2] / "notebooks"
BOOKS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    """A notebook."""
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]


def said(book: Any) -> str:
    """All that the cells printed and showed."""
    outputs = [one for cell in book.cells if cell.cell_type == "code" for one in cell.outputs]
    return "".join(one.get("text", "") or str(one.get("data", {}).get("text/plain", "")) + "\n" for one in outputs)


@pytest.fixture(scope="module")
def shop(moto_url: str, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose loop has run, and to which something else has come since."""
    folder = tmp_path_factory.mktemp("notebooks")
    found = Shop(make_settings(moto_url, mlflow_url, folder), folder)
    found.fill(made(events=1_500))
    found.loop(LoopOptions(hyperparameters=(Hyperparameters(),)))
    found.fill(made(events=600, events_seed=7, first_event=10_000, shifted=True))
    found.ingest()
    context = found.context()
    monitor(context.raw, context.tracking, None, found.settings.state, found.now)
    return found


@pytest.fixture
def run(
    shop: Shop, environment: Callable[[Settings], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Runs a notebook in an environment as the hub gives a server; gives what it says."""
    for key, value in environment(shop.settings).items():
        monkeypatch.setenv(key, value)

    def execute(name: str) -> str:
        book = read(FOLDER / f"{name}.ipynb")
        NotebookClient(book, timeout=120, resources={"metadata": {"path": str(FOLDER.parent)}}).execute()
        return said(book)

    return execute


def test_somebody_looks_at_events(run: Callable[[str], str]) -> None:
    told = run("explore_events")
    assert "purchase" in told
    assert "bought_of_viewed" in told


def test_a_challenger_is_trained_and_held_against_the_champion_and_nothing_is_registered(
    shop: Shop, run: Callable[[str], str]
) -> None:
    assert "EASE, regularization 50" in run("train_challenger")
    told = run("compare_models")
    assert "NDCG of the challenger less the champion's, by user" in told
    assert "challenger" in told
    assert [version.number for version in shop.context().tracking.versions()] == ["1"]


def test_a_drift_report_is_read_as_the_loop_reads_it(run: Callable[[str], str]) -> None:
    told = run("read_drift")
    assert "of the columns drifted" in told
    assert "retrain=True" in told


def test_every_notebook_is_run_by_a_test() -> None:
    own = Path(__file__).read_text(encoding="utf-8")
    assert [book.stem for book in BOOKS if f'run("{book.stem}")' not in own] == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_no_notebook_keeps_what_it_said(path: Path) -> None:
    book = read(path)
    nbformat.validate(book)
    for cell in book.cells:
        assert not cell.get("outputs"), "Clear the outputs before you commit: they hold data."
        assert cell.get("execution_count") is None
        assert not cell.get("attachments")
    assert set(book.metadata) <= {"kernelspec", "language_info"}
    assert set(book.metadata.get("language_info", {})) <= {"name"}
