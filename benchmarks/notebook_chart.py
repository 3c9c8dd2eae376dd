"""Live charts in a real JupyterLab: records a second drawn, frames a second, how far the page is behind, memory.

Run ``python -m benchmarks.notebook_chart [--seconds N] [--markdown FILE] [--soak SECONDS]`` with JupyterLab, Playwright
and Chromium installed. Every record carries the time at which it came into being; the lag is the age of the newest
record that the page has drawn, read once per frame of the browser. The threads' times are those of the kernel.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.page import machine, table, write_section
from streamnb.schema import BIGINT, DOUBLE, STRING
from streamnb.widgets import views
from tests.browser import jupyter
from tests.widgets.fake_query import FakeQuery

FEED_ROWS = 10_000
_WARM_S = 4


@dataclass(frozen=True)
class Load:
    """What is drawn: a kind of chart, records a second, and whether they change rows that are there."""

    name: str
    kind: str
    rows_per_s: int
    keys: int = 0


LOADS = (
    Load("line, 4 groups, newest 5,000 points", "line", 10_000),
    Load("scatter, 4 groups, newest 5,000 points", "scatter", 10_000),
    Load("hist of all records", "hist", 10_000),
    Load("stacked bars, table of 2,000 rows, changed in place", "stacked", 10_000, keys=20),
    Load("heatmap, table of 2,000 rows, changed in place", "heatmap", 10_000, keys=20),
    Load("metric tiles, table of 2,000 rows", "metric", 10_000, keys=20),
    Load("line at 20,000 records/s", "line", 20_000),
)
_queries: list[FakeQuery] = []


def show(number: int) -> None:
    """Show a load in the running cell and feed it until ``stop``."""
    load = LOADS[number]
    if load.keys:
        columns = [("K", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", DOUBLE)]
        query = FakeQuery(columns, key_columns=1, is_table=True)
        view = views.chart(query, load.kind, name=load.name)
        fill = _changes(query, load.keys)
    else:
        query = FakeQuery([("EVENT_TIME", BIGINT), ("K", STRING), ("N", DOUBLE)])
        color = None if load.kind == "hist" else "K"
        view = views.chart(query, load.kind, color=color, name=load.name)
        fill = _records(query)
    _queries.append(query)
    view.show()
    threading.Thread(target=_feed, args=(query, fill, load.rows_per_s), name="load", daemon=True).start()


def _feed(query: FakeQuery, fill: Callable[[int, int], None], rows_per_s: int) -> None:
    started_s, sent = time.monotonic(), 0
    while query.state == "RUNNING":
        due = int((time.monotonic() - started_s) * rows_per_s)
        if due > sent:
            fill(sent, due - sent)
            sent = due
        time.sleep(0.02)


def _records(query: FakeQuery) -> Callable[[int, int], None]:
    def fill(first: int, count: int) -> None:
        now_ms = time.time() * 1000
        numbers = range(first, first + count)
        query.feed.append(*((now_ms, f"sensor {n % 4}", math.sin(n / 900) + n % 4) for n in numbers))

    return fill


def _changes(query: FakeQuery, keys: int) -> Callable[[int, int], None]:
    windows = 100
    table = {(f"key {k:02}", w): 0.0 for w in range(windows) for k in range(keys)}

    def fill(first: int, count: int) -> None:
        now_ms = time.time() * 1000
        for n in range(first, first + count):
            # The last digits of a height are the time: a page shows how old the newest one is.
            table[f"key {n % keys:02}", windows - 1 - n % 7] = now_ms
        rows = [(key, w * 5000, w * 5000 + 5000, height) for (key, w), height in table.items()]
        query.feed.put(rows, first + count)

    return fill


def stop() -> None:
    """End the newest load."""
    _queries[-1].state = "STOPPED"


def usage() -> str:
    """Return as JSON: CPU seconds of the process and of the thread that serves views, resident bytes, records."""
    process = psutil.Process()
    by_thread = {thread.native_id: thread.name for thread in threading.enumerate()}
    spent = {by_thread.get(t.id, ""): t.user_time + t.system_time for t in process.threads()}
    total = process.cpu_times().user + process.cpu_times().system
    seen = _queries[-1].feed.snapshot().total
    return json.dumps(
        {"total": total, "sender": spent.get("streamnb-views", 0.0), "rss": process.memory_info().rss, "rows": seen}
    )


# Watches a chart for some seconds: frames of the browser, distinct states drawn, ages of the newest record in ms.
_WATCH = """async ([seconds, isTable]) => {
    const libraries = globalThis[Symbol.for('streamnb.bokeh')];
    const bokeh = libraries && Object.values(libraries)[0].bokeh;
    const doc = bokeh?.documents.at(-1);
    const sources = doc ? [...doc._all_models.values()].filter((m) => m.type === 'ColumnDataSource') : [];
    const last = (values) => { let top = 0; for (const v of values ?? []) if (v > top) top = v; return top; };
    const newest = () => {
        if (!isTable) return Math.max(...sources.map((s) => last(s.data.x)));
        return Math.max(...sources.map((s) => s.data.value ? last(s.data.value) : 0));
    };
    const note = () => [...document.querySelectorAll('.snb-note')].at(-1)?.textContent;
    let frames = 0, drawn = 0, before = null, text = null;
    const ages = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
        await new Promise(requestAnimationFrame);
        frames++;
        const now = newest();
        const state = now > 1e12 ? now : sources.map((s) => last(s.data.top)).join() + note();
        if (state !== before) drawn++;
        before = state;
        if (now > 1e12) ages.push(Date.now() - now);
    }
    ages.sort((a, b) => a - b);
    return { fps: frames / seconds, drawn: drawn / seconds, median: ages[ages.length >> 1] ?? null,
             worst: ages.at(-1) ?? null, heap: performance.memory?.usedJSHeapSize ?? 0 };
}"""


def measure(notebook: jupyter.NotebookPage, lab: jupyter.Lab, number: int, seconds: float) -> dict[str, Any]:
    """Run one load in a notebook of its own and return the figures."""
    load = LOADS[number]
    cells = [f"from benchmarks import notebook_chart as b\nb.show({number})"]
    notebook.open(lab, lab.write(f"load{number}.ipynb", cells))
    notebook.run_all()
    place = ".snb-tile" if load.kind == "metric" else ".snb-plot .bk-Figure"
    notebook.page.wait_for_selector(place)
    notebook.page.wait_for_timeout(_WARM_S * 1000)
    before = json.loads(notebook.kernel("print(b.usage())"))
    started_s = time.monotonic()
    seen = notebook.page.evaluate(_WATCH, [seconds, bool(load.keys)])
    after = json.loads(notebook.kernel("print(b.usage())"))
    spent_s = time.monotonic() - started_s
    notebook.kernel("b.stop()")
    assert notebook.console_errors == [], notebook.console_errors
    notebook.shut_kernel_down()
    return {
        **seen,
        "rows": (after["rows"] - before["rows"]) / spent_s,
        "sender": 100 * (after["sender"] - before["sender"]) / spent_s,
        "rss": after["rss"] / 1e6,
    }


def soak(lab: jupyter.Lab, folder: Path, seconds: float) -> None:
    """Print how memory goes while a line, stacked bars and a histogram are drawn in one page."""
    with jupyter.browser_page(folder / "browser") as page:
        notebook = jupyter.NotebookPage(page)
        page.set_viewport_size({"width": 1280, "height": 1500})
        cells = ["from benchmarks import notebook_chart as b", "b.show(0)", "b.show(3)", "b.show(2)"]
        notebook.open(lab, lab.write("soak.ipynb", cells))
        notebook.run_all()
        tools = page.context.new_cdp_session(page)
        started_s = time.monotonic()
        while (now_s := time.monotonic() - started_s) < seconds:
            page.wait_for_timeout(20_000)
            tools.send("HeapProfiler.collectGarbage")
            heap = page.evaluate("performance.memory.usedJSHeapSize")
            kernel = json.loads(notebook.kernel("print(b.usage())"))
            sizes = f"page heap {heap / 1e6:.1f} MB, kernel {kernel['rss'] / 1e6:.1f} MB"
            print(f"{now_s + 20:.0f} s: {sizes}, {kernel['rows']:,} records in the newest chart", flush=True)
        notebook.shut_kernel_down()


HEAD = (
    "chart",
    "records/s in",
    "new pictures/s",
    "browser frames/s",
    "lag ms, median",
    "lag ms, worst",
    "views' thread, % of a core",
    "kernel MB",
    "page heap MB",
)


def report(results: list[dict[str, Any]], seconds: float) -> list[str]:
    """Write the figures as Markdown."""
    rows = []
    for load, r in zip(LOADS, results, strict=True):
        ages = [f"{r[name]:,.0f}" if r[name] is not None else "–" for name in ("median", "worst")]
        drawn = "–" if load.kind == "metric" else f"{r['drawn']:.0f}"
        numbers = [f"{r['rows']:,.0f}", drawn, f"{r['fps']:.0f}", *ages, f"{r['sender']:.1f}"]
        rows.append([load.name, *numbers, f"{r['rss']:.0f}", f"{r['heap'] / 1e6:.0f}"])
    return [
        f"Made by `python -m benchmarks.notebook_chart --seconds {seconds:g}`: JupyterLab and headless Chromium, no",
        f"GPU, on the machine of the kernel ({machine()}). Lag is the age of the newest record",
        "that the page has drawn, looked at in each frame of the browser.",
        "",
        *table(HEAD, rows),
    ]


def main() -> None:
    """Measure all loads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="watch memory instead")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    lab = jupyter.Lab(folder)
    lab.start()
    results = []
    if options.soak:
        try:
            soak(lab, folder, options.soak)
        finally:
            lab.stop()
        return
    try:
        for number, load in enumerate(LOADS):
            with jupyter.browser_page(folder / f"browser{number}") as page:
                results.append(measure(jupyter.NotebookPage(page), lab, number, options.seconds))
            print(load.name, results[-1], flush=True)
    finally:
        lab.stop()
    lines = report(results, options.seconds)
    print("\n".join(lines))
    if options.markdown is not None:
        write_section(options.markdown, "Live charts in JupyterLab", lines)


if __name__ == "__main__":
    main()
