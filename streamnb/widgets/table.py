"""The live table: a window onto all rows of a query, sorted and filtered in the kernel, changing in the page."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import traitlets

from streamnb.engine.rowfilter import RowFilter
from streamnb.errors import StreamnbError
from streamnb.store import DatabaseError
from streamnb.widgets.choice import SelectedRows
from streamnb.widgets.export import Exports, cell_of, copy_of
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.linking import Criteria, selection_of
from streamnb.widgets.pages import PageFrames, read_request
from streamnb.widgets.rows import layout_of
from streamnb.widgets.transport import FrameWidget, static_text

__all__ = ["LiveTable"]

_PARTS = (
    *("dom", "frames", "format", "columns", "scroll", "selection", "choice", "tools", "painter", "questions"),
    *("grid", "view"),
)
_IDLE_S = 5.0
_REST_S = 0.01
_JOBS_MAX = 16
_log = logging.getLogger(__name__)


class LiveTable(FrameWidget):
    """Shows the rows of a query, of which the page gets those that it has in view.

    A thread of its own makes the frames: a click is answered as soon as the rows are found, however long another view
    takes, and whatever thread brought it.
    """

    _esm = static_text("shared/element.js", "shared/views.js", *(f"table/{part}.js" for part in _PARTS))
    _css = static_text("shared/theme.css", "table.css")
    columns: traitlets.List[dict[str, object]] = traitlets.List().tag(sync=True)
    is_table = traitlets.Bool().tag(sync=True)
    is_live = traitlets.Bool().tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, query: LiveQuery, rows_max: int | None, rate_max: float, name: str = "", *, live: bool = True
    ) -> None:
        layout = layout_of(query)
        described = [
            {"name": name, "type": str(type_), "kind": kind, "key": position in layout.identity}
            for position, (name, type_, kind) in enumerate(zip(layout.names, layout.types, layout.kinds, strict=True))
        ]
        self._query = query
        self._width = len(described)
        self._relation = query.relation()
        self._pages = PageFrames(self._relation, layout, rows_max)
        self._exports = Exports()
        self._rows = SelectedRows(layout, self._choose)
        self._wake = threading.Condition()
        self._waits = False
        self._full = False
        self._asked_now = False
        self._wanted = self._pages.request
        self._outer = ""
        self._selected = RowFilter()
        self._jobs: deque[Callable[[], None]] = deque(maxlen=_JOBS_MAX)
        self._ended = False
        self._thread: threading.Thread | None = None
        self._relation.watchers.append(self._changed)
        super().__init__(self._pages, rate_max, columns=described, is_table=query.is_table, is_live=live, name=name)
        self._selection = selection_of(query)
        self._selection.join(self, self._restrict)
        self._restrict()  # something may be selected already

    # From any thread: note what is wanted

    def push(self, snapshot: FeedSnapshot, now_s: float) -> None:
        """Note that the query has given something; its rows are sent by the table's own thread."""
        relation = self._query.relation()
        if relation is not self._relation:
            self._relation.watchers.remove(self._changed)
            self._relation = relation
            relation.watchers.append(self._changed)
        self._poke(lambda: None)

    def resend(self) -> None:
        """Send everything in view again, to a page that has nothing yet."""

        def note() -> None:
            self._full = self._asked_now = True

        self._poke(note)

    def search(self, text: str) -> None:
        """Show the rows that contain a text, of those that the page asks for; all of these for an empty text."""

        def note() -> None:
            self._outer, self._asked_now = text, True

        self._poke(note)

    def _restrict(self) -> None:
        """Show the rows that are selected in the other views of the query."""
        criteria = self._selection.criteria(self)
        names = [name for name, _ in self._query.columns]
        chosen = tuple((names.index(name), values) for name, values in criteria.values.items() if name in names)
        spans = tuple((names.index(name), *span) for name, span in criteria.spans.items() if name in names)

        def note() -> None:
            self._selected, self._asked_now = RowFilter(chosen=chosen, spans=spans), True

        if RowFilter(chosen=chosen, spans=spans) != self._selected:
            self._poke(note)

    def _received(self, kind: Any, message: Any) -> None:
        if kind == "view":
            request = read_request(message, self._width)
            if request is not None:

                def note() -> None:
                    self._wanted, self._asked_now = request, True

                self._poke(note)
        elif kind in ("copy", "cell", "export"):
            self._poke(lambda: self._jobs.append(lambda: self._answer(kind, message)))
        elif kind == "select":
            self._poke(lambda: self._jobs.append(lambda: self._select(message)))
        else:
            self._asked(kind)

    def _poke(self, note: Callable[[], None]) -> None:
        with self._wake:
            note()
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="streamnb-table", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def _changed(self) -> None:
        """Hear that the relation has new rows: wake the thread if that is all it waits for."""
        if self._waits:
            with self._wake:
                self._wake.notify_all()

    def _answered(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def close(self) -> None:
        """End the table's thread and take the widget away."""
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        if self._changed in self._relation.watchers:
            self._relation.watchers.remove(self._changed)
        if hasattr(self, "_selection"):  # the base class closes a widget whose making failed
            self._selection.leave(self)
        super().close()

    # On the table's thread

    def _run(self) -> None:
        while self._await():
            try:
                self._serve()
            except Exception:
                if self._relation.closed:
                    return
                _log.exception("a frame of a live table is left out")

    def _await(self) -> bool:
        """Wait until there is something to do; False when the table is closed."""
        with self._wake:
            while not self._ended and not self._jobs and not self._asked_now:
                rest_s = _IDLE_S
                self._waits = not self._is_stale()
                if not self._waits:
                    rest_s = self._pacer.rest(time.monotonic())
                    if rest_s <= 0:
                        break
                elif self._is_stale():  # rows came before the flag was up
                    continue
                self._wake.wait(rest_s)
            self._waits = False
            return not self._ended

    def _is_stale(self) -> bool:
        if self._relation is not self._pages.relation:
            return True
        return self._relation.version != self._pages.version and not self._wanted.paused

    def _serve(self) -> None:
        with self._wake:
            job = self._jobs.popleft() if self._jobs else None
            if job is None:
                full, self._full, self._asked_now = self._full, False, False
                if self._wanted.number != self._pages.request.number:
                    self._pages.want(self._wanted)
            relation, outer, selected = self._relation, self._outer, self._selected
        if job is not None:
            job()
            return
        same = relation is self._pages.relation
        self._pages.follow(relation)
        self._pages.outer, self._pages.selected = outer, selected
        began_s = time.monotonic()
        with self._frames_lock:
            frame = self._pages.full() if full or not self._pacer.answered else self._pages.advance()
            if same and not self._pages.shown.changes:
                self._rows.renew(relation, self._pages.shown)
            else:
                self._rows.clear()  # the ids are those of other rows
            frame = {**frame, **self._rows.news(full=frame["full"])}
            # The time that a frame takes to make is part of the gap, but for a rest that other threads are owed.
            self._send_frame(frame, max(began_s, time.monotonic() + _REST_S - self._pacer.gap_s))

    def _choose(self, criteria: Criteria) -> None:
        if not self._ended:
            self._selection.choose(self, criteria)

    def _select(self, message: dict[str, Any]) -> None:
        """Note which rows the reader has selected; the next frame says what has come of it."""
        try:
            if not self._pages.shown.changes:
                self._rows.read(self._pages.relation, self._pages.shown, message)
        except (KeyError, TypeError, ValueError):
            _log.warning("a page sent a selection that cannot be read")
        with self._wake:
            self._asked_now = True

    def _answer(self, kind: str, message: dict[str, Any]) -> None:
        """Answer a question about values of the rows, with an error's text if it can't be done."""
        view = self._pages.shown
        try:
            if kind == "copy":
                answer, data = copy_of(self._relation, view, message)
            elif kind == "cell":
                answer, data = cell_of(self._relation, view, message)
            else:
                answer, data = self._exports.part(self._relation, view, message)
        except (StreamnbError, DatabaseError, KeyError, TypeError, ValueError) as error:
            answer, data = {"problem": str(error)}, b""
        self.send({"type": kind, "q": message.get("q"), **answer}, buffers=[data])
