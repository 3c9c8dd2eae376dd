"""Alerts: rows that should be noticed, as a banner in the page, a call in Python, a record of a topic.

Theory of operation: the query's thread hands the rows it finds to the alert's own thread and goes on. That thread
writes the topic, which gets every row, and raises what people notice, which is rate-limited: what comes too fast is
counted.
"""

from __future__ import annotations

import html
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import anywidget
import traitlets

from streamnb.schema import SqlType
from streamnb.widgets.cells import cell_text, column_kind, counted
from streamnb.widgets.output import WidgetOutput
from streamnb.widgets.transport import static_text

__all__ = ["Alert", "RateLimit", "Watched"]

Row = tuple[Any, ...]
BANNERS_MAX = 20
PER_MINUTE = 30.0
_BATCHES_MAX = 1000
_COLUMNS_SHOWN = 6
_END_S = 2.0
_log = logging.getLogger(__name__)


class Watched(Protocol):
    """What an alert needs of a live query."""

    @property
    def columns(self) -> Sequence[tuple[str, SqlType]]: ...
    def watch(self, condition: str | None, on_match: Callable[[list[Row]], None]) -> Callable[[], None]: ...
    def publisher(self, topic: str) -> Callable[[Sequence[Row]], None]: ...


class RateLimit:
    """Lets so many things through a minute, a few of them at once."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._burst = max(1.0, min(per_minute / 6, 10.0))
        self._left = self._burst
        self._at_s = clock()

    def allows(self) -> bool:
        """Take one if there is one left."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Banners(anywidget.AnyWidget):
    """The newest alerts; ``raised`` counts all rows, ``held`` those that came too fast to be shown."""

    _esm = static_text("shared/element.js", "alerts.js")
    _css = static_text("alerts.css")
    title = traitlets.Unicode().tag(sync=True)
    banners: traitlets.List[dict[str, object]] = traitlets.List().tag(sync=True)
    raised = traitlets.Int().tag(sync=True)
    held = traitlets.Int().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)


class Alert:
    """Watches a live query from now on, until the query ends or the alert is closed.

    Each row of a stream that meets the condition raises once; a row of a table when it comes to meet it, and again only
    after it has ceased to. ``callback`` is called with the row as a dictionary, on the alert's thread; ``topic`` gets
    the row as a JSON object. Banners and calls are limited to ``per_minute``; the topic is not.
    """

    def __init__(
        self,
        query: Watched,
        condition: str | None = None,
        *,
        title: str = "",
        callback: Callable[[Mapping[str, Any]], object] | None = None,
        topic: str | None = None,
        per_minute: float = PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to watch. Raises: StreamnbError for a condition that is none, or a topic that cannot be made."""
        if per_minute <= 0:
            raise ValueError("per_minute must be above 0")
        self._columns = tuple(query.columns)
        self._callback = callback
        self._append = None if topic is None else query.publisher(topic)
        self._limit = RateLimit(per_minute, clock)
        self._found: queue.Queue[list[Row] | None] = queue.Queue(_BATCHES_MAX)
        self._banners: deque[dict[str, object]] = deque(maxlen=BANNERS_MAX)
        self._raised = self._held = 0
        self._closed = threading.Event()
        self.widget = _Banners(title=title or condition or "every row")
        self._output = WidgetOutput(self.widget)
        self._shown = False
        self._thread = threading.Thread(target=self._run, name="streamnb-alert", daemon=True)
        self._end = query.watch(condition, self._hand_over)
        self._thread.start()

    @property
    def raised(self) -> int:
        """Count the rows that were found."""
        return self._raised

    def show(self) -> None:
        """Put the banners into the running cell."""
        self._shown = True
        self._output.publish(self._picture())

    def close(self) -> None:
        """Watch no more; the last banners stay as a picture."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._end()
        self._found.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join(_END_S)
        if self._shown:
            self._output.leave(self._picture())
        self.widget.close()

    def _ipython_display_(self) -> None:
        self.show()

    def _hand_over(self, rows: list[Row]) -> None:
        while not self._closed.is_set():
            try:
                self._found.put(rows, timeout=0.1)
                return
            except queue.Full:  # the query waits for its alert rather than lose rows
                continue

    def _run(self) -> None:
        while (rows := self._found.get()) is not None:
            try:
                self._raise(rows)
            except Exception as error:
                self._show_problem(error)

    def _raise(self, rows: Sequence[Row]) -> None:
        if self._append is not None:
            self._append(rows)
        for row in rows:
            self._raised += 1
            if not self._limit.allows():
                self._held += 1
                continue
            self._banners.append({"id": self._raised, "at": round(time.time() * 1000), "facts": self._facts(row)})
            self._call(row)
        with self.widget.hold_sync():
            self.widget.banners = list(self._banners)
            self.widget.raised = self._raised
            self.widget.held = self._held

    def _call(self, row: Row) -> None:
        if self._callback is None:
            return
        try:
            self._callback({name: value for (name, _), value in zip(self._columns, row, strict=True)})
        except Exception as error:
            self._show_problem(error)

    def _show_problem(self, error: Exception) -> None:
        # A broken callback or topic is the user's to see, and must not end the alert.
        _log.exception("an alert failed", exc_info=error)
        self.widget.problem = f"{type(error).__name__}: {error}"[:300]

    def _facts(self, row: Row) -> list[list[str]]:
        told = zip(self._columns, row, strict=True)
        facts = [[name, cell_text(value, column_kind(name, type_), 80) or "null"] for (name, type_), value in told]
        return facts[:_COLUMNS_SHOWN]

    def _picture(self) -> dict[str, Any]:
        lines = [" · ".join(f"{name} {text}" for name, text in self._told(banner)) for banner in self._banners]
        head = f"{self.widget.title}: {counted(self._raised, 'alert')}"
        items = "".join(f"<li>{html.escape(line)}</li>" for line in reversed(lines))
        return {
            "text/html": f"<div><b>{html.escape(head)}</b><ul>{items}</ul></div>",
            "text/plain": "\n".join([head, *lines]),
        }

    def _told(self, banner: Mapping[str, object]) -> list[list[str]]:
        facts = banner["facts"]
        assert isinstance(facts, list)
        return facts
