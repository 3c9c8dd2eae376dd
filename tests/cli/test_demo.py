"""``streamnb demo``: the pipeline in the terminal, and the tutorial in JupyterLab."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streamnb.cli import demo
from streamnb.cli.main import main


def test_headless_demo_shows_results_of_every_query_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--headless", "--seconds", "1"]) == 0
    out = capsys.readouterr().out
    assert "unhappy platinum customers" in out
    assert "possible fraud" in out
    assert out.splitlines()[-1] == "the pipeline works: every query gave results"


def test_headless_demo_runs_again_on_the_file_it_has_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = str(tmp_path / "demo.duckdb")
    for _ in range(2):
        assert main(["demo", "--headless", "--seconds", "0", "--url", url]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the pipeline works: every query gave results"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The commands that the demo starts, with their environment; none is run."""
    commands: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], check: bool) -> subprocess.CompletedProcess[str]:
        commands.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_demo_opens_the_tutorial_of_the_source_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[list[str], dict[str, str]]]
) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_ratings.ipynb").write_text("{}")
    monkeypatch.setattr(demo, "files", lambda name: tmp_path / "streamnb")
    assert main(["demo", "--url", "kafka://localhost:9092"]) == 0
    command, environment = started[0]
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[3:5] == [
        f"--ServerApp.root_dir={tmp_path / 'notebooks'}",
        "--LabApp.default_url=/lab/tree/01_ratings.ipynb",
    ]
    assert environment["STREAMNB_URL"] == "kafka://localhost:9092"


def test_demo_of_an_installed_package_copies_the_tutorial_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[list[str], dict[str, str]]]
) -> None:
    package = tmp_path / "site-packages" / "streamnb"
    (package / "notebooks").mkdir(parents=True)
    for name in ("01_ratings.ipynb", "02_access_points.ipynb"):
        (package / "notebooks" / name).write_text("{}")
    monkeypatch.setattr(demo, "files", lambda name: package)
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "01_ratings.ipynb"
    assert main(["demo"]) == 0
    assert copy.read_text() == (tmp_path / "02_access_points.ipynb").read_text() == "{}"
    copy.write_text('{"mine": true}')
    assert main(["demo"]) == 0
    assert copy.read_text() == '{"mine": true}'
    assert started[1][0][3] == f"--ServerApp.root_dir={tmp_path}"


def test_demo_without_jupyterlab_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["demo"]) == 1
    assert "hint: pip install 'streamnb[notebook]'" in capsys.readouterr().err
