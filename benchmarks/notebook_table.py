"""The live table in JupyterLab and Chromium: from a click to the painted rows, and repaints a second.

``python -m benchmarks.notebook_table --rows 2000000 [--changes 2500] [--markdown docs/performance.md]``. A click's time
runs from the event in the page to the second animation frame after the right rows are in the document, so that they
have been painted. Repaints are animation frames before which a cell in view got another text.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks.page import machine, table, write_section
from tests.browser.jupyter import Lab, NotebookPage, browser_page, missing

PEER = {"sort": "0.35", "filter": "0.9", "repaints": "18"}
ROUNDS = 3
WATCH_S = 8
TOOLS = """() => {
    const rows = () => [...document.querySelectorAll('.snb-tbody tr:not(.snb-wait)')];
    window.__texts = (column) => rows().map((row) => row.cells[column].textContent);
    window.__painted = (act, isRight) => new Promise((resolve) => {
        const start = performance.now();
        act();
        const look = () => {
            if (isRight()) requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - start)));
            else requestAnimationFrame(look);
        };
        look();
    });
    window.__repaints = (seconds) => new Promise((resolve) => {
        const gaps = [];
        let changed = false, last = performance.now();
        const observer = new MutationObserver(() => { changed = true; });
        observer.observe(document.querySelector('.snb-tbody'), { subtree: true, childList: true, characterData: true });
        const end = last + seconds * 1000;
        const look = (now) => {
            if (changed) { gaps.push(now - last); last = now; changed = false; }
            if (now < end) requestAnimationFrame(look);
            else { observer.disconnect(); resolve(gaps); }
        };
        requestAnimationFrame(look);
    });
}"""


def sort_s(page: Page, name: str, column: int, *, down: bool) -> float:
    """Click on a column's name and return the seconds until its rows are painted in order."""
    result: float = page.evaluate(
        """([name, column, down]) => {
            const head = [...document.querySelectorAll('.snb-head')]
                .find((node) => node.querySelector('.snb-name').textContent === name);
            const before = window.__texts(column).join();
            const number = (text) => (Number.isNaN(Number(text)) ? text : Number(text));
            const sorted = () => {
                const texts = window.__texts(column).map(number);
                if (texts.length < 10 || texts.join() === before) return false;
                return texts.every((text, i) => i === 0 || (down ? texts[i - 1] >= text : texts[i - 1] <= text));
            };
            return window.__painted(() => head.click(), sorted);
        }""",
        [name, column, down],
    )
    return result / 1000


def filter_s(page: Page, label: str, column: int, text: str, part: str) -> float:
    """Type into a filter and return the seconds until only rows that match are painted."""
    result: float = page.evaluate(
        """([label, column, text, part]) => {
            const input = document.querySelector(`[aria-label="${label}"]`);
            const type = (value) => {
                input.value = value;
                input.dispatchEvent(new Event('input', { bubbles: true }));
            };
            const right = () => {
                const texts = window.__texts(column);
                return texts.length > 0 && texts.every((shown) => shown.includes(part));
            };
            return window.__painted(() => type(text), right);
        }""",
        [label, column, text, part],
    )
    page.evaluate(
        """(label) => {
            const input = document.querySelector(`[aria-label="${label}"]`);
            input.value = '';
            input.dispatchEvent(new Event('input', { bubbles: true }));
        }""",
        label,
    )
    page.wait_for_function("() => !document.querySelector('.snb-count').textContent.includes('showing')")
    return result / 1000


def repaints(page: Page) -> tuple[float, float]:
    """Return repaints a second, and the median gap between them in milliseconds."""
    gaps: list[float] = page.evaluate("(seconds) => window.__repaints(seconds)", WATCH_S)
    return len(gaps) / WATCH_S, statistics.median(gaps) if gaps else float("inf")


def unsort(page: Page) -> None:
    """Click until no column is sorted by."""
    while (head := page.locator("th[aria-sort=ascending], th[aria-sort=descending]")).count():
        head.first.locator("button").click()
    page.wait_for_function("() => window.__texts(0)[1] === 'card 0000001'")


def measure(page: Page, notebook: NotebookPage, changes_per_s: int) -> dict[str, str]:
    """Run all measurements and return them by name."""
    found: dict[str, str] = {}

    def times(name: str, once: Callable[[], float]) -> None:
        values = [once() for _ in range(ROUNDS)]
        found[name] = f"{statistics.median(values):.2f} ({min(values):.2f} – {max(values):.2f})"
        print(name, found[name], flush=True)

    def sorting(name: str, column: int, down: bool) -> float:
        seconds = sort_s(page, name, column, down=down)
        unsort(page)
        return seconds

    page.evaluate(TOOLS)
    page.get_by_role("button", name="filter by column").click()
    for state in ("at rest", f"{changes_per_s:,} changes/s"):
        times(f"sort a number, {state}", lambda: sorting("ATTEMPTS", 1, True))
        times(f"sort a text, {state}", lambda: sorting("MESSAGE", 4, False))
        times(f"filter a text, {state}", lambda: filter_s(page, "filter MESSAGE", 4, "? 777", "? 777"))
        times(f"filter a number, {state}", lambda: filter_s(page, "filter STARS", 5, ">4", "5"))
        times(f"search all columns, {state}", lambda: filter_s(page, "search all columns", 4, "? 778", "? 778"))
        if state == "at rest":
            notebook.kernel(f"q.start({changes_per_s})")
    sort_s(page, "AT", 3, down=True)
    for state, code in (("kernel idle", ""), ("kernel in a pure-Python loop", LOOP)):
        if code:
            page.evaluate(
                """(code) => {
                    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                    window.__loop = kernel.requestExecute({ code, store_history: false }).done;
                }""",
                code,
            )
        rate, gap_ms = repaints(page)
        found[f"repaints/s, {state}"] = f"{rate:.1f} (median gap {gap_ms:.0f} ms)"
        print(f"repaints/s, {state}", found[f"repaints/s, {state}"], flush=True)
    return found


LOOP = f"import time\nend, x = time.monotonic() + {WATCH_S + 4}, 0\nwhile time.monotonic() < end: x += 1"


def report(found: dict[str, str], rows: int, changes_per_s: int) -> list[str]:
    """Write the section of the page: figures beside those of the best peer."""
    lines = [
        f"Made by `python -m benchmarks.notebook_table --rows {rows} --changes {changes_per_s}` in JupyterLab",
        f"and Chromium ({machine()}): median (least – most) of {ROUNDS}, from the click to the painted rows, and",
        f"repaints in {WATCH_S} s. The peer is Deephaven 42.7, its kernel in a loop, on a similar machine.",
        "",
    ]
    body = []
    for name, value in found.items():
        kind = next(kind for kind in ("repaints", "sort", "") if name.startswith(kind)) or "filter"
        unit = "" if kind == "repaints" else " s"
        body.append((name, f"{value}{unit}", f"{PEER[kind]}{unit}"))
    return [*lines, *table([f"{rows:,} live rows, 6 columns", "measured", "peer"], body)]


def main() -> None:
    """Measure and print; with ``--markdown`` put the table into a file, behind its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--changes", type=int, default=2_500)
    parser.add_argument("--markdown", type=Path)
    options: Any = parser.parse_args()
    if lacking := missing():
        raise SystemExit(lacking)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        lab.start()
        try:
            with browser_page(Path(folder) / "browser") as page:
                notebook = NotebookPage(page)
                # The extension has busy threads of the kernel take turns more often, as in any notebook of a reader.
                cells = ["%load_ext streamnb", "from tests.browser import big", f"view, q = big.show({options.rows})"]
                notebook.open(lab, lab.write("table.ipynb", cells))
                notebook.run_all(300)
                page.wait_for_function("() => document.querySelector('.snb-count')?.textContent.includes('rows')")
                found = measure(page, notebook, options.changes)
                notebook.shut_kernel_down()
        finally:
            lab.stop()
    lines = report(found, options.rows, options.changes)
    print("\n".join(lines))
    if options.markdown:
        write_section(options.markdown, "The live table", lines)


if __name__ == "__main__":
    main()
