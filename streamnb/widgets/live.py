"""A live view in a cell or in a frame: status, live table or chart, and the still picture beside them."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import ipywidgets

from streamnb.engine.progress import Progress
from streamnb.errors import StreamnbError
from streamnb.widgets.cells import counted
from streamnb.widgets.controls import ENDED, StatusBar, close_tree, state_name
from streamnb.widgets.feed import Feed, FeedSnapshot, LiveQuery, Sender, default_sender
from streamnb.widgets.output import WidgetOutput
from streamnb.widgets.renewal import Renewal
from streamnb.widgets.rows import Layout, layout_of, visible
from streamnb.widgets.snapshot import STATIC_ROWS_MAX, of_shown
from streamnb.widgets.transport import FrameWidget

__all__ = ["LiveView", "Status"]

_STATUS_S = 0.5
_HOLD_S = 1.0  # how long the rows of an earlier plan stay while the new one has none


class Status(Protocol):
    """What shows the state of a view's query."""

    def show(
        self, state: str, total: int, now_s: float, error: str | None = None, progress: Progress | None = None
    ) -> None:
        """Draw the state, the number of changes so far, and an error; nothing is sent while they stay the same.

        ``progress`` is that of a query which catches up with what was there when it began.
        """
        ...


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
        self._feed = query.feed
        self._held_s: float | None = None
        self._version = -1
        self._snapshot: FeedSnapshot | None = None
        self._status_s = float("-inf")
        self._renewal = Renewal()
        self._stopped = False
        self._settled = threading.Event()
        self._closed = threading.Event()
        bar = StatusBar(name, self._noun, self.stop)
        self._status: Status = bar
        self._body = body
        self.widget = ipywidgets.VBox([bar.box, self._body], layout=ipywidgets.Layout(width="100%"))
        self._output: WidgetOutput | None = WidgetOutput(self.widget)  # None in a frame, which has a place of its own
        self._following = False

    def show(self) -> None:
        """Put the view into the running cell and begin to follow the query."""
        if self._output is None:
            raise StreamnbError("the view is part of a dashboard", hint="make another one with q.table() or q.chart()")
        self._snapshot = self.query.feed.snapshot()
        self._output.publish(self.picture())
        self.follow()

    def embed(self, status: Status) -> FrameWidget:
        """Hand the body over to a frame, which shows the state itself; the frame calls ``follow`` when it is shown.

        Raises: StreamnbError when the view is on a page or in a frame already, or closed.
        """
        if self._following or self._output is None or self._closed.is_set():
            raise StreamnbError(
                f"the view {self.name or 'of the query'} is on show elsewhere, or closed",
                hint="make another one for the dashboard with q.table() or q.chart()",
            )
        self.widget.children = tuple(child for child in self.widget.children if child is not self._body)
        close_tree(self.widget)
        self.widget = self._body
        self._status, self._output = status, None
        return self._body

    @property
    def body(self) -> FrameWidget:
        """What draws the rows."""
        return self._body

    @property
    def noun(self) -> str:
        """What the query's total counts: change or record."""
        return self._noun

    def follow(self) -> None:
        """Begin to follow the query."""
        self._following = True
        self._snapshot = self.query.feed.snapshot()
        self._status.show(state_name(self.query), self._snapshot.total, 0.0)
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
        if self._output is not None:
            self._output.leave(self.picture())
        close_tree(self.widget)

    def tick(self, now_s: float) -> bool:
        """Send what is due; False once the query has ended for good and its last frame is out."""
        if self._closed.is_set():
            return False
        feed, state = self.query.feed, self._state()
        if self._holds(feed, state in ENDED, now_s):
            return True
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
            return not last or bool(self.query.params)
        return True

    def _holds(self, feed: Feed, ended: bool, now_s: float) -> bool:
        """Tell whether the query has been planned again and has no rows yet, so that those on show may stay."""
        if feed is not self._feed:
            self._feed, self._version, self._held_s = feed, -1, now_s
            self._stopped = False
        if self._held_s is None:
            return False
        if not ended and now_s - self._held_s < _HOLD_S and feed.snapshot().total == 0:
            return True
        self._held_s = None
        return False

    def _renew_status(self, state: str, now_s: float, last: bool) -> None:
        if self._snapshot is None or (now_s - self._status_s < _STATUS_S and not last):
            return
        self._status_s = now_s
        shown = "DONE" if self._snapshot.done and state not in ENDED else state
        problem = self._snapshot.error or self.query.problem
        progress = getattr(self.query, "progress", None)  # what is drawn without an engine has none
        self._status.show(shown, self._snapshot.total, now_s, problem, progress)

    def _renew_picture(self, now_s: float, last: bool) -> None:
        if self._output is not None and self._renewal.due(now_s, self._version, last):
            self._output.renew(self.picture())

    def picture(self) -> dict[str, Any]:
        """Draw the rows as they are now without JavaScript: ``text/plain``, and ``text/html`` or ``image/svg+xml``.

        Sites that show notebooks strip drawings from HTML and prefer HTML to an image: a chart leaves no HTML.
        """
        picture = self.full_picture()
        if "image/svg+xml" in picture:
            del picture["text/html"]
        return picture

    def full_picture(self) -> dict[str, Any]:
        """Draw the rows as a table, ``text/html`` and ``text/plain``, and if it is a chart as ``image/svg+xml`` too."""
        if self._snapshot is None:
            return {"text/plain": f"live view of {self.name or 'a query'}"}
        shown = visible(self._layout, self._snapshot, STATIC_ROWS_MAX)
        changes = counted(self._snapshot.total, self._noun)
        title = " · ".join(part for part in (self.name, self._state().lower(), changes) if part)
        still = of_shown(self._layout, shown, title)
        drawn = self._body.picture(self._snapshot, title)
        return still if drawn is None else {**still, "image/svg+xml": drawn}
