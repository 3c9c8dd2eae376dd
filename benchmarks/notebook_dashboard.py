"""A dashboard of four views over a pipeline that streams for minutes: whether memory stays, how fast it is drawn.

Run ``python -m benchmarks.notebook_dashboard [--seconds N] [--markdown FILE]`` with JupyterLab, Playwright and Chromium
installed. The pipeline is a file, and its topic keeps one minute, so that what grows is what the views hold.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.page import machine, table, write_section
from tests.browser import jupyter

RATE = 2000
EVERY_S = 30.0
_PIPELINE = f"""%%ksql
CREATE STREAM RATINGS (RATING_ID BIGINT, USER_ID INT, STARS INT, CHANNEL VARCHAR, MESSAGE VARCHAR)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON', RETENTION_MS=60000);
CREATE SOURCE CONNECTOR MADE WITH ('connector.class' = 'datagen', 'quickstart' = 'ratings', 'kafka.topic' = 'ratings',
  'max.interval' = '{2000 / RATE}');
"""
_QUERIES = (
    "%%ksql -o all_of --no-display\nSELECT RATING_ID, USER_ID, STARS, CHANNEL, MESSAGE FROM RATINGS EMIT CHANGES;",
    "%%ksql -o windows --no-display\nSELECT CHANNEL, COUNT(*) AS N FROM RATINGS\n"
    "  WINDOW TUMBLING (SIZE 2 SECONDS, RETENTION 2 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY CHANNEL EMIT CHANGES;",
    "%%ksql -o users --no-display\nSELECT USER_ID, COUNT(*) AS N, AVG(STARS) AS MEAN FROM RATINGS GROUP BY USER_ID\n"
    "  EMIT CHANGES;",
)
_BOARD = """import streamnb
streamnb.dashboard("Ratings", layout=[["a", "a"], ["b", "c"], ["d", "d"]], items=[
    all_of.table(), windows.chart("stacked"), users.chart("bar", x="USER_ID", y="N"), users.table()])"""
_USAGE = """import json, psutil
print(json.dumps({"rss": psutil.Process().memory_info().rss, "rows": all_of.feed.total}))"""
_FRAMES = """async (seconds) => {
    const state = () => document.querySelector('.snb-dash')?.textContent;
    const end = performance.now() + seconds * 1000;
    let frames = 0, changes = 0, before = state();
    while (performance.now() < end) {
        await new Promise(requestAnimationFrame);
        frames++;
        const now = state();
        if (now !== before) changes++;
        before = now;
    }
    return [frames / seconds, changes / seconds];
}"""
HEAD = ("after s", "records", "records/s", "browser frames/s", "changes on the page/s", "page heap MB", "kernel MB")
LINES_MAX = 28


def measure(folder: Path, seconds: float) -> list[tuple[float, ...]]:
    """Stream for so long and return the figures of every half minute."""
    lab = jupyter.Lab(folder)
    lab.start()
    lines: list[tuple[float, ...]] = []
    try:
        with jupyter.browser_page(folder / "browser") as page:
            notebook = jupyter.NotebookPage(page)
            page.set_viewport_size({"width": 1280, "height": 1500})
            cells = ["%load_ext streamnb\n%ksql soak.duckdb", _PIPELINE, *_QUERIES, _BOARD]
            notebook.open(lab, lab.write("soak.ipynb", cells))
            notebook.run_all()
            page.wait_for_selector(".snb-dash .snb-table tbody tr")
            tools = page.context.new_cdp_session(page)
            rows, spent_s = 0, 0.0
            while spent_s < seconds:
                frames, changes = page.evaluate(_FRAMES, EVERY_S)
                spent_s += EVERY_S
                tools.send("HeapProfiler.collectGarbage")
                heap = page.evaluate("performance.memory.usedJSHeapSize")
                kernel = json.loads(notebook.kernel(_USAGE))
                rate = (kernel["rows"] - rows) / EVERY_S
                rows = kernel["rows"]
                lines.append((spent_s, rows, rate, frames, changes, heap / 1e6, kernel["rss"] / 1e6))
                print({name: round(figure) for name, figure in zip(HEAD, lines[-1], strict=True)}, flush=True)
            assert notebook.console_errors == [], notebook.console_errors
            notebook.shut_kernel_down()
    finally:
        lab.stop()
    return lines


def periods(lines: list[tuple[float, ...]]) -> Iterator[tuple[str, ...]]:
    """Put the figures of some minutes together: where it ended, means, and the least and the most memory."""
    size = -(-len(lines) // LINES_MAX)
    for first in range(0, len(lines), size):
        spent, rows, *means, heaps, kernels = zip(*lines[first : first + size], strict=True)
        yield (
            f"{spent[-1]:.0f}",
            f"{rows[-1]:,.0f}",
            *(f"{statistics.mean(figures):,.0f}" for figures in means),
            f"{min(heaps):.0f}–{max(heaps):.0f}",
            f"{min(kernels):.0f}–{max(kernels):.0f}",
        )


def main() -> None:
    """Measure and print, or write the section of the page of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    made = measure(Path(tempfile.mkdtemp()), options.seconds)
    lines = [f"Made by `python -m benchmarks.notebook_dashboard --seconds {options.seconds:.0f}` ({machine()}).", ""]
    lines += table(HEAD, list(periods(made)))
    print("\n".join(lines))
    if options.markdown is not None:
        write_section(options.markdown, "A dashboard of four views for minutes", lines)


if __name__ == "__main__":
    main()
