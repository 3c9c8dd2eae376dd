"""Hostile texts as values, names and errors: no script runs, nobody else is asked, no element is added."""

from __future__ import annotations

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.hostile import CORPUS, FOREIGN
from tests.browser.jupyter import Lab, NotebookPage

pytestmark = pytest.mark.browser

SETUP = """
from tests.browser.hostile import CORPUS
%load_ext streamnb
%ksql memory://
nb = get_ipython().magics_manager.registry['KsqlMagics'].session.workspace
nb("CREATE STREAM HOSTILE (N INT KEY, TEXT VARCHAR) WITH (KAFKA_TOPIC='hostile', PARTITIONS=1, VALUE_FORMAT='JSON');")
for n, text in enumerate(CORPUS):
    nb("INSERT INTO HOSTILE VALUES (:n, :text);", params={'n': n, 'text': text})
a, b, c, d, e, f = CORPUS[0], CORPUS[2], CORPUS[35], CORPUS[62], CORPUS[90], CORPUS[245]
"""
VIEWS = [
    "%%ksql -o q\nSELECT N, TEXT, ARRAY[TEXT, :a] AS L, MAP(TEXT := :b) AS M FROM HOSTILE EMIT CHANGES;",
    "q.alert(None, title=a, per_minute=600)",
    "%%ksql --chart bar --x TEXT\nSELECT TEXT, COUNT(*) AS C FROM HOSTILE GROUP BY TEXT EMIT CHANGES;",
    "%%ksql --chart scatter --x N --y M --color TEXT\nSELECT N, N AS M, TEXT FROM HOSTILE EMIT CHANGES;",
    "%%ksql --chart metric\nSELECT TEXT, COUNT(*) AS C FROM HOSTILE WHERE N < 8 GROUP BY TEXT EMIT CHANGES;",
    "%%ksql\nSELECT N AS {{a}}, N AS {{b}}, TEXT AS {{c}}, TEXT AS {{d}}, N AS {{e}}, N AS {{f}}\n"
    "FROM HOSTILE EMIT CHANGES;",
    "%%ksql --chart line --y C\nSELECT N AS {{a}}, N AS C, TEXT AS {{b}} FROM HOSTILE EMIT CHANGES;",
    "%%ksql\nCREATE STREAM {{a}} AS SELECT N, TEXT AS {{b}}, :c AS {{d}} FROM HOSTILE;\n"
    "DESCRIBE {{a}} EXTENDED;\nSHOW STREAMS;",
    "%%ksql\nCREATE SOURCE CONNECTOR {{c}} WITH (\n"
    "  'connector.class' = 'datagen', 'quickstart' = 'ratings', 'kafka.topic' = 'x');\n"
    "SHOW CONNECTORS;\nDESCRIBE CONNECTOR {{c}};",
    "%ksql EXPLAIN SELECT TEXT AS {{a}} FROM HOSTILE WHERE TEXT = :b EMIT CHANGES;",
    "%ksql graph",
    "%ksql jobs",
    "%ksql SELECT * FROM HOSTILE;",
    "%ksql history",
]
ERRORS = """
for text in CORPUS[::7]:
    bad = text
    get_ipython().run_cell("%ksql SELECT {{bad}} FROM HOSTILE;")
    get_ipython().run_cell("%ksql SELECT CAST(:bad AS INT) + :bad FROM HOSTILE EMIT CHANGES;")
"""
# What no view of ours is made of. Links are counted by where they lead.
ADDED = """() => {
    const names = 'script iframe object embed form link base meta video audio marquee'
        + ' details template math xss noscript';
    const made = 'img[src="x"] [onload] [onerror] [onfocus] [ontoggle] [onclick] a[href^="javascript"]';
    const asking = '[src*="127.0.0.2"] [href*="127.0.0.2"] [style*="127.0.0.2"]';
    const wanted = [names, made, asking].join(' ').split(' ').join(',');
    const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
    const found = outputs.flatMap((output) => [...output.querySelectorAll(wanted)]);
    return found.map((node) => node.outerHTML.slice(0, 200));
}"""
ROWS = "() => [...document.querySelectorAll('.snb-scroll')].map((box) => box.scrollHeight - box.clientHeight)"
SCROLL = """(share) => document.querySelectorAll('.snb-scroll').forEach((box) => {
    box.scrollTop = share * (box.scrollHeight - box.clientHeight); })"""


def assert_harmless(notebook: NotebookPage) -> None:
    assert notebook.page.evaluate("() => window.__ran") is None
    assert notebook.page.evaluate(ADDED) == []
    assert notebook.foreign == []


def test_hostile_texts_stay_texts_in_every_view(lab: Lab, notebook_page: NotebookPage) -> None:
    assert len(CORPUS) >= 200
    page = notebook_page.page
    name = lab.write("hostile.ipynb", [SETUP, *VIEWS, ERRORS])
    notebook_page.open(lab, name)
    notebook_page.run_all(timeout_s=240, fails=True)
    page.wait_for_selector(".snb-table tbody tr:not(.snb-wait)")
    page.wait_for_selector(".snb-plot .bk-Figure")
    page.wait_for_selector(".snb-tile")
    page.wait_for_selector(".snb-alert")
    page.wait_for_function(f"() => ({ROWS})().some((height) => height > 3000)")
    for step in range(41):
        page.evaluate(SCROLL, step / 40)
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert_harmless(notebook_page)
    for plot in page.locator(".snb-plot .bk-Figure").all():
        plot.scroll_into_view_if_needed()
        width = int((plot.bounding_box() or {"width": 0})["width"])
        for x in range(60, width - 20, 60):
            plot.hover(position={"x": x, "y": 150}, force=True)
    assert_harmless(notebook_page)
    assert notebook_page.console_errors == []

    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    saved = nbformat.read(lab.notebooks / name, as_version=4)
    exported, _ = HTMLExporter().from_notebook_node(saved)
    (lab.notebooks / "hostile.html").write_text(exported, encoding="utf-8")
    asked: list[str] = []
    reader = page.context.new_page()
    reader.on("request", lambda request: asked.append(request.url))
    reader.goto((lab.notebooks / "hostile.html").as_uri(), wait_until="domcontentloaded")
    reader.wait_for_selector(".jp-OutputArea-output")
    assert reader.evaluate("() => window.__ran") is None
    assert reader.evaluate(ADDED) == []
    assert not [url for url in asked if url.startswith(FOREIGN[:16])]
    reader.evaluate("() => document.querySelector('.jp-OutputArea-output').insertAdjacentHTML('beforeend', '<form>')")
    assert len(reader.evaluate(ADDED)) == 1  # an element more would have been seen
