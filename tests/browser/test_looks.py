"""Every view in both themes and two widths: its texts can be read, and nothing is cut or wider than its place."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.jupyter import ROOT, Lab, NotebookPage
from tests.browser.looks import photograph
from tests.browser.test_alerts import ALERT, INSERT
from tests.browser.test_alerts import PIPELINE as ALERT_PIPELINE
from tests.browser.test_charts import wait_for_notes
from tests.browser.test_graph import PIPELINE, TEXTS
from tests.browser.test_magics import SOURCE

pytestmark = pytest.mark.browser

OUTPUTS = ".jp-OutputArea-output"
START = "%load_ext streamnb\n%ksql memory://"
KINDS = ("line", "area", "scatter", "bar", "stacked", "hist", "heatmap", "metric")


def show(lab: Lab, notebook: NotebookPage, name: str, cells: list[str], *, height: int, fails: bool = False) -> None:
    notebook.page.set_viewport_size({"width": 1280, "height": height})
    notebook.open(lab, lab.write(f"looks_{name}.ipynb", cells))
    notebook.run_all(fails=fails)


def test_tables_look_well(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        "from tests.browser import scenes",
        "v, q = scenes.table()",
        "w, p = scenes.stream()",
        "k, r = scenes.kinds()",
    ]
    show(lab, notebook_page, "tables", cells, height=2000)
    notebook_page.page.wait_for_function("() => document.querySelectorAll('.snb-table tbody tr').length > 20")
    notebook_page.kernel("q.state = p.state = 'STOPPED'")
    assert photograph(notebook_page, "table", OUTPUTS, height=2000) == {}


def test_charts_look_well(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = ["from tests.browser import chart_scenes as scenes", *(f"v, _ = scenes.scene('{kind}')" for kind in KINDS)]
    show(lab, notebook_page, "charts", cells, height=3600)
    wait_for_notes(notebook_page, len(KINDS) - 1)
    assert photograph(notebook_page, "chart", OUTPUTS, height=3600) == {}


def test_answers_and_errors_look_well(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [
        START,
        SOURCE,
        "%%ksql\nINSERT INTO RATINGS (ID, CHANNEL, STARS) VALUES (1, 'web', 3);\nSHOW STREAMS;\nSHOW TOPICS;",
        "%ksql DESCRIBE RATINGS;",
        "%ksql DESCRIBE FUNCTION LPAD;",
        "%ksql SHOW PROPERTIES;",
        "%ksql SELECT * FROM RATINGS;",
        "import streamnb as nb\nnb.param('tier', ['P', 'G', 'S'])",
        "nb.param('stars', 3, min=1, max=5)",
        "nb.param('channel', 'web')",
        "%%ksql\nSELECT *\nFROM RATINGS WHERE STARZ < 3 EMIT CHANGES;",
    ]
    show(lab, notebook_page, "answers", cells, height=4000, fails=True)
    assert photograph(notebook_page, "answer", OUTPUTS, height=4000) == {}


def test_pictures_of_pipelines_and_alerts_look_well(lab: Lab, notebook_page: NotebookPage) -> None:
    cells = [START, PIPELINE, "%ksql graph", "%ksql EXPLAIN CSAS_RATINGS_WITH_CUSTOMERS_1;", "%ksql jobs"]
    alert = [ALERT_PIPELINE.replace("RATINGS", "ALERTED").replace("'ratings'", "'alerted'"), ALERT]
    show(lab, notebook_page, "pipelines", [*cells, *alert], height=3000)
    notebook_page.page.wait_for_function(f"() => /in [1-9][0-9,.]*\\/s/.test(({TEXTS})())")
    notebook_page.kernel(INSERT.replace("RATINGS", "ALERTED").format(1, "Neha", 1))
    notebook_page.page.wait_for_selector(".snb-alert")
    assert photograph(notebook_page, "pipeline", OUTPUTS, height=3000) == {}


def test_dashboard_looks_well(lab: Lab, notebook_page: NotebookPage) -> None:
    shutil.copy(ROOT / "notebooks" / "02_access_points.ipynb", lab.notebooks)
    notebook_page.page.set_viewport_size({"width": 1280, "height": 3000})
    notebook_page.open(lab, "02_access_points.ipynb")
    notebook_page.run_all()
    notebook_page.page.wait_for_selector(".snb-plot .bk-Figure")
    notebook_page.page.wait_for_function("() => document.querySelectorAll('.snb-table tbody tr').length > 10")
    assert photograph(notebook_page, "dashboard", ".snb-dash", height=3000) == {}
