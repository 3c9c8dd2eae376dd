"""The notebooks as they are saved: the last state of every view can be read where nothing runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from streamnb.widgets.output import WIDGET_MIME
from tests.browser.jupyter import ROOT, browser_page, require
from tests.notebooks.saved import github_output, github_page, nbviewer_page, readable
from tests.notebooks.test_tutorials import execute

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["01_ratings.ipynb", "02_access_points.ipynb"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """Run a notebook, save it, and read the file."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as monkeypatch:
        notebook = execute(request.param, "memory://", folder, monkeypatch)
    nbformat.write(notebook, folder / "saved.ipynb")
    return Path(request.param).stem, nbformat.read(folder / "saved.ipynb", as_version=4)


def outputs(notebook: Any) -> list[Any]:
    """List the outputs of all cells."""
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_github_shows_the_last_state_of_every_output(saved: tuple[str, Any]) -> None:
    lost = []
    for output in outputs(saved[1]):
        plain = output.get("data", {}).get("text/plain", "")
        shown = github_output(output)
        words = readable(re.sub(r"\S*…", "", plain))  # cut words are longer in HTML
        if "<img" not in shown and not words <= readable(shown):
            lost.append((plain[:200], sorted(words - readable(shown))[:10]))
    assert lost == []


def test_every_view_has_a_picture_beside_it(saved: tuple[str, Any]) -> None:
    views = [output for output in outputs(saved[1]) if WIDGET_MIME in output.get("data", {})]
    assert all({"text/html", "image/svg+xml"} & set(view.data) for view in views)
    numbers = [view for view in outputs(saved[1]) if "text/html" in view.get("data", {})]
    assert all('align="right"' in github_output(view) for view in numbers if "text-align:right" in view.data["text/html"])


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 800])
def test_pages_without_javascript_hold_all_pictures_and_stay_as_wide_as_the_page(
    saved: tuple[str, Any], width: int, tmp_path: Path
) -> None:
    require("jupyter-lab")
    name, notebook = saved
    folder = ROOT / "artifacts" / "saved"
    folder.mkdir(parents=True, exist_ok=True)
    for site, page_of in (("github", github_page), ("nbviewer", nbviewer_page)):
        place = tmp_path / f"{site}.html"
        place.write_text(re.sub(r"(?is)<script\b.*?</script>", "", page_of(notebook)), encoding="utf-8")
        with browser_page(tmp_path / site) as page:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(place.as_uri())
            page.screenshot(path=folder / f"{name}-{site}-{width}.png", full_page=True)
            sizes = page.evaluate("() => [...document.images].filter((image) => image.src).map((image) => image.naturalWidth)")
            assert all(sizes)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
