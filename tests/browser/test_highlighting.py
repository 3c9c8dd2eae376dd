"""Cells of streaming SQL are coloured in JupyterLab by the prebuilt extension."""

from __future__ import annotations

import pytest

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.test_views import screenshot

pytestmark = pytest.mark.browser

CELL = """%%ksql -o q --chart bar
-- it's a comment
SELECT CHANNEL, COUNT(*) AS N, 'it''s' AS T, CAST(STARS AS BIGINT) + 1.5 FROM RATINGS
  WINDOW TUMBLING (SIZE 5 SECONDS) /* for all
  lines */ WHERE STARS < :stars AND `q c` <> ${limit} GROUP BY CHANNEL EMIT CHANGES;"""
NAMES = """%%ksql
SELECT ID, R.KEY, SIZE AS QUERY FROM RATINGS R WINDOW HOPPING (SIZE 5 SECONDS, ADVANCE BY 1 SECOND, GRACE PERIOD 1 DAY)
WHERE ID = 1 AND TIME < FIRST GROUP BY ID, TOPIC EMIT FINAL;
CREATE TABLE T (ID INT PRIMARY KEY, SOURCE STRUCT<TYPE STRING>) WITH (KAFKA_TOPIC='t');"""
TYPES = """%%ksql
SELECT TIME, AP, DATE, CAST(SUBSTRING(TRIM(AT), 1) AS TIME) AS TIME, MAP('a' := DATE, DATE := 1) AS DATE, A[DATE]
FROM DATE WHERE TIME < DATE AND CAST(')' /* a day */ AS DATE) > R.TIME AND X BETWEEN DATE AND TIME GROUP BY TIME;
CREATE TYPE AGE AS INTEGER;
ALTER STREAM S ADD COLUMN DATE BYTES;
CREATE STREAM S (TIME TIME, A ARRAY<DATE>, M MAP<STRING, MAP<STRING, TIMESTAMP>>,
  B STRUCT<DATE DECIMAL(4, 2), TIME INT>, DATE DOUBLE) WITH (KAFKA_TOPIC='s');"""
LINE = "counts = %ksql SELECT * FROM RATINGS;\ntext = 'SELECT 1'"
# Our marks are cut where the cell's own language has tokens of its own, so their texts are joined.
TEXTS = """(kind) => [...document.querySelectorAll(`.snb-ksql-${kind}`)].map((mark) => mark.textContent).join('')"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cells_and_lines_are_coloured_as_statements(lab: Lab, notebook_page: NotebookPage, theme: str) -> None:
    notebook_page.open(lab, lab.write("colours.ipynb", [CELL, LINE]))
    notebook_page.choose_theme(theme)
    notebook_page.page.wait_for_selector(".snb-ksql-keyword")
    kinds = ("magic", "option", "comment", "string", "function", "type", "number", "bound")
    assert {kind: notebook_page.page.evaluate(TEXTS, kind) for kind in kinds} == {
        "magic": "%%ksql%ksql",
        "option": "-o--chart",
        "comment": "-- it's a comment/* for all  lines */",
        "string": "'it''s'",
        "function": "COUNT",
        "type": "BIGINT",
        "number": "1.55",
        "bound": ":stars${limit}",
    }
    assert notebook_page.page.evaluate(TEXTS, "keyword").startswith("SELECTASASCASTAS")
    colours = notebook_page.page.evaluate(
        """() => ['keyword', 'string', 'comment', 'plain', 'function'].map(
            (kind) => getComputedStyle(document.querySelector(`.snb-ksql-${kind}`)).color)"""
    )
    assert len(set(colours)) == len(colours)
    screenshot(notebook_page, f"colours-{theme}", ".jp-InputArea-editor")
    assert notebook_page.console_errors == []


def words_of(notebook_page: NotebookPage, kind: str) -> str:
    """Return the words of a kind in the page's cells."""
    words = "(kind) => [...document.querySelectorAll(`.snb-ksql-${kind}`)].map((mark) => mark.textContent).join(' ')"
    text: str = notebook_page.page.evaluate(words, kind)
    return text


def test_types_are_names_in_the_place_of_a_name(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("types.ipynb", [TYPES]))
    notebook_page.page.wait_for_selector(".snb-ksql-keyword")
    assert words_of(notebook_page, "type") == (
        "TIME MAP DATE INTEGER BYTES TIME ARRAY DATE MAP STRING MAP STRING TIMESTAMP STRUCT DECIMAL INT DOUBLE"
    )


def test_words_are_names_in_the_place_of_a_name(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("names.ipynb", [NAMES]))
    notebook_page.page.wait_for_selector(".snb-ksql-keyword")
    assert words_of(notebook_page, "keyword") == (
        "SELECT AS FROM WINDOW HOPPING SIZE SECONDS ADVANCE BY SECOND GRACE PERIOD DAY WHERE AND GROUP BY EMIT FINAL"
        " CREATE TABLE PRIMARY KEY WITH"
    )


def test_comment_shortcut_writes_a_comment_of_the_language(lab: Lab, notebook_page: NotebookPage) -> None:
    notebook_page.open(lab, lab.write("comment.ipynb", ["%%ksql\nSHOW STREAMS;"]))
    notebook_page.page.wait_for_selector(".snb-ksql-keyword")
    notebook_page.page.locator(".cm-line", has_text="SHOW").click()
    notebook_page.page.keyboard.press("Control+/")
    notebook_page.page.wait_for_function(
        "() => document.querySelectorAll('.cm-line')[1].textContent === '-- SHOW STREAMS;'"
    )
