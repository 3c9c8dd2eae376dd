"""The notebooks run from the first cell to the last, without an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.kafka_broker import KafkaBroker

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def run(name: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a notebook against a pipeline and return its code cells with their outputs."""
    notebook = execute(name, url, folder, monkeypatch)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(name: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a notebook against a pipeline and return it with the outputs of its cells."""
    monkeypatch.setenv("STREAMNB_URL", url)
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=False)
    client.execute(cwd=str(folder))
    return notebook


def pictures(cells: list[Any]) -> dict[str, str]:
    """Return the plain text of each live view's still picture, by the name of its query."""
    found = {}
    drawn = {"text/html", "image/svg+xml"}
    for cell in cells:
        name = cell.source.split("-o ", 1)[1].split()[0] if "-o " in cell.source else None
        for output in cell.outputs:
            if name and drawn & set(output.get("data", {})):
                found[name] = output["data"]["text/plain"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_ratings_notebook_runs_and_keeps_pictures_of_its_views(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "memory://" if kind == "memory" else str(tmp_path / "ratings.duckdb")
    assert_tutorial_runs(url, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.kafka
def test_ratings_notebook_runs_unchanged_on_a_kafka_broker(
    kafka_broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"kafka://{kafka_broker.bootstrap}?state={tmp_path / 'state.duckdb'}&service.id=tutorial"
    assert_tutorial_runs(url, tmp_path, monkeypatch)


def assert_tutorial_runs(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the tutorial and look at the pictures its views have left."""
    cells = run("01_ratings.ipynb", url, folder, monkeypatch)
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    kept = pictures(cells)
    assert errors == []
    assert set(kept) == {"ratings", "unhappy", "channels", "activity", "fraud"}
    assert "web" in kept["channels"] and "stopped" in kept["channels"]
    assert "showing" in kept["ratings"] or "record" in kept["ratings"]


@pytest.mark.slow
def test_ratings_notebook_runs_again_on_the_file_it_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = str(tmp_path / "ratings.duckdb")
    run("01_ratings.ipynb", url, tmp_path, monkeypatch)
    cells = run("01_ratings.ipynb", url, tmp_path, monkeypatch)
    assert "running again: " in cells[1].outputs[0]["data"]["text/plain"]


@pytest.mark.slow
def test_access_points_notebook_runs_and_keeps_a_picture_of_its_dashboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = run("02_access_points.ipynb", "memory://", tmp_path, monkeypatch)
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    (output,) = cells[-1].outputs
    kept = output["data"]
    assert errors == []
    assert "application/vnd.jupyter.widget-view+json" in kept
    assert kept["text/plain"].startswith("Ubiquiti Access Point activity, via Apache Kafka and KSQL")
    assert "Device Type connections per Day" in kept["text/plain"]
