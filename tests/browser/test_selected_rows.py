"""Rows that are selected in a live table restrict the other views of its query: what the page shows of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.test_charts import CHARTS
from tests.browser.test_views import screenshot

pytestmark = pytest.mark.browser

SETUP = "from tests.browser import chart_scenes as scenes"
CHANNELS = ["android", "chat", "email", "ios", "partner", "phone", "web"]


def open_board(lab: Lab, notebook: NotebookPage) -> Page:
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.open(lab, lab.write("board.ipynb", [SETUP, "board, query = scenes.board()"]))
    notebook.run_all()
    wait_for_views(page, CHANNELS)
    return page


def row(page: Page, channel: str) -> Locator:
    """Find a row of the first table."""
    return page.locator(".snb").first.locator(".snb-tbody tr", has=page.get_by_text(channel, exact=True))


def cell(page: Page, channel: str) -> Locator:
    return row(page, channel).locator("td").first


def wait_for_views(page: Page, channels: list[str]) -> None:
    """Wait until bars, tiles and the second table show these channels only, and the first table all that there are."""
    page.wait_for_function(
        f"""(wanted) => {{
            const texts = (place, what) => [...place.querySelectorAll(what)].map((node) => node.textContent).sort();
            const tables = document.querySelectorAll('.snb');
            const chart = ({CHARTS})()[0];
            if (!chart || tables.length !== 2) return false;
            const shown = [chart.x, texts(document, '.snb-tile-label'), texts(tables[1], '.snb-tbody td:first-child')];
            return shown.every((names) => [...names].sort().join() === wanted.join());
        }}""",
        arg=sorted(channels),
    )


def selected(page: Page) -> list[str]:
    """List the rows of the first table that are marked as selected."""
    found = page.locator(".snb").first.locator("tr[aria-selected=true] td:first-child")
    return sorted(found.all_text_contents())


def test_click_selects_a_row_and_the_other_views_show_it_alone(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_board(lab, notebook_page)
    chip = page.locator(".snb-pick-text").first
    cell(page, "ios").click()
    wait_for_views(page, ["ios"])
    expect(row(page, "ios")).to_have_attribute("aria-selected", "true")
    expect(chip).to_have_text("ios")
    expect(page.locator(".snb").first.locator(".snb-count")).to_have_text("7 rows")
    expect(page.locator(".snb").nth(1).locator(".snb-count")).to_have_text("showing 1 of 7 rows")
    cell(page, "web").click(modifiers=["Control"])
    wait_for_views(page, ["ios", "web"])
    expect(chip).to_have_text("ios, web")
    cell(page, "chat").click()
    cell(page, "ios").click(modifiers=["Shift"])
    wait_for_views(page, ["chat", "email", "ios"])
    assert selected(page) == ["chat", "email", "ios"]
    screenshot(notebook_page, "selected-rows", ".snb-dash")
    cell(page, "phone").click()
    wait_for_views(page, ["phone"])
    cell(page, "phone").click()
    wait_for_views(page, CHANNELS)
    expect(chip).to_be_hidden()
    assert selected(page) == []
    assert notebook_page.console_errors == []


def test_keys_select_rows_and_escape_or_the_chip_takes_it_away(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_board(lab, notebook_page)
    box = page.locator(".snb-scroll").first
    box.focus()
    for key in ("ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    wait_for_views(page, ["chat"])
    for key in ("ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    wait_for_views(page, ["chat", "ios"])
    page.keyboard.press("Escape")
    wait_for_views(page, CHANNELS)
    for key in ("Control+End", "Shift+ArrowUp", "Shift+ArrowUp", "Shift+Space"):
        page.keyboard.press(key)
    wait_for_views(page, ["partner", "phone", "web"])
    page.get_by_role("button", name="partner, phone, web").click()
    wait_for_views(page, CHANNELS)
    expect(box).to_be_focused()
    assert notebook_page.console_errors == []


def test_selection_follows_its_row_and_ends_with_it(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_board(lab, notebook_page)
    page.locator(".snb").first.locator(".snb-names th button", has_text="RATINGS").click()
    cell(page, "web").click()
    wait_for_views(page, ["web"])
    expect(row(page, "web")).to_have_attribute("aria-rowindex", "2")
    notebook_page.kernel("query.feed.put(scenes.ratings(web=12))")
    expect(row(page, "web")).to_have_attribute("aria-rowindex", "8")
    expect(page.locator(".snb-tile")).to_contain_text("12")
    assert selected(page) == ["web"]
    notebook_page.kernel("query.feed.put(scenes.ratings(web=0))")
    wait_for_views(page, [channel for channel in CHANNELS if channel != "web"])
    expect(page.locator(".snb-pick-text").first).to_be_hidden()
    assert notebook_page.console_errors == []


def test_selection_is_there_after_a_reload_and_can_be_seen_in_the_dark(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_board(lab, notebook_page)
    notebook_page.choose_theme("light")
    cell(page, "ios").click()
    cell(page, "partner").click(modifiers=["Control"])
    wait_for_views(page, ["ios", "partner"])
    light = row(page, "ios").evaluate("(row) => getComputedStyle(row).backgroundColor")
    notebook_page.save_and_reload()
    wait_for_views(page, ["ios", "partner"])
    notebook_page.choose_theme("dark")
    marked, plain = (
        row(page, name).evaluate("(row) => getComputedStyle(row).backgroundColor") for name in ("ios", "email")
    )
    screenshot(notebook_page, "selected-rows-dark", ".snb-dash")
    assert selected(page) == ["ios", "partner"]
    assert len({light, marked, plain}) == 3
