"""Views while a cell computes: they stay live, and clicks are answered then too."""

from __future__ import annotations

import pytest

from tests.browser.jupyter import Lab, NotebookPage

pytestmark = pytest.mark.browser

# Pure Python that gives the interpreter away only when it is made to, until the test ends it by a file.
BUSY = """
from pathlib import Path
n = 0
while not Path("enough").exists():
    n += sum(range(1000))
"""


def test_click_is_answered_while_a_cell_computes(lab: Lab, notebook_page: NotebookPage) -> None:
    enough = lab.notebooks / "enough"
    enough.unlink(missing_ok=True)
    cells = ["from tests.browser import scenes", "view, q = scenes.table()", BUSY]
    notebook_page.open(lab, lab.write("busy.ipynb", cells))
    notebook_page.start_all()
    try:
        notebook_page.page.wait_for_selector(".snb-table tbody tr")
        notebook_page.page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
        notebook_page.page.get_by_role("button", name="Stop").click()
        notebook_page.page.wait_for_function("() => document.body.textContent.includes('STOPPED')", timeout=10_000)
        assert notebook_page.page.evaluate("() => window.__done") is None
    finally:
        enough.touch()
    notebook_page.page.wait_for_function("() => window.__done !== undefined")
    assert notebook_page.console_errors == []
