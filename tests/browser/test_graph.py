"""The pipeline as a live graph in JupyterLab."""

from __future__ import annotations

import nbformat
import pytest

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.test_views import screenshot

pytestmark = pytest.mark.browser

PIPELINE = """%%ksql
CREATE SOURCE CONNECTOR MADE WITH (
  'connector.class' = 'datagen', 'quickstart' = 'ratings', 'kafka.topic' = 'ratings', 'max.interval' = '10');
CREATE STREAM RATINGS (RATING_ID BIGINT, USER_ID INT, STARS INT, CHANNEL VARCHAR)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE TABLE CUSTOMERS (ID INT PRIMARY KEY, NAME VARCHAR, CLUB_STATUS VARCHAR)
  WITH (KAFKA_TOPIC='customers', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE STREAM POOR_RATINGS AS SELECT * FROM RATINGS WHERE STARS < 3;
CREATE STREAM RATINGS_WITH_CUSTOMERS AS
  SELECT R.USER_ID AS USER_ID, STARS, NAME, CLUB_STATUS FROM RATINGS R LEFT JOIN CUSTOMERS C ON R.USER_ID = C.ID;
CREATE STREAM UNHAPPY_PLATINUM AS
  SELECT * FROM RATINGS_WITH_CUSTOMERS WHERE STARS < 3 AND CLUB_STATUS = 'platinum';
CREATE TABLE PER_CHANNEL AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;
"""
BREAK = "session.workspace.pipeline.catalog.queries['CSAS_POOR_RATINGS_0'].state = 'ERROR'"
FIND = "session = get_ipython().magics_manager.registry['KsqlMagics'].session\n"
TEXTS = "() => [...document.querySelectorAll('.snb-graph text')].map((text) => text.textContent).join('|')"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_graph_shows_rates_and_leaves_a_picture(lab: Lab, notebook_page: NotebookPage, theme: str) -> None:
    cells = [
        "%load_ext streamnb\n%ksql memory://",
        PIPELINE,
        "%%ksql -o q --no-display\nSELECT * FROM PER_CHANNEL EMIT CHANGES;",
    ]
    name = lab.write("graph.ipynb", [*cells, "%ksql graph", "%ksql EXPLAIN CSAS_RATINGS_WITH_CUSTOMERS_1;"])
    notebook_page.open(lab, name)
    notebook_page.choose_theme(theme)
    notebook_page.run_all()
    notebook_page.page.wait_for_function(f"() => /in [1-9][0-9,.]*\\/s/.test(({TEXTS})())")
    drawn = notebook_page.page.evaluate(TEXTS)
    for expected in ("MADE", "UNHAPPY_PLATINUM", "CTAS_PER_CHANNEL_3", "live query", "LEFT JOIN stream with table"):
        assert expected in drawn
    assert notebook_page.page.locator(".snb-graph circle.RUNNING").count() == 5
    notebook_page.kernel(FIND + BREAK)
    notebook_page.page.wait_for_selector(".snb-graph circle.ERROR", state="attached")
    screenshot(notebook_page, f"graph-{theme}")
    notebook_page.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    saved = nbformat.read(lab.notebooks / name, as_version=4)
    pictures = [
        out.data["image/svg+xml"] for cell in saved.cells for out in cell.outputs if "image/svg+xml" in out.data
    ]
    assert len(pictures) == 2 and all("<script" not in picture for picture in pictures)
    assert notebook_page.console_errors == []
