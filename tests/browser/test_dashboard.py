"""A dashboard in JupyterLab, over queries without an engine."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.scenes import HOSTILE
from tests.browser.test_views import SETUP, screenshot

pytestmark = pytest.mark.browser

SCENE = "board, good, bad = scenes.dashboard()"


def test_dashboard_shows_hostile_texts_as_text_and_the_error_of_a_panel(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.page.set_viewport_size({"width": 1280, "height": 1400})
    notebook_page.open(lab, lab.write("dashboard.ipynb", [SETUP, SCENE]))
    notebook_page.run_all()
    page = notebook_page.page
    page.wait_for_selector(".snb-dash .snb-table tbody tr:not(.snb-wait)")
    page.wait_for_selector(".snb-dash .snb-tile")
    notebook_page.kernel("bad.state = 'ERROR'; bad.feed.fail('topic <b>ratings</b> is gone')")
    page.wait_for_selector(".snb-card-error:not([hidden])")
    page.wait_for_function("() => /failed/.test(document.querySelector('.snb-dash-state').textContent)")
    screenshot(notebook_page, "dashboard", ".snb-dash")
    assert page.locator(".snb-card-error:not([hidden])").text_content() == "topic <b>ratings</b> is gone"
    assert page.locator(".snb-dash-state").text_content() == "1 of 3 failed"
    assert HOSTILE in (page.locator(".snb-dash-title").text_content() or "")
    assert HOSTILE in page.locator(".snb-card-title").all_text_contents()
    page.locator(".snb-tbody td", has_text=HOSTILE).first.click()
    expect(page.locator(".snb-pick-text")).to_have_text(HOSTILE[:23] + "…")
    assert page.evaluate("() => window.__broken") is None
    assert notebook_page.foreign == []
    assert notebook_page.console_errors == []


def test_reader_goes_on_typing_when_the_still_picture_is_renewed(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.page.set_viewport_size({"width": 1280, "height": 1400})
    notebook_page.open(lab, lab.write("typing.ipynb", [SETUP, SCENE]))
    notebook_page.run_all()
    page = notebook_page.page
    page.wait_for_selector(".snb-dash .snb-table tbody tr:not(.snb-wait)")
    page.get_by_role("searchbox", name="Search the dashboard").focus()
    page.keyboard.type("we")
    page.evaluate("() => { document.querySelector('.snb-dash-search').dataset.first = 'yes'; }")
    notebook_page.kernel("board._renewal.due_s = 0.0")
    page.wait_for_function("() => document.querySelector('.snb-dash-search')?.dataset.first === undefined")
    page.wait_for_function("() => document.activeElement?.classList.contains('snb-dash-search')")
    page.keyboard.type("b")
    page.wait_for_function("() => document.querySelectorAll('.snb-table tbody .snb-row').length === 1")
    assert page.locator(".snb-dash-search").input_value() == "web"
    assert notebook_page.console_errors == []
