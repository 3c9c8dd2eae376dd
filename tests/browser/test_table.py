"""The live table in JupyterLab: what a reader can do with it, over a large table without an engine."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from typing import Any

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.jupyter import ROOT, Lab, NotebookPage

pytestmark = pytest.mark.browser

SETUP = "import numpy as np\nfrom tests.browser import big, scenes"
BOX = ".snb-scroll"
ROWS = 30_000
expect.set_options(timeout=30_000)


def picture(notebook: NotebookPage, name: str) -> None:
    """Save a picture of the table where STREAMNB_SCREENSHOTS points."""
    folder = os.environ.get("STREAMNB_SCREENSHOTS")
    if folder:
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
        notebook.page.locator(".jp-OutputArea-output").first.screenshot(path=ROOT / folder / f"{name}.png")


def open_table(lab: Lab, notebook: NotebookPage, cell: str) -> Page:
    notebook.open(lab, lab.write("grid.ipynb", [SETUP, cell]))
    notebook.run_all()
    notebook.page.wait_for_selector(".snb-table tbody tr:not(.snb-wait)")
    return notebook.page


def texts(page: Page, column: int) -> list[str]:
    """List the texts of a column, from the first row in view to the last one."""
    found: list[str] = page.evaluate(
        """(column) => [...document.querySelectorAll('.snb-tbody tr')].map((row) => row.cells[column].textContent)""",
        column,
    )
    return found


def wait_for_column(page: Page, column: int, condition: str) -> None:
    """Wait until a condition on the texts of a column holds."""
    page.wait_for_function(
        f"""() => {{
            const texts = [...document.querySelectorAll('.snb-tbody tr:not(.snb-wait)')]
                .map((row) => row.cells[{column}].textContent);
            return texts.length > 0 && ({condition})(texts);
        }}"""
    )


def turn_wheel(page: Page, rows: int) -> None:
    """Scroll by the wheel, once more if the turn was lost because JupyterLab built the view anew in that moment."""
    box = page.locator(BOX)
    before = box.evaluate("(box) => box.scrollTop")
    for _ in range(5):
        box.hover()
        page.mouse.wheel(0, 26 * rows)
        with contextlib.suppress(TimeoutError):
            scrolled = "(before) => document.querySelector('.snb-scroll').scrollTop !== before"
            page.wait_for_function(scrolled, arg=before, timeout=3000)
            return
    raise AssertionError("the table does not scroll")


def caption(page: Page) -> Any:
    return page.locator(".snb-count")


def head(page: Page, name: str) -> Any:
    return page.locator(".snb-names th", has=page.get_by_text(name, exact=True))


def test_rows_are_sorted_and_filtered_in_the_kernel(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, f"view, q = big.show({ROWS})")
    expect(caption(page)).to_have_text("30,000 rows")
    assert page.locator(BOX).get_attribute("aria-rowcount") == "30001"
    head(page, "ATTEMPTS").locator("button").click()
    wait_for_column(
        page, 1, "(texts) => texts.every((t, i) => !i || Number(texts[i - 1]) >= Number(t)) && texts[0] > 990000"
    )
    expect(head(page, "ATTEMPTS")).to_have_attribute("aria-sort", "descending")
    head(page, "ATTEMPTS").locator("button").click()
    wait_for_column(
        page, 1, "(texts) => texts.every((t, i) => !i || Number(texts[i - 1]) <= Number(t)) && texts[0] < 9000"
    )
    expect(head(page, "ATTEMPTS")).to_have_attribute("aria-sort", "ascending")
    picture(notebook_page, "sorted")
    page.get_by_role("button", name="filter by column").click()
    page.get_by_label("filter STARS").fill(">=5")
    page.get_by_label("filter CARD").fill("card 00000")
    wait_for_column(page, 5, "(texts) => texts.every((t) => t === '5')")
    expect(caption(page)).to_have_text(notebook_page_count(notebook_page, "((5, '>=5'), (0, 'card 00000'))"))
    picture(notebook_page, "filtered")
    page.get_by_label("filter STARS").fill("many")
    expect(page.locator(".snb-problem")).to_contain_text("column STARS holds numbers, and many is none")
    wait_for_column(page, 5, "(texts) => texts.every((t) => t === '5')")
    page.get_by_label("filter STARS").fill("null")
    expect(page.locator(".snb-empty")).to_have_text("no row matches")
    expect(page.locator(".snb-problem")).to_be_hidden()
    page.get_by_role("button", name="filter by column").click()
    page.get_by_label("search all columns").fill("card 0012345")
    wait_for_column(page, 0, "(texts) => texts.length === 1 && texts[0] === 'card 0012345'")
    expect(caption(page)).to_have_text("showing 1 of 30,000 rows")
    assert notebook_page.console_errors == []


def notebook_page_count(notebook: NotebookPage, columns: str) -> str:
    """Ask the kernel how many rows a filter leaves, and write it as the table does."""
    code = (
        "from streamnb.engine.relation import View; from streamnb.engine.rowfilter import RowFilter\n"
        f"n = q.relation().read(View(filter=RowFilter({columns}))).num_rows\n"
        "print(f'showing {n:,} of 30,000 rows')"
    )
    return notebook.kernel(code).strip()


def test_reader_scrolls_to_any_row_of_two_million(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = big.show(2_000_000)")
    expect(caption(page)).to_have_text("2,000,000 rows", timeout=60_000)
    box = page.locator(BOX)
    box.press("Control+End")
    wait_for_column(page, 0, "(texts) => texts.at(-1) === 'card 1999999'")
    assert page.locator(".snb-active").text_content()
    box.press("Control+Home")
    wait_for_column(page, 0, "(texts) => texts[0] === 'card 0000000'")
    page.evaluate("() => { const box = document.querySelector('.snb-scroll'); box.scrollTop = box.scrollHeight / 2; }")
    wait_for_column(page, 0, "(texts) => /card (0999|1000)/.test(texts[5])")
    before = texts(page, 0)
    turn_wheel(page, 3)
    wait_for_column(page, 0, f"(texts) => texts[0] === '{before[3]}'")
    picture(notebook_page, "middle")
    assert len(texts(page, 0)) < 30
    assert notebook_page.console_errors == []


def test_keys_move_the_active_cell_and_the_selection_is_copied(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, f"view, q = big.show({ROWS})")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    box = page.locator(BOX)
    box.press("ArrowDown")
    box.press("PageDown")
    expect(page.locator("tr:has(> .snb-active)")).to_have_attribute("aria-rowindex", re.compile("^(?!2$)"))
    box.press("Control+Home")
    box.press("ArrowDown")
    box.press("Shift+ArrowDown")
    box.press("Shift+End")
    page.wait_for_function("() => document.querySelectorAll('td[aria-selected=true]').length === 12")
    active = box.get_attribute("aria-activedescendant")
    assert page.locator(f"[id='{active}']").get_attribute("class").split()[-1] == "snb-active"  # type: ignore[union-attr]
    picture(notebook_page, "selected")
    box.press("Control+c")
    expect(page.locator(".snb-status")).to_have_text("copied 2 rows of 6 columns")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    lines = list(csv.reader(io.StringIO(copied), dialect="excel-tab"))
    assert lines[0] == ["CARD", "ATTEMPTS", "AMOUNT", "AT", "MESSAGE", "STARS"]
    assert [line[0] for line in lines[1:]] == ["card 0000001", "card 0000002"]
    assert lines[1][3] == "2018-03-28 12:00:01"
    box.press("Control+a")
    box.press("Control+c")
    expect(page.locator(".snb-status")).to_have_text("copied 30,000 rows of 6 columns", timeout=60_000)
    box.press("Control+Home")
    box.press("Enter")
    expect(page.locator(".snb-value pre")).to_have_text("card 0000000")
    page.locator(".snb-value pre").press("Escape")
    expect(page.locator(".snb-value")).to_have_count(0)
    assert notebook_page.console_errors == []


def test_keys_go_on_when_the_still_picture_is_renewed(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = big.show(10)")
    page.locator(BOX).press("ArrowDown")
    page.evaluate("() => { document.querySelector('.snb').dataset.first = 'yes'; }")
    notebook_page.kernel("q.put(np.array([4])); view._renewal.due_s = 0.0")
    page.wait_for_function("() => document.querySelector('.snb')?.dataset.first === undefined")
    expect(page.locator(BOX)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("tr:has(> .snb-active)")).to_have_attribute("aria-rowindex", "3")
    assert notebook_page.console_errors == []


def test_csv_holds_all_rows_of_the_view(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, f"view, q = big.show({ROWS})")
    head(page, "CARD").locator("button").click()
    head(page, "CARD").locator("button").click()
    wait_for_column(page, 0, "(texts) => texts[0] === 'card 0029999'")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "cards.csv"
    lines = list(csv.reader(download.value.path().read_text(encoding="utf-8").splitlines()))
    assert lines[0] == ["CARD", "ATTEMPTS", "AMOUNT", "AT", "MESSAGE", "STARS"]
    assert [line[0] for line in lines[1:]] == [f"card {n:07d}" for n in reversed(range(ROWS))]
    assert notebook_page.console_errors == []


def test_changes_light_up_where_they_are(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = big.show(10)")
    page.evaluate(
        """() => {
            window.__seen = {};
            const names = ['snb-new', 'snb-gone', 'snb-flash-a', 'snb-flash-b'];
            new MutationObserver((records) => {
                const seen = records.flatMap(({ target, addedNodes }) => [target, ...addedNodes]);
                for (const node of seen) for (const name of names) {
                    if (!node.classList?.contains(name)) continue;
                    window.__seen[name.replace(/-[ab]$/, '')] = node.closest('tr').cells[0].textContent;
                }
            }).observe(document.querySelector('.snb-scroll'), {
                subtree: true, childList: true, attributeFilter: ['class'],
            });
        }"""
    )
    for code in ("q.put(np.array([4]))", "q.put(np.array([10]))", "q.put(np.array([7]), delete=True)"):
        notebook_page.kernel(code)
    page.wait_for_function("() => Object.keys(window.__seen).length === 3")
    assert page.evaluate("() => window.__seen") == {
        "snb-flash": "card 0000004",
        "snb-new": "card 0000010",
        "snb-gone": "card 0000007",
    }
    expect(caption(page)).to_have_text("10 rows")
    assert notebook_page.console_errors == []


def test_rows_that_change_all_the_time_are_filled_anew_and_not_lit(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = big.show(1000)")
    head(page, "AT").locator("button").click()
    wait_for_column(page, 0, "(texts) => texts[0] === 'card 0000999'")
    page.evaluate(
        """() => {
            const now = performance.now();
            performance.now = () => now; // all changes come at once
        }"""
    )
    for first in range(0, 100, 20):
        notebook_page.kernel(f"q.put(np.arange({first}, {first + 20}))")
        wait_for_column(page, 0, f"(texts) => texts[0] === 'card {first + 19:07d}'")
        if first == 60:
            page.evaluate("() => { window.__row = document.querySelector('.snb-tbody tr'); }")
    assert page.locator(".snb-tbody .snb-new, .snb-flash-a, .snb-flash-b").count() == 0
    assert page.evaluate("() => window.__row.isConnected")
    assert texts(page, 0)[:3] == ["card 0000099", "card 0000098", "card 0000097"]
    assert notebook_page.console_errors == []


def test_rows_in_view_stay_while_others_come_before_them(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, f"view, q = big.show({ROWS})")
    head(page, "CARD").locator("button").click()
    head(page, "CARD").locator("button").click()
    turn_wheel(page, 100)
    wait_for_column(page, 0, f"(texts) => texts.some((text) => text === 'card {ROWS - 101:07d}')")
    place = page.locator(".snb-place").text_content()
    before = texts(page, 0)[2:12]
    notebook_page.kernel(f"q.put(np.arange({ROWS}, {ROWS} + 50))")
    expect(page.locator(".snb-place")).not_to_have_text(place or "")
    assert [text for text in texts(page, 0) if text in before] == before
    expect(caption(page)).to_have_text("30,050 rows")
    assert notebook_page.console_errors == []


def test_pause_lets_changes_wait_and_the_switch_shows_them_one_by_one(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = big.show(10)")
    page.get_by_role("button", name="Pause").click()
    expect(caption(page)).to_have_text("paused · 10 rows")
    notebook_page.kernel("q.put(np.arange(10, 15))")
    head(page, "CARD").locator("button").click()
    expect(head(page, "CARD")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Resume").click()
    expect(caption(page)).to_have_text("15 rows")
    page.get_by_role("radio", name="Changes").click()
    expect(caption(page)).to_have_text("15 changes")
    notebook_page.kernel("q.put(np.array([3])); q.put(np.array([4]), delete=True)")
    wait_for_column(page, 0, "(texts) => texts.slice(0, 3).join() === 'delete,update,insert'")
    picture(notebook_page, "changes")
    page.get_by_role("radio", name="Rows").click()
    expect(caption(page)).to_have_text("14 rows")
    assert notebook_page.console_errors == []


def test_numbers_and_times_are_written_as_the_reader_chooses(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, "view, q = scenes.kinds()")
    row = page.locator(".snb-tbody tr").first.locator("td")
    assert row.all_text_contents() == [
        "9007199254740993",
        "1234567.0",
        "12345678901234567890.12",
        "2018-03-28 12:00:00.250",
        "2018-03-28",
        "12:30:00",
        "true",
        "null",
        "AQID",
        "{a: 1}",
    ]
    page.get_by_role("button", name="1,000").click()
    expect(row.nth(0)).to_have_text("9,007,199,254,740,993")
    expect(row.nth(2)).to_have_text("12,345,678,901,234,567,890.12")
    page.get_by_role("button", name="UTC", exact=True).click()
    expect(page.locator(".snb-names .snb-type").nth(3)).to_have_text("TIMESTAMP · local")
    picture(notebook_page, "kinds")
    assert notebook_page.console_errors == []


def test_result_of_many_rows_is_sorted_and_searched_too(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        "%load_ext streamnb\n%ksql memory://",
        "%%ksql\nCREATE STREAM S (ID INT KEY, N INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');",
        "inserts = ''.join(f'INSERT INTO S VALUES ({i}, {i * 7 % 60});' for i in range(60))\n"
        "get_ipython().run_cell_magic('ksql', '', inserts)",
        "%ksql SELECT * FROM S;",
    ]
    notebook_page.open(lab, lab.write("result.ipynb", cells))
    notebook_page.run_all()
    page = notebook_page.page
    expect(caption(page)).to_have_text("60 rows")
    assert texts(page, 0)[:3] == ["0", "1", "2"]
    head(page, "N").locator("button").click()
    wait_for_column(page, 1, "(texts) => texts[0] === '59'")
    assert page.get_by_role("button", name="Pause").count() == 0
    assert notebook_page.console_errors == []


def test_table_comes_back_as_it_was_after_a_reload(lab: Lab, notebook_page: NotebookPage) -> None:
    page = open_table(lab, notebook_page, f"view, q = big.show({ROWS})")
    head(page, "ATTEMPTS").locator("button").click()
    wait_for_column(page, 1, "(texts) => texts[0] > 990000")
    notebook_page.save_and_reload()
    page.wait_for_selector(".snb-table tbody tr:not(.snb-wait)")
    wait_for_column(page, 1, "(texts) => texts[0] > 990000")
    expect(head(page, "ATTEMPTS")).to_have_attribute("aria-sort", "descending")
