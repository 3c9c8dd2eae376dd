"""Fixtures of the browser tests: one JupyterLab and one Voilà for all, a fresh page for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import jupyter


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyter.Lab]:
    """Run JupyterLab."""
    jupyter.require("jupyter-lab")
    folder = tmp_path_factory.mktemp("lab")
    news = {"fetchNews": "false", "checkForUpdates": False}
    jupyter.write_settings(folder, {"@jupyterlab/apputils-extension:notification": news})
    jupyter.copy_shared(folder)
    server = jupyter.Lab(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyter.Voila]:
    """Run Voilà."""
    jupyter.require("voila")
    folder = tmp_path_factory.mktemp("voila")
    jupyter.copy_shared(folder)
    server = jupyter.Voila(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def notebook_page(lab: jupyter.Lab, tmp_path: Path) -> Iterator[jupyter.NotebookPage]:
    """Open a browser page; its kernel ends with the test."""
    with jupyter.browser_page(tmp_path / "browser") as page:
        notebook = jupyter.NotebookPage(page)
        yield notebook
        notebook.shut_kernel_down()
