"""``streamnb run`` and ``streamnb sql``: statements from a file or from the command line, without a notebook."""

from __future__ import annotations

import signal
import sys
import threading
import time
import types
from pathlib import Path

from rich.console import Console

from streamnb.cli.output import show
from streamnb.engine.progress import Backlog
from streamnb.errors import StreamnbError
from streamnb.results import Live
from streamnb.statements.metrics import query_metrics
from streamnb.widgets.progress import ProgressBar
from streamnb.workspace import Workspace, connect

__all__ = ["read_statements", "run_file", "run_sql"]

LOOK_S = 0.25


def read_statements(path: str) -> str:
    """Read statements from a file, or from standard input when the path is ``-``."""
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StreamnbError(f"file {path} cannot be read: {reason}") from error


def run_sql(console: Console, url: str, text: str, seconds: float | None) -> int:
    """Execute statements and print their results; a push query is followed until it ends or the seconds are over."""
    with connect(url) as workspace:
        workspace.on_progress = ProgressBar()
        for result in workspace.execute(text):
            show(console, result, seconds)
    return 0


def run_file(console: Console, url: str, path: str, seconds: float | None) -> int:
    """Execute a file and keep its persistent queries running until a signal comes or the seconds are over."""
    text = read_statements(path)
    stop = threading.Event()

    def on_signal(number: int, frame: types.FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with connect(url) as workspace:
            for result in workspace.execute(text):
                if isinstance(result, Live):
                    result.stop()
                    console.print("a SELECT with EMIT CHANGES shows nothing here; use streamnb sql", style="yellow")
                else:
                    show(console, result)
            console.print("running; Ctrl-C ends it", style="dim")
            _wait(workspace, stop, seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _wait(workspace: Workspace, stop: threading.Event, seconds: float | None) -> None:
    """Wait for the end; a bar shows how far the queries are on what was there when they began."""
    until_s = None if seconds is None else time.monotonic() + seconds
    bar, backlog, done = ProgressBar(), Backlog(), 0
    try:
        while sys.stderr.isatty() and not backlog.is_over:
            left_s = LOOK_S if until_s is None else min(LOOK_S, until_s - time.monotonic())
            if left_s <= 0 or stop.wait(left_s):
                break
            found = query_metrics(workspace.pipeline)
            read = sum(m.records_in for m in found)
            backlog.add(read - done)
            done = read
            if all(m.lag_records is not None for m in found):
                backlog.find(sum(m.lag_records or 0 for m in found))
            bar(backlog.progress)
    finally:
        bar(None)
    stop.wait(None if until_s is None else max(until_s - time.monotonic(), 0))
