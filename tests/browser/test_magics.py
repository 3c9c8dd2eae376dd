"""The magics in JupyterLab: completion, documentation, errors and progress, as the reader sees them."""

from __future__ import annotations

import pytest

from tests.browser.jupyter import ERRORS, Lab, NotebookPage
from tests.browser.looks import FOLDER, LOOKS, choose_look

pytestmark = pytest.mark.browser

SETUP = """%load_ext streamnb
%ksql memory://"""
SOURCE = """%%ksql
CREATE STREAM RATINGS (ID INT KEY, CHANNEL VARCHAR, STARS INT, RATER STRUCT<NAME STRING, CITY STRING>)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');"""


def picture(notebook: NotebookPage, name: str) -> None:
    """Save pictures of the whole page in every look."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for theme, width in LOOKS:
        choose_look(notebook, theme, width, 900)
        notebook.page.screenshot(path=FOLDER / f"{name}-{theme}-{width}.png")


def type_at_the_end(notebook: NotebookPage, text: str) -> None:
    """Put the cursor behind the last cell's text, in edit mode, and type."""
    cell = notebook.page.locator(".jp-CodeCell").last
    cell.locator(".cm-content").click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type(text)


def test_completion_offers_the_columns_behind_an_alias(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("complete.ipynb", [SETUP, SOURCE, ""]))
    notebook_page.run_all()
    type_at_the_end(notebook_page, "%%ksql\nSELECT * FROM RATINGS R\nWHERE R.")
    notebook_page.page.keyboard.press("Tab")
    notebook_page.page.wait_for_selector(".jp-Completer .jp-Completer-item")
    offered = notebook_page.page.locator(".jp-Completer .jp-Completer-match").all_text_contents()
    assert offered == ["ID", "CHANNEL", "STARS", "RATER"]
    kinds = notebook_page.page.locator(".jp-Completer .jp-Completer-typeExtended").all_text_contents()
    assert [kind.lower() for kind in kinds] == ["integer", "string", "integer", "struct"]
    photograph_popup(notebook_page, "completion", "Tab", ".jp-Completer .jp-Completer-item")
    notebook_page.page.keyboard.type("RA")
    notebook_page.page.keyboard.press("Enter")
    type_at_the_end(notebook_page, "->")
    notebook_page.page.keyboard.press("Tab")
    notebook_page.page.wait_for_selector(".jp-Completer .jp-Completer-item")
    offered = notebook_page.page.locator(".jp-Completer .jp-Completer-match").all_text_contents()
    assert offered == ["NAME", "CITY"]


def test_shift_tab_shows_the_documentation_of_a_function(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("inspect.ipynb", [SETUP, SOURCE, "%%ksql\nSELECT LPAD("]))
    notebook_page.run_all(fails=True)
    type_at_the_end(notebook_page, "")
    notebook_page.page.keyboard.press("Shift+Tab")
    tooltip = notebook_page.page.locator(".jp-Tooltip")
    tooltip.wait_for()
    text = tooltip.text_content() or ""
    assert "scalar function LPAD" in text
    assert "LPAD(STRING" in text
    photograph_popup(notebook_page, "tooltip", "Shift+Tab", ".jp-Tooltip")
    assert notebook_page.console_errors == []


def test_error_is_coloured_with_a_caret_and_without_a_traceback(lab: Lab, notebook_page: NotebookPage) -> None:
    cell = "%%ksql\nSELECT *\nFROM RATINGS WHERE STARZ < :most EMIT CHANGES;"
    notebook_page.open(lab, lab.write("errors.ipynb", [SETUP + "\nmost = 3", SOURCE, cell]))
    notebook_page.run_all(fails=True)
    output = notebook_page.page.locator(ERRORS)
    text = output.text_content() or ""
    assert text.splitlines()[:3] == [
        "error: column STARZ is not in stream RATINGS",
        "  3 | FROM RATINGS WHERE STARZ < :most EMIT CHANGES;",
        "    |                    ^^^^^",
    ]
    assert "did you mean STARS?" in text
    assert "Traceback" not in text
    red = output.locator("span.ansi-red-intense-fg, span.ansi-red-fg").all_text_contents()
    assert red == ["error:", "^^^^^"]
    picture(notebook_page, "error")


BACKLOG = """%%ksql
CREATE SOURCE CONNECTOR GEN WITH ('connector.class'='datagen', 'quickstart'='ratings', 'kafka.topic'='made',
  'backlog'='150000', 'iterations'='150000');
CREATE STREAM MADE (RATING_ID BIGINT, USER_ID INT, STARS INT, CHANNEL VARCHAR, MESSAGE VARCHAR)
  WITH (KAFKA_TOPIC='made', VALUE_FORMAT='JSON');
SET 'max.batch.records' = '500';"""
FILLED = """import threading
magics = get_ipython().magics_manager.registry['KsqlMagics']
filled = lambda: magics.session.workspace.sql('SELECT count(*) FROM topic.made').rows[0][0] >= 150000
while not filled():
    threading.Event().wait(0.2)"""
GROUPED = """%%ksql -o q
SELECT CHANNEL, COUNT(*) AS N FROM MADE GROUP BY CHANNEL EMIT CHANGES;"""


def test_view_shows_how_far_its_query_has_caught_up(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("progress.ipynb", [SETUP, BACKLOG, FILLED, GROUPED]))
    notebook_page.run_all(120)
    bar = notebook_page.page.locator(".jp-OutputArea [role=progressbar]")
    bar.wait_for()
    assert 0 <= int(bar.get_attribute("aria-valuenow") or "-1") < 100
    notebook_page.page.wait_for_function(
        "() => /catching up \\d+ %, [\\d,]+ records\\/s, .* left/.test(document.body.textContent)"
    )
    picture(notebook_page, "progress")
    bar.wait_for(state="detached", timeout=60_000)
    assert notebook_page.console_errors == []


def test_pull_query_over_long_history_shows_its_progress_and_then_what_it_read(
    lab: Lab, notebook_page: NotebookPage
) -> None:
    pull = "%ksql -o rows SELECT * FROM MADE WHERE RATING_ID < 10;"
    notebook_page.open(lab, lab.write("pull.ipynb", [SETUP, BACKLOG, FILLED, pull]))
    notebook_page.start_all()
    notebook_page.page.wait_for_selector(".jp-OutputArea [role=progressbar]", timeout=90_000)
    picture(notebook_page, "pull")
    notebook_page.page.wait_for_function("() => /read 150,000 records in [\\d.]+ s/.test(document.body.textContent)")
    notebook_page.page.wait_for_function("() => window.__done !== undefined")
    assert notebook_page.page.locator(".jp-OutputArea [role=progressbar]").count() == 0


def photograph_popup(notebook: NotebookPage, name: str, key: str, selector: str) -> None:
    """Save pictures of the page with what a key brings up, in every look; it is up afterwards too."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for theme, width in LOOKS:
        notebook.page.keyboard.press("Escape")
        choose_look(notebook, theme, width, 900)
        type_at_the_end(notebook, "")
        notebook.page.keyboard.press(key)
        notebook.page.locator(selector).first.wait_for()
        notebook.page.screenshot(path=FOLDER / f"{name}-{theme}-{width}.png")
