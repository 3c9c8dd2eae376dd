"""The dashboard of the access points: a page of Voilà's, and a cell in JupyterLab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.jupyter import ROOT, Lab, NotebookPage, Voila, browser_page
from tests.browser.looks import FOLDER, flaws

pytestmark = pytest.mark.browser

NAME = "02_access_points.ipynb"
CARDS = "() => [...document.querySelectorAll('.snb-card')].map((c) => Math.round(c.getBoundingClientRect().x))"
VALUES = "() => [...document.querySelectorAll('.snb-tile-value')].map((v) => v.textContent).join()"
TABLE = "() => document.querySelector('.snb-table').textContent"
ROWS = "document.querySelectorAll('.snb-table tbody tr').length > 10"
DRAWN = f"() => {ROWS} && document.querySelector('.snb-plot .bk-Figure')"


@pytest.fixture
def served(voila: Voila, tmp_path: Path) -> Iterator[NotebookPage]:
    """Open a browser page on Voilà, which ends the kernel when the page is left."""
    shutil.copy(ROOT / "notebooks" / NAME, voila.notebooks)
    with browser_page(tmp_path / "browser") as page:
        yield NotebookPage(page)


def open_dashboard(served: NotebookPage, voila: Voila, theme: str = "light") -> None:
    served.page.goto(voila.address(f"voila/render/{NAME}") + f"&theme={theme}", timeout=90_000)
    served.page.wait_for_selector(".snb-dash")
    served.page.wait_for_function(DRAWN)


def wait_for_change(served: NotebookPage, expression: str) -> None:
    before = served.page.evaluate(expression)
    served.page.wait_for_function(f"(before) => ({expression})() !== before", arg=before)


def screenshot(served: NotebookPage, name: str) -> None:
    """Save a picture of the dashboard under the git-ignored artefacts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    box = served.page.locator(".snb-dash").bounding_box()
    assert box is not None
    served.page.screenshot(path=FOLDER / f"{name}.png", clip=box, full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_voila_serves_the_dashboard_live_and_asks_nobody_else(served: NotebookPage, voila: Voila, theme: str) -> None:
    served.page.set_viewport_size({"width": 1280, "height": 1040})
    open_dashboard(served, voila, theme)
    wait_for_change(served, TABLE)
    wait_for_change(served, VALUES)
    screenshot(served, f"voila-{theme}-1280")
    assert flaws(served, ".snb-dash") == []
    titles = served.page.locator(".snb-card-title").all_text_contents()
    assert titles == [
        "Activity per Device",
        "User Device / Access Point connections",
        "Device Type connections per Day",
    ]
    assert served.page.locator(".snb-dash-state").text_content() == "live"
    assert served.page.get_by_text("connected to memory://").is_hidden()  # cells tagged "setup" work unseen
    assert len(set(served.page.evaluate(CARDS))) == 2
    assert served.foreign == []
    assert served.console_errors == []


def test_parameter_of_the_title_bar_plans_the_queries_again_and_the_views_stay(
    served: NotebookPage, voila: Voila
) -> None:
    open_dashboard(served, voila)
    served.page.evaluate("() => { document.querySelector('.snb-table').dataset.first = 'yes'; }")
    served.page.get_by_role("button", name="Attic").click()
    of_study = "[...document.querySelectorAll('.snb-card td')].filter((c) => c.textContent === 'Unifi AP - Study')"
    of_attic = of_study.replace("Study", "Attic")
    served.page.wait_for_function(f"() => {of_study}.length === 0 && {of_attic}.length > 10")
    screenshot(served, "voila-attic")
    assert served.page.evaluate("() => document.querySelector('.snb-table').dataset.first") == "yes"
    assert served.page.locator(".snb-dash-state").text_content() == "live"
    assert served.console_errors == []


def test_search_box_keeps_the_tiles_and_rows_that_hold_its_text(served: NotebookPage, voila: Voila) -> None:
    open_dashboard(served, voila)
    search = served.page.get_by_role("searchbox", name="Search the dashboard")
    search.fill("robin")
    tiles = "[...document.querySelectorAll('.snb-tile-label')].map((t) => t.textContent).join()"
    served.page.wait_for_function(f"() => {tiles} === \"Robin's Kindle,Robin's iPhone\"")
    rows = "[...document.querySelectorAll('.snb-table tbody tr')].map((row) => row.textContent)"
    served.page.wait_for_function(f"() => {rows}.length > 10 && {rows}.every((text) => text.includes('Robin'))")
    screenshot(served, "voila-search")
    search.press("Escape")
    served.page.wait_for_function("() => document.querySelectorAll('.snb-tile').length === 8")
    assert served.console_errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cards_stand_below_each_other_where_there_is_little_room(
    served: NotebookPage, voila: Voila, theme: str
) -> None:
    served.page.set_viewport_size({"width": 800, "height": 1600})
    open_dashboard(served, voila, theme)
    screenshot(served, f"voila-{theme}-800")
    assert flaws(served, ".snb-dash") == []
    assert len(set(served.page.evaluate(CARDS))) == 1
    width = served.page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 800
    dark = served.page.evaluate(
        "() => Number(/\\d+/.exec(getComputedStyle(document.querySelector('.snb-card')).backgroundColor)[0]) < 128"
    )
    assert dark == (theme == "dark")
    assert served.console_errors == []


def test_dashboard_in_jupyterlab_is_replaced_when_its_cell_runs_again(lab: Lab, notebook_page: NotebookPage) -> None:
    shutil.copy(ROOT / "notebooks" / NAME, lab.notebooks)
    notebook_page.page.set_viewport_size({"width": 1280, "height": 3000})
    notebook_page.open(lab, NAME)
    notebook_page.run_all()
    notebook_page.page.wait_for_function(DRAWN)
    wait_for_change(notebook_page, TABLE)
    screenshot(notebook_page, "lab-light-1280")
    # A parameter belongs to the notebook's variable; all else is the dashboard's.
    count = (
        "import ipywidgets\n"
        "names = [type(w).__name__ for w in ipywidgets.widgets.widget._instances.values()]\n"
        "print(sorted(n for n in names if n != 'Layout' and 'ToggleButtons' not in n))"
    )
    before = notebook_page.kernel(count)
    notebook_page.run_all()
    notebook_page.page.wait_for_function(DRAWN)
    assert notebook_page.page.locator(".snb-dash").count() == 1
    assert notebook_page.kernel(count) == before != "[]\n"
    assert notebook_page.console_errors == []
