"""Live charts in JupyterLab: what Bokeh's document in the page holds, and what the reader sees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.chart_scenes import DEVICES, START_MS, channels, flights, sensor_rows, window_rows
from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.scenes import HOSTILE
from tests.browser.test_views import screenshot

pytestmark = pytest.mark.browser

SETUP = "from tests.browser import chart_scenes as scenes"

# Everything that the charts of the page hold, in the order of the page: source columns by name, ranges, axis texts.
CHARTS = """() => {
    const bokeh = Object.values(globalThis[Symbol.for('streamnb.bokeh')] ?? {})[0]?.bokeh;
    if (!bokeh) return [];
    const plots = bokeh.documents.map((d) => d.get_model_by_name('plot')).filter((plot) => plot);
    const place = (plot) => bokeh.index.get_by_id(plot.id).el.getBoundingClientRect().top;
    return plots.filter((plot) => bokeh.index.get_by_id(plot.id)).sort((a, b) => place(a) - place(b)).map((plot) => {
        const sources = {};
        for (const model of plot.document._all_models.values()) {
            if (model.type !== 'ColumnDataSource' || !model.name) continue;
            sources[model.name] = Object.fromEntries(Object.entries(model.data).map(([k, v]) => [k, Array.from(v)]));
        }
        const range = (r) => r.factors ? r.factors : [r.start, r.end];
        const high = plot.document.get_model_by_name('colours')?.high;
        return { sources, x: range(plot.x_range), y: range(plot.y_range), high, label: plot.below[0].axis_label };
    });
}"""


def charts(notebook: NotebookPage) -> list[dict[str, Any]]:
    """Return what Bokeh holds of each chart of the page."""
    result: list[dict[str, Any]] = notebook.page.evaluate(CHARTS)
    return result


def wait_for_notes(notebook: NotebookPage, count: int) -> None:
    """Wait until as many charts have drawn a frame."""
    script = """(count) => [...document.querySelectorAll('.snb-note')]
        .filter((note) => /row|record/.test(note.textContent)).length >= count"""
    notebook.page.wait_for_function(script, arg=count)


def show(lab: Lab, notebook: NotebookPage, name: str, *cells: str, height: int = 900) -> None:
    """Run a notebook of scenes."""
    notebook.page.set_viewport_size({"width": 1280, "height": height})
    notebook.open(lab, lab.write(f"{name}.ipynb", [SETUP, *cells]))
    notebook.run_all()


def hover(notebook: NotebookPage, number: int = 0, across: float = 0.5, down: float = 0.5) -> None:
    """Move the mouse over a place of a chart."""
    box = notebook.page.locator(".snb-stage").nth(number).bounding_box()
    assert box is not None
    for step in (1, 0):  # the first move enters the chart
        notebook.page.mouse.move(box["x"] + box["width"] * across + step, box["y"] + box["height"] * down)


def test_each_kind_is_drawn_from_the_rows(lab: Lab, notebook_page: NotebookPage) -> None:
    kinds = ("line", "area", "scatter", "bar", "stacked", "hist", "heatmap")
    show(lab, notebook_page, "kinds", *(f"v_{kind}, _ = scenes.scene('{kind}')" for kind in kinds), height=3600)
    wait_for_notes(notebook_page, len(kinds))
    screenshot(notebook_page, "kinds")
    found = dict(zip(kinds, charts(notebook_page), strict=True))
    attic = [degrees for _, sensor, degrees in sensor_rows() if sensor == "attic"]
    assert found["line"]["sources"]["series 0"]["y"] == attic
    assert found["area"]["sources"]["series 0"]["y"] == attic
    assert found["area"]["y"][0] == 0
    points = [place for slot in range(11) for place in found["scatter"]["sources"][f"dots {slot}"]["x"]]
    assert sorted(points) == sorted(distance for distance, _, _ in flights()[1])
    assert found["bar"]["x"] == sorted({channel for channel, _, _ in channels()[1]})
    bars = found["bar"]["sources"]
    assert all(a < b for a, b in zip(bars["series 0"]["left"], bars["series 1"]["left"], strict=True))
    stacks = found["stacked"]["sources"]
    first = [count for _, start, _, count in window_rows() if start == START_MS]
    assert [stacks[f"series {slot}"]["top"][0] for slot in range(6)] == [sum(first[: n + 1]) for n in range(6)]
    assert sum(found["hist"]["sources"]["series 0"]["top"]) == 600
    assert found["heatmap"]["y"] == sorted(DEVICES, reverse=True)
    assert len(found["heatmap"]["sources"]["series 0"]["value"]) == 24 * len(DEVICES)
    assert found["heatmap"]["high"] == max(count for *_, count in window_rows())
    assert notebook_page.console_errors == []


def test_charts_keep_their_shape_in_the_dark_and_on_a_narrow_page(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "narrow", "v, _ = scenes.scene('stacked')", "w, _ = scenes.scene('metric')", height=1100)
    wait_for_notes(notebook_page, 1)
    page = notebook_page.page
    notebook_page.choose_theme("dark")
    page.set_viewport_size({"width": 800, "height": 1100})
    colour = "getComputedStyle(document.querySelector('.snb-chip .snb-dot')).backgroundColor"
    page.wait_for_function(f"() => {colour} === 'rgb(107, 163, 255)'")
    page.wait_for_function("() => document.querySelector('.snb-plot .bk-Figure').clientWidth < 760")
    hover(notebook_page)
    page.wait_for_selector(".snb-tip")
    screenshot(notebook_page, "narrow-dark")
    assert page.evaluate("() => document.querySelector('.snb-chart').scrollWidth <= innerWidth")
    notebook_page.choose_theme("light")
    page.wait_for_function(f"() => {colour} === 'rgb(49, 107, 202)'")
    assert notebook_page.console_errors == []


def test_hostile_names_and_values_are_text_everywhere(lab: Lab, notebook_page: NotebookPage) -> None:
    kinds = ("stacked", "heatmap", "metric")
    show(
        lab, notebook_page, "hostile_chart", *(f"v_{kind}, _ = scenes.hostile('{kind}')" for kind in kinds), height=1700
    )
    wait_for_notes(notebook_page, 2)
    page = notebook_page.page
    page.wait_for_selector(".snb-tile")
    seen = []
    for number in (0, 1):
        for across in (0.25, 0.75):
            for down in (0.3, 0.6, 0.85):
                hover(notebook_page, number, across, down)
                seen += page.locator(".snb-tip").nth(number).all_text_contents()
    screenshot(notebook_page, "hostile")
    cut = HOSTILE[:23] + "…"
    assert any(cut in text for text in seen)
    assert page.locator(".snb-chip .snb-name").all_text_contents()[1] == cut
    assert page.locator(".snb-title").first.text_content() == "N<b> by KIND $\u200b$x$\u200b$"
    assert charts(notebook_page)[0]["x"] == [cut, "plain"]
    assert cut in page.locator(".snb-tile-label").all_text_contents()
    assert page.locator(".snb-chart img, .snb-chart script, .snb-metric img, .snb-metric script").count() == 0
    assert page.evaluate("() => window.__broken") is None
    assert notebook_page.console_errors == []


def test_legend_hides_a_group_and_the_stack_closes(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "legend", "v, _ = scenes.scene('stacked')")
    wait_for_notes(notebook_page, 1)
    page = notebook_page.page
    page.get_by_role("button", name="iPhone").click()
    page.wait_for_function(f"() => ({CHARTS})()[0].sources['series 0'].top.length === 0")
    android = charts(notebook_page)[0]["sources"]["series 1"]
    assert set(android["bottom"]) == {0.0}
    assert android["top"][0] == next(count for name, _, _, count in window_rows() if name == "Android")
    assert page.get_by_role("button", name="iPhone").get_attribute("aria-pressed") == "false"
    assert notebook_page.console_errors == []


def test_tooltip_tells_all_groups_of_a_place(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "tooltip", "v, _ = scenes.scene('stacked')")
    wait_for_notes(notebook_page, 1)
    hover(notebook_page, across=0.06, down=0.6)
    notebook_page.page.wait_for_selector(".snb-tip")
    screenshot(notebook_page, "tooltip")
    counts = {name: count for name, start, _, count in window_rows() if start == START_MS}
    lines = notebook_page.page.locator(".snb-tip-line").all_text_contents()
    assert notebook_page.page.locator(".snb-tip-head").text_content() == "2018-10-20 01:46:40 – 01:46:50"
    assert sorted(lines) == sorted([*(f"{n}{c}" for n, c in counts.items()), f"total{sum(counts.values())}"])


def test_fast_stream_loses_no_record_and_follows_its_window(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "fast", "v, q = scenes.fast('line')", "w, p = scenes.fast('scatter', window='200ms')")
    page = notebook_page.page
    page.wait_for_function("() => /of [3-9]\\d,\\d{3} records/.test(document.querySelector('.snb-note').textContent)")
    notebook_page.kernel("q.state = p.state = 'STOPPED'")
    page.wait_for_function("() => document.body.textContent.match(/STOPPED/g)?.length === 2")
    notebook_page.kernel("v.settle(5), w.settle(5)")
    total = int(notebook_page.kernel("print(q.feed.snapshot().total)"))
    page.wait_for_function(f"() => document.querySelector('.snb-note').textContent.includes('{total:,}')")
    line, scatter = charts(notebook_page)
    numbers = sorted(x - START_MS for slot in range(4) for x in line["sources"][f"series {slot}"]["x"])
    assert numbers == list(range(total - 5000, total))
    newest = max(x for slot in range(4) for x in scatter["sources"][f"dots {slot}"]["x"])
    assert scatter["x"] == [newest - 200, newest]
    assert notebook_page.console_errors == []


def test_pause_holds_the_picture_while_data_goes_on(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "pause", "v, q = scenes.fast('line', 500)")
    page = notebook_page.page
    wait_for_notes(notebook_page, 1)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("() => /^paused/.test(document.querySelector('.snb-note').textContent)")
    held = charts(notebook_page)[0]["sources"]["series 0"]["x"][-1]
    note = page.locator(".snb-note").text_content()
    page.wait_for_function("(note) => document.querySelector('.snb-note').textContent !== note", arg=note)
    assert charts(notebook_page)[0]["sources"]["series 0"]["x"][-1] == held
    page.get_by_role("button", name="Resume").click()
    page.wait_for_function(f"() => ({CHARTS})()[0].sources['series 0'].x.at(-1) > {held}")
    assert notebook_page.console_errors == []


def test_zoom_holds_until_it_is_reset(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "zoom", "v, q = scenes.fast('line', 500)")
    page = notebook_page.page
    wait_for_notes(notebook_page, 1)
    box = page.locator(".snb-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 160, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Reset zoom").wait_for()
    zoomed = charts(notebook_page)[0]["x"]
    last = charts(notebook_page)[0]["sources"]["series 0"]["x"][-1]
    page.wait_for_function(f"() => ({CHARTS})()[0].sources['series 0'].x.at(-1) > {last}")
    assert charts(notebook_page)[0]["x"] == zoomed
    page.get_by_role("button", name="Reset zoom").click()
    page.wait_for_function(f"() => ({CHARTS})()[0].x[1] > {last}")
    assert not page.get_by_role("button", name="Reset zoom").is_visible()
    assert notebook_page.console_errors == []


def test_selection_in_one_chart_restricts_the_others(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "linked", "scenes.linked()", height=1500)
    wait_for_notes(notebook_page, 2)
    page = notebook_page.page
    page.wait_for_selector(".snb-tile")
    page.get_by_role("button", name="Windows").first.click(modifiers=["Shift"])
    page.wait_for_function(f"() => ({CHARTS})()[1].y.join() === 'Windows'")
    page.wait_for_function("() => document.querySelectorAll('.snb-tile').length === 1")
    screenshot(notebook_page, "linked")
    assert page.locator(".snb-tile-label").all_text_contents() == ["Windows"]
    assert len([s for s in charts(notebook_page)[0]["sources"].values() if s.get("top")]) == len(DEVICES)
    page.locator(".snb-pick").first.click()
    page.wait_for_function(f"() => ({CHARTS})()[1].y.length === {len(DEVICES)}")
    assert notebook_page.console_errors == []


def test_span_that_is_drawn_with_the_mouse_restricts_the_others(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "span", "scenes.linked()", height=1500)
    wait_for_notes(notebook_page, 2)
    page = notebook_page.page
    hover(notebook_page)
    page.evaluate(
        """() => {
            const bokeh = Object.values(globalThis[Symbol.for('streamnb.bokeh')])[0].bokeh;
            const plot = bokeh.documents[0].get_model_by_name('plot');
            plot.toolbar.tools.find((tool) => tool.name === 'select tool').active = true;
        }"""
    )
    box = page.locator(".snb-stage").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 160, steps=5)
    page.mouse.up()
    page.wait_for_selector(".snb-pick:not([hidden])")
    page.wait_for_function(f"() => ({CHARTS})()[1].sources['series 0'].left.length < 100")
    span = json.loads(notebook_page.kernel("import json; print(json.dumps(scenes.criteria().spans['WINDOWSTART']))"))
    kept = [row for row in window_rows() if span[0] <= row[1] < span[1]]
    assert 0 < len(kept) < len(window_rows())
    assert len(charts(notebook_page)[1]["sources"]["series 0"]["left"]) == len(kept)
    page.locator(".snb-stage").first.focus()
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => ({CHARTS})()[1].sources['series 0'].left.length === {len(window_rows())}")
    assert notebook_page.console_errors == []


def test_closed_chart_leaves_its_picture(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "closed", "v, _ = scenes.scene('stacked')", "w, _ = scenes.scene('metric')")
    wait_for_notes(notebook_page, 1)
    notebook_page.kernel("v.close(); w.close()")
    page = notebook_page.page
    page.wait_for_function("() => document.querySelectorAll('.jp-RenderedSVG img').length === 2")
    sizes = page.evaluate("() => [...document.querySelectorAll('.jp-RenderedSVG img')].map((img) => img.naturalWidth)")
    screenshot(notebook_page, "closed")
    assert sizes == [820, 820]
    assert page.locator(".snb-chart, .snb-metric").count() == 0
    assert notebook_page.console_errors == []


def test_chart_that_is_shown_twice_is_drawn_twice(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "twice", "v, q = scenes.fast('line', 500)", "v.widget", height=1300)
    wait_for_notes(notebook_page, 2)
    page = notebook_page.page
    page.wait_for_function("() => document.querySelectorAll('.snb-plot .bk-Figure').length === 2")
    newest = """() => {
        const bokeh = Object.values(globalThis[Symbol.for('streamnb.bokeh')])[0].bokeh;
        return bokeh.documents.map((d) => d.get_model_by_name('series 0').data.x.at(-1));
    }"""
    page.wait_for_function(f"() => ({newest})().length === 2")  # one that JupyterLab has built in between is gone
    before = page.evaluate(newest)
    page.wait_for_function(f"(before) => ({newest})().every((x, i) => x > before[i])", arg=before)
    assert notebook_page.console_errors == []


def test_chart_comes_back_when_the_browser_is_reloaded(lab: Lab, notebook_page: NotebookPage) -> None:
    show(lab, notebook_page, "reload", "v, q = scenes.fast('line', 500)")
    wait_for_notes(notebook_page, 1)
    page = notebook_page.page
    notebook_page.save_and_reload()
    page.wait_for_selector(".snb-plot .bk-Figure", timeout=60_000)
    wait_for_notes(notebook_page, 1)
    last = charts(notebook_page)[0]["sources"]["series 0"]["x"][-1]
    page.wait_for_function(f"() => ({CHARTS})()[0].sources['series 0'].x.at(-1) > {last}")
