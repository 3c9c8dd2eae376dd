"""How results look in a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live as Screen
from rich.markup import escape
from rich.table import Table

from streamnb.results import Live, Message, Result, Rows
from streamnb.widgets.progress import ProgressBar

__all__ = ["FRAME_S", "end_screen", "follow", "grid", "show"]

FRAME_S = 0.1
ROWS_SHOWN = 30
CELL_LENGTH_MAX = 200


def show(console: Console, result: Result, seconds: float | None = None) -> None:
    """Print a result; a push query is followed until it ends or the seconds are over."""
    if isinstance(result, Message):
        console.print(result.text, markup=False, highlight=False, soft_wrap=True)
    elif isinstance(result, Rows):
        console.print(grid([name for name, _ in result.columns], result.rows, result.title))
        if result.final_message:
            console.print(result.final_message, markup=False, highlight=False, soft_wrap=True)
    elif isinstance(result, Live):
        follow(console, result, seconds)


def grid(names: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> Table:
    """Draw rows as a table; values are data, so nothing in them is taken as markup or control sequence."""
    table = Table(title=escape(title) if title else None, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*[escape(cell(value)) for value in row])
    return table


def cell(value: Any) -> str:
    """Write one value in one line, cut when it is long."""
    text = "null" if value is None else value.hex() if isinstance(value, bytes) else str(value)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= CELL_LENGTH_MAX else text[: CELL_LENGTH_MAX - 1] + "…"


def follow(console: Console, live: Live, seconds: float | None = None, stop: threading.Event | None = None) -> None:
    """Show a push query until it ends, the seconds are over or ``stop`` is set, then stop it.

    Rows of a stream are printed below each other, those of a table change in place.
    """
    until = None if seconds is None else time.monotonic() + seconds
    bar = ProgressBar()
    try:
        if live.is_table:
            _follow_table(console, live, until, stop)
        else:
            _follow_stream(console, live, until, stop, bar)
    finally:
        bar(None)
        live.stop()


def _over(live: Live, until: float | None, stop: threading.Event | None) -> bool:
    return (until is not None and time.monotonic() >= until) or (stop is not None and stop.is_set())


def _follow_table(console: Console, live: Live, until: float | None, stop: threading.Event | None) -> None:
    names = [name for name, _ in live.columns]
    version = -1
    with Screen(console=console, refresh_per_second=1 / FRAME_S) as screen:
        while True:
            over = _over(live, until, stop)
            if live.feed.wait(version, FRAME_S) or over:
                snapshot = live.feed.snapshot()
                version = snapshot.version
                rows = snapshot.rows[:ROWS_SHOWN] if snapshot.is_ordered else snapshot.rows[-ROWS_SHOWN:]
                table = grid(names, rows)
                if live.progress is not None and console.is_terminal:
                    table.caption, table.caption_justify = f"catching up {live.progress}", "left"
                screen.update(table)
                if snapshot.done or over:
                    break
    end_screen(console)
    _finish(console, snapshot.error)


def end_screen(console: Console) -> None:
    """End the last line of a screen that was drawn into a file, where rich leaves it open."""
    if not console.is_terminal:
        console.print()


def _follow_stream(
    console: Console, live: Live, until: float | None, stop: threading.Event | None, bar: ProgressBar
) -> None:
    _print_line(console, [name for name, _ in live.columns])
    version, seen = -1, 0
    while True:
        over = _over(live, until, stop)
        bar(live.progress)
        if live.feed.wait(version, FRAME_S) or over:
            snapshot = live.feed.snapshot()
            version = snapshot.version
            new = min(snapshot.total - seen, len(snapshot.rows))
            if snapshot.total - seen > new:
                console.print(f"… {snapshot.total - seen - new} rows not shown", style="dim")
            for row in snapshot.rows[len(snapshot.rows) - new :]:
                _print_line(console, row)
            seen = snapshot.total
            if snapshot.done or over:
                break
    _finish(console, snapshot.error)


def _print_line(console: Console, values: Sequence[Any]) -> None:
    """Print values with tabs between them, for other programs to read; the console would draw tabs as blanks."""
    console.file.write("\t".join(map(cell, values)) + "\n")
    console.file.flush()


def _finish(console: Console, error: str | None) -> None:
    if error:
        console.print(f"query failed: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
