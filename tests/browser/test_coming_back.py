"""Views of a running kernel come back when the page does."""

from __future__ import annotations

import pytest

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.test_views import CELL_TEXTS, SETUP, screenshot, wait_for_change
from tests.notebooks.kernels import CYCLES, GROWTH_MB, THREADS, Usage

pytestmark = pytest.mark.browser

SCENES = [SETUP, "view, q = scenes.table()", "chart, w = scenes.line()"]
CHART_NOTE = "() => document.querySelector('.snb-note')?.textContent"


def assert_views_are_live(notebook: NotebookPage) -> None:
    notebook.page.wait_for_selector(".snb-table tbody tr")
    notebook.page.wait_for_selector(".snb-plot .bk-Figure")
    wait_for_change(notebook, CELL_TEXTS)
    wait_for_change(notebook, CHART_NOTE)
    assert notebook.page.locator(".snb-table").count() == 1
    assert notebook.page.locator(".snb-plot .bk-Figure").count() == 1


def test_views_come_back_after_the_browser_reloads(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("reload.ipynb", SCENES))
    notebook_page.run_all()
    assert_views_are_live(notebook_page)
    notebook_page.save_and_reload()
    assert_views_are_live(notebook_page)
    screenshot(notebook_page, "reloaded")
    notebook_page.page.get_by_role("button", name="Stop").first.click()
    notebook_page.page.wait_for_function("() => document.body.textContent.includes('STOPPED')")


def test_views_come_back_when_the_notebook_is_opened_again_on_a_running_kernel(
    lab: Lab, notebook_page: NotebookPage
) -> None:
    name = lab.write("again.ipynb", SCENES)
    notebook_page.open(lab, name)
    notebook_page.run_all()
    assert_views_are_live(notebook_page)
    pid = int(notebook_page.kernel("import os; print(os.getpid())"))
    before, threads = Usage.of(pid), notebook_page.kernel(THREADS)
    for _ in range(CYCLES):
        close_and_open_again(notebook_page, name)
        assert_views_are_live(notebook_page)
    # JupyterLab has the kernel start a thread with its sockets for each page that it connects, and leaves them there.
    assert notebook_page.kernel(THREADS) == threads
    assert Usage.of(pid).memory_mb <= before.memory_mb + GROWTH_MB
    # JupyterLab's own complaint when a tab is closed before the kernel has told it of its debugger.
    debugger = "Could not restore the debugger state: Canceled future for debug_request"
    assert [error for error in notebook_page.console_errors if not error.startswith(debugger)] == []


def close_and_open_again(notebook: NotebookPage, name: str) -> None:
    """Close the tab of a notebook whose kernel goes on, and open it again."""
    notebook.save_and_close()
    opening = "async (name) => { await window.jupyterapp.commands.execute('docmanager:open', {path: name}); }"
    notebook.page.evaluate(opening, name)
