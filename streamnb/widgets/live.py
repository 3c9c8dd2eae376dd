"""A live view in a cell: status bar, live table or chart, and the still picture beside them."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets

from streamnb.widgets.controls import ENDED, StatusBar, close_tree, state_name
from streamnb.widgets.delivery import answer_while_busy
from streamnb.widgets.feed import FeedSnapshot, LiveQuery, Sender, default_sender
from streamnb.widgets.output import WIDGET_MIME, publish, replace
from streamnb.widgets.rows import Layout, layout_of, visible
from streamnb.widgets.snapshot import STATIC_ROWS_MAX, of_shown
from streamnb.widgets.transport import FrameWidget

__all__ = ["LiveView"]

_STATUS_S = 0.5
_PICTURE_FIRST_S = 1.0
_PICTURE_GROWTH = 3.0
_PICTURE_MAX_S = 600.0


class LiveView:
    """Follows one query in the page, until the query ends or the view is closed.

    The output is a bundle of the widget and a still picture of the rows. The picture is renewed more and more rarely
    while the query runs, since JupyterLab builds the views of an output again each time, once more when the query
    ends, and is what a saved notebook shows to a reader without a kernel.
    """

    def __init__(
        self,
        query: LiveQuery,
        body: FrameWidget,
        *,
        name: str = "",
        sender: Sender | None = None,
    ) -> None:
        self.query = query
        self.name = name
        self._layout: Layout = layout_of(query)
        self._noun = "change" if query.is_table else "record"
        self._sender = sender or default_sender()
        self._version = -1
        self._snapshot: FeedSnapshot | None = None
        self._status_s = float("-inf")
        self._picture_due_s: float | None = None
        self._picture_gap_s = _PICTURE_FIRST_S
        self._picture_version = -1
        self._stopped = False
        self._settled = threading.Event()
        self._closed = threading.Event()
        self._bar = StatusBar(name, self._noun, self.stop)
        self._body = body
        self.widget = ipywidgets.VBox([self._bar.box, self._body], layout=ipywidgets.Layout(width="100%"))
        answer_while_busy(self.widget)
        self._display_id = f"streamnb-{self.widget.model_id}"

    def show(self) -> None:
        """Put the view into the running cell and begin to follow the query."""
        self._snapshot = self.query.feed.snapshot()
        self._bar.show(state_name(self.query), self._snapshot.total, 0.0)
        publish(self._bundle(), self._display_id)
        self._sender.add(self)

    def _ipython_display_(self) -> None:
        self.show()

    def stop(self) -> None:
        """Stop the query; its rows stay on show."""
        if state_name(self.query) not in ENDED:
            self._stopped = True
            self.query.stop()

    def _state(self) -> str:
        state = state_name(self.query)
        return "STOPPED" if self._stopped and state == "DONE" else state

    def settle(self, timeout_s: float) -> bool:
        """Wait until the last frame and the last picture of an ended query are out; False when time is up."""
        return self._settled.wait(timeout_s)

    def close(self) -> None:
        """Take the live view away; the still picture of its last rows stays in the cell."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._settled.set()
        self._sender.remove(self)
        self._snapshot = self.query.feed.snapshot()
        replace(self._picture(), self._display_id)
        close_tree(self.widget)

    def tick(self, now_s: float) -> bool:
        """Send what is due; False once the query has ended and its last frame is out."""
        if self._closed.is_set():
            return False
        feed = self.query.feed
        state = self._state()
        ended = state in ENDED
        newer = feed.wait(self._version, 0)
        if newer and (ended or self._body.due(now_s)):
            self._snapshot = feed.snapshot()
            self._version = self._snapshot.version
            ended = ended or self._snapshot.done
            self._body.push(self._snapshot, now_s)
            newer = False
        if self._snapshot is not None:
            last = ended and not newer
            self._renew_status(state, now_s, last)
            self._renew_picture(now_s, last)
            if last:
                self._settled.set()
            return not last
        return True

    def _renew_status(self, state: str, now_s: float, last: bool) -> None:
        if self._snapshot is None or (now_s - self._status_s < _STATUS_S and not last):
            return
        self._status_s = now_s
        shown = "DONE" if self._snapshot.done and state not in ENDED else state
        self._bar.show(shown, self._snapshot.total, now_s, self._snapshot.error)

    def _renew_picture(self, now_s: float, last: bool) -> None:
        if self._picture_due_s is None:
            self._picture_due_s = now_s + self._picture_gap_s
        if self._picture_version == self._version or (now_s < self._picture_due_s and not last):
            return
        self._picture_gap_s = min(self._picture_gap_s * _PICTURE_GROWTH, _PICTURE_MAX_S)
        self._picture_due_s = now_s + self._picture_gap_s
        self._picture_version = self._version
        replace(self._bundle(), self._display_id)

    def _bundle(self) -> dict[str, Any]:
        reference = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {WIDGET_MIME: reference, **self._picture()}

    def _picture(self) -> dict[str, Any]:
        if self._snapshot is None:
            return {"text/plain": f"live view of {self.name or 'a query'}"}
        shown = visible(self._layout, self._snapshot, STATIC_ROWS_MAX)
        total = self._snapshot.total
        state = self._state().lower()
        title = " · ".join(
            part for part in (self.name, state, f"{total:,} {self._noun}{'' if total == 1 else 's'}") if part
        )
        still = of_shown(self._layout, shown, title)
        drawn = self._body.picture(self._snapshot, title)
        # Sites that show notebooks strip drawings from HTML and prefer HTML to an image: a chart leaves no HTML.
        return still if drawn is None else {"image/svg+xml": drawn, "text/plain": still["text/plain"]}
