"""Live tables and charts in JupyterLab, over queries without an engine."""

from __future__ import annotations

import os

import pytest

from tests.browser.jupyter import ROOT, Lab, NotebookPage
from tests.browser.looks import save_picture
from tests.browser.scenes import HOSTILE

pytestmark = pytest.mark.browser

SETUP = "from tests.browser import scenes"

CELL_TEXTS = (
    "() => [...document.querySelectorAll('.snb-table tbody td.snb-number')].map((c) => c.textContent).join(' ')"
)


def wait_for_change(notebook: NotebookPage, expression: str) -> None:
    """Wait until an expression of the page has another value."""
    before = notebook.page.evaluate(expression)
    notebook.page.wait_for_function(f"(before) => ({expression})() !== before", arg=before)


def screenshot(notebook: NotebookPage, name: str, selector: str = ".jp-OutputArea-output") -> None:
    """Save pictures of parts of the page where STREAMNB_SCREENSHOTS points."""
    folder = os.environ.get("STREAMNB_SCREENSHOTS")
    if folder:
        place = ROOT / folder
        place.mkdir(parents=True, exist_ok=True)
        for number, output in enumerate(notebook.page.locator(selector).all()):
            save_picture(output, place / f"{name}-{number}.png")


def test_table_changes_in_place_and_shows_hostile_values_as_text(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("table.ipynb", [SETUP, "view, q = scenes.table()"]))
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-table tbody tr")
    wait_for_change(notebook_page, CELL_TEXTS)
    wait_for_change(notebook_page, CELL_TEXTS)
    screenshot(notebook_page, "table")
    cells = notebook_page.page.locator(".snb-table tbody td.snb-text").all_text_contents()
    assert sorted(cells) == sorted(["web", "ios", "android", HOSTILE])
    assert notebook_page.page.locator(".snb-table").count() == 1
    assert notebook_page.page.evaluate("() => window.__broken") is None
    assert notebook_page.console_errors == []


def test_stop_button_ends_the_query_and_keeps_its_rows(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("stop.ipynb", [SETUP, "view, q = scenes.table()"]))
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-table tbody tr")
    notebook_page.page.get_by_role("button", name="Stop").click()
    notebook_page.page.wait_for_function("() => document.body.textContent.includes('STOPPED')")
    assert notebook_page.kernel("print(q.state)").strip() == "STOPPED"
    assert notebook_page.page.locator(".snb-table tbody tr").count() == 4
    assert notebook_page.console_errors == []


def test_chart_follows_windows_by_patches(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("chart.ipynb", [SETUP, "view, q = scenes.chart()"]))
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-plot .bk-Figure")
    note = "() => document.querySelector('.snb-note').textContent"
    notebook_page.page.wait_for_function("() => /row/.test(document.querySelector('.snb-note').textContent)")
    wait_for_change(notebook_page, note)
    wait_for_change(notebook_page, note)
    screenshot(notebook_page, "bars")
    assert notebook_page.page.locator(".snb-plot .bk-Figure").count() == 1
    assert notebook_page.page.evaluate("() => window.__broken") is None
    assert notebook_page.console_errors == []


def test_stream_and_line_chart_stay_within_their_limits(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [SETUP, "stream, s = scenes.stream()", "line, l = scenes.line()"]
    notebook_page.open(lab, lab.write("stream.ipynb", cells))
    notebook_page.run_all()
    notebook_page.page.wait_for_function("() => document.querySelector('.snb-scroll').ariaRowCount === '101'")
    notebook_page.page.wait_for_function(
        "() => /showing 100 of/.test(document.querySelector('.snb-caption').textContent)"
    )
    notebook_page.page.wait_for_function("() => /300 of/.test(document.querySelector('.snb-note').textContent)")
    screenshot(notebook_page, "stream")
    assert notebook_page.console_errors == []


def test_chart_shows_hostile_categories_as_text(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("categories.ipynb", [SETUP, "view, q = scenes.categories()"]))
    notebook_page.run_all()
    notebook_page.page.wait_for_function("() => /row/.test(document.querySelector('.snb-note')?.textContent)")
    plot = notebook_page.page.locator(".snb-plot .bk-Figure")
    for x in range(80, 1000, 40):
        plot.hover(position={"x": x, "y": 200})
    screenshot(notebook_page, "categories")
    assert notebook_page.page.evaluate("() => window.__broken") is None
    assert notebook_page.console_errors == []


def test_views_show_rows_while_the_kernel_is_busy(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [SETUP, "view, q = scenes.table()\nchart, w = scenes.chart()\nimport time\ntime.sleep(12)"]
    notebook_page.open(lab, lab.write("busy.ipynb", cells))
    notebook_page.start_all()
    notebook_page.page.wait_for_selector(".snb-table tbody tr", timeout=10_000)
    notebook_page.page.wait_for_function("() => /row/.test(document.querySelector('.snb-note')?.textContent)")
    assert notebook_page.page.evaluate("() => window.__done") is None
    notebook_page.page.wait_for_function("() => window.__done !== undefined")
    assert notebook_page.console_errors == []


def test_renewed_picture_keeps_one_live_view(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("picture.ipynb", [SETUP, "view, q = scenes.table()\nchart, w = scenes.chart()"]))
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-table tbody tr")
    notebook_page.page.wait_for_function("() => /row/.test(document.querySelector('.snb-note')?.textContent)")
    notebook_page.page.evaluate("() => { document.querySelector('.snb-table').dataset.first = 'yes'; }")
    notebook_page.kernel("view._renewal.due_s = chart._renewal.due_s = 0.0")
    wait_for_change(notebook_page, CELL_TEXTS)
    wait_for_change(notebook_page, "() => document.querySelector('.snb-note').textContent")
    screenshot(notebook_page, "renewed")
    assert notebook_page.page.locator(".snb-table").count() == 1
    assert notebook_page.page.locator(".snb-plot .bk-Figure").count() == 1
    assert notebook_page.page.evaluate("() => document.querySelector('.snb-table').dataset.first") == "yes"
    assert notebook_page.console_errors == []
