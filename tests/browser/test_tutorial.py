"""The ratings tutorial in JupyterLab: its views change under the reader's eyes."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from tests.browser.jupyter import ERRORS, ROOT, Lab, NotebookPage

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.__broken=1>"


def wait_for_change(notebook: NotebookPage, expression: str, timeout_s: float = 30) -> None:
    """Wait until an expression of the page has another value."""
    before = notebook.page.evaluate(expression)
    changed = f"(before) => ({expression})() !== before"
    notebook.page.wait_for_function(changed, arg=before, timeout=timeout_s * 1000)


def test_tutorial_changes_live_and_leaves_no_console_errors(lab: Lab, notebook_page: NotebookPage) -> None:
    source = ROOT / "notebooks" / "01_ratings.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "stop --all" not in cell.source]
    nbformat.write(notebook, lab.notebooks / "01_ratings.ipynb")
    notebook_page.page.set_viewport_size({"width": 1280, "height": 9000})  # all views are on the screen
    notebook_page.open(lab, "01_ratings.ipynb")
    notebook_page.run_all()
    page = notebook_page.page
    page.wait_for_function("() => document.querySelectorAll('.snb-table tbody tr').length > 20")
    page.wait_for_function("() => document.querySelectorAll('.snb-plot .bk-Figure').length === 1")
    numbers = "() => [...document.querySelectorAll('.snb-table')].map((t) => t.textContent).join()"
    wait_for_change(notebook_page, numbers)
    wait_for_change(notebook_page, numbers)
    page.wait_for_function("() => /\\d rows?/.test([...document.querySelectorAll('.snb-note')].at(-1).textContent)")
    picture = os.environ.get("STREAMNB_SCREENSHOT")
    if picture:
        page.wait_for_timeout(45_000)  # let the windows fill, for the picture only
        _photograph(notebook_page, ROOT / picture)
    assert notebook_page.console_errors == []


def _photograph(notebook: NotebookPage, path: Path) -> None:
    """Save what the reader sees from the cell of the table that changes in place to the first chart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = notebook.page.locator(".jp-Cell")
    first = cells.filter(has_text="Count: a table that changes").first.bounding_box()
    last = cells.filter(has_text="SELECT * FROM POSSIBLE_FRAUD").first.bounding_box()
    assert first is not None and last is not None
    height = last["y"] + last["height"] - first["y"] + 8
    notebook.page.screenshot(
        path=path, clip={"x": first["x"], "y": first["y"], "width": first["width"], "height": height}
    )


def test_statements_show_hostile_values_names_and_errors_as_text(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        "%load_ext streamnb\n%ksql memory://",
        "%%ksql\nCREATE STREAM S (ID INT KEY, `<b onclick=alert(1)>` VARCHAR, N INT)\n"
        "  WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');\n"
        f"INSERT INTO S VALUES (1, '{HOSTILE}', 7);",
        "%%ksql -o live\nSELECT * FROM S EMIT CHANGES;",
        "%%ksql -o bars --chart bar --x '<b onclick=alert(1)>' --y N\nSELECT * FROM S EMIT CHANGES;",
        "%ksql SELECT * FROM S;",
        "%ksql SHOW STREAMS;",
        f"%%ksql\nSELECT NOSUCH FROM S WHERE N = '{HOSTILE}' EMIT CHANGES;",
    ]
    notebook_page.page.set_viewport_size({"width": 1280, "height": 3000})
    notebook_page.open(lab, lab.write("hostile.ipynb", cells))
    notebook_page.run_all(fails=True)
    page = notebook_page.page
    page.wait_for_selector(".snb-table tbody tr")
    page.wait_for_function("() => /record/.test(document.querySelector('.snb-note')?.textContent)")
    assert HOSTILE in page.locator(".snb-table tbody td").all_text_contents()
    assert HOSTILE in page.locator(".streamnb-result td").all_text_contents()
    error = page.locator(ERRORS).text_content() or ""
    assert "Traceback" not in error
    assert "^^^^^^" in error
    assert page.locator("b[onclick], img[onerror]").count() == 0
    assert page.evaluate("() => window.__broken") is None
    assert notebook_page.console_errors == []


def test_cell_that_runs_again_replaces_its_view(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        "%load_ext streamnb\n%ksql memory://",
        "%%ksql\nCREATE STREAM S (ID INT KEY, N INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');\n"
        "INSERT INTO S VALUES (1, 7);",
        "%%ksql\nSELECT * FROM S EMIT CHANGES;",
    ]
    notebook_page.open(lab, lab.write("again.ipynb", cells))
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-table tbody tr")
    count = "import ipywidgets; print(len(ipywidgets.widgets.widget._instances))"
    widgets = notebook_page.kernel(count)
    notebook_page.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 2; }")
    notebook_page.page.evaluate(
        """async () => {
            window.__again = undefined;
            window.jupyterapp.commands.execute('notebook:run-cell').then(() => { window.__again = true; });
        }"""
    )
    notebook_page.page.wait_for_function("() => window.__again === true")
    notebook_page.page.wait_for_selector(".snb-table tbody tr")
    assert notebook_page.page.locator(".snb-table").count() == 1
    assert notebook_page.kernel(count) == widgets
    assert notebook_page.kernel("print([t.name for t in __import__('threading').enumerate()])").count("push") == 1


def test_completion_offers_columns_in_a_cell(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        "%load_ext streamnb\n%ksql memory://",
        "%%ksql\nCREATE STREAM RATINGS (ID INT KEY, CHANNEL VARCHAR) "
        "WITH (KAFKA_TOPIC='r', PARTITIONS=1, VALUE_FORMAT='JSON');",
    ]
    notebook_page.open(lab, lab.write("complete.ipynb", cells))
    notebook_page.run_all()
    matches = notebook_page.page.evaluate(
        """async () => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const code = '%%ksql\\nSELECT CHA FROM RATINGS EMIT CHANGES;';
            return (await kernel.requestComplete({code, cursor_pos: 17})).content.matches;
        }"""
    )
    assert matches == ["CHANNEL"]
