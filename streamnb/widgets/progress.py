"""A progress bar where somebody sees it: in the running cell, or at the end of a terminal; elsewhere there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

from streamnb.engine.progress import Progress

__all__ = ["ProgressBar", "bar_html"]

_PATIENCE_S = 0.5
_GAP_S = 0.2


class _Drawing(Protocol):
    def draw(self, progress: Progress) -> None: ...

    def end(self, records: int, seconds: float) -> None: ...


class ProgressBar:
    """Draws what it is called with; work that takes less than half a second shows nothing. None ends the bar."""

    def __init__(
        self, drawing: Callable[[], _Drawing | None] | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = drawing or _drawing
        self._now_s = now_s
        self._begun_s: float | None = None
        self._drawn_s = float("-inf")
        self._drawing: _Drawing | None = None
        self._last: Progress | None = None

    def __call__(self, progress: Progress | None) -> None:
        """Draw how far work has come, or end the bar."""
        now_s = self._now_s()
        if progress is None:
            if self._drawing is not None and self._begun_s is not None and self._last is not None:
                self._drawing.end(self._last.total, now_s - self._begun_s)
            self._begun_s, self._drawing, self._last, self._drawn_s = None, None, None, float("-inf")
            return
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        self._last = progress
        if now_s - self._begun_s < _PATIENCE_S or now_s - self._drawn_s < _GAP_S:
            return
        self._drawing = self._drawing or self._make()
        self._drawn_s = now_s
        if self._drawing is not None:
            self._drawing.draw(progress)


def bar_html(progress: Progress, label: str) -> str:
    """Draw a bar with what it says beside it; in the colours of JupyterLab's theme."""
    percent = f"{progress.share * 100:.0f}"
    return (
        f'<span role="progressbar" aria-label="{label}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" style="display:inline-block;vertical-align:middle;width:120px;height:6px;'
        'border-radius:3px;overflow:hidden;background:var(--jp-layout-color3, #d0d7de)">'
        f'<span style="display:block;width:{percent}%;height:100%;border-radius:3px;'
        'background:var(--jp-brand-color1, #1976d2)"></span></span> '
        f"{label} {progress}"
    )


def _drawing() -> _Drawing | None:
    """Find where to draw: the running cell of a notebook, or a terminal that standard error goes to."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is not None:
        return _InCell()
    return _OnTerminal() if sys.stderr is not None and sys.stderr.isatty() else None


class _InCell:
    def __init__(self) -> None:
        self._id = f"streamnb-{uuid4()}"
        self._is_shown = False

    def draw(self, progress: Progress) -> None:
        self._put(f"reading {progress}", bar_html(progress, "reading"))

    def end(self, records: int, seconds: float) -> None:
        text = f"read {records:,} records in {seconds:.1f} s"
        self._put(text, text)

    def _put(self, text: str, html: str) -> None:
        from streamnb.widgets.output import publish, replace

        style = "font-size:12px;font-variant-numeric:tabular-nums;color:var(--jp-ui-font-color2)"
        bundle = {"text/plain": text, "text/html": f'<div style="{style}">{html}</div>'}
        if self._is_shown:
            replace(bundle, self._id)
        else:
            publish(bundle, self._id)
        self._is_shown = True


class _OnTerminal:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.fields[words]}"))
        # What is printed meanwhile stands above the bar, unless it goes elsewhere.
        prints = sys.stdout.isatty()
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=prints)
        self._task = self._bar.add_task("reading", total=1.0, words="")
        self._bar.start()

    def draw(self, progress: Progress) -> None:
        self._bar.update(self._task, completed=progress.share, words=str(progress))

    def end(self, records: int, seconds: float) -> None:
        self._bar.stop()
