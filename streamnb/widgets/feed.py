"""From a running query to the browser: what a view reads, and the one thread of a kernel that carries it.

Theory of operation: a query writes into its feed and never waits for anyone. The sender looks at every view twenty
times a second at most; a view that finds a newer version in its feed takes the newest snapshot and sends what changed
since its last frame. Frames the browser has not acknowledged hold the next one back, so a slow page sees fewer, newer
frames. While a cell runs no acknowledgement can arrive, therefore the holding back ends after a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from streamnb.engine.relation import Relation
from streamnb.schema import SqlType

__all__ = ["FRAME_S", "Feed", "FeedSnapshot", "LiveQuery", "Pacer", "Sender", "View", "default_sender"]

FRAME_S = 0.05
_UNANSWERED_S = 1.0
_IN_FLIGHT_MAX = 2

_log = logging.getLogger(__name__)


class FeedSnapshot(Protocol):
    """What a query shows at one moment: newest rows last (stream), or the current row of each key (table)."""

    @property
    def version(self) -> int: ...
    @property
    def rows(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def total(self) -> int: ...
    @property
    def done(self) -> bool: ...
    @property
    def error(self) -> str | None: ...
    @property
    def is_ordered(self) -> bool:
        """Tell whether the rows have an order: then the first ones count, not the newest."""
        ...


class Feed(Protocol):
    """The bounded place where a query leaves its newest rows."""

    def snapshot(self) -> FeedSnapshot:
        """Return the newest state; cheap, from any thread."""
        ...

    def wait(self, version: int, timeout: float) -> bool:
        """Tell whether something newer than a version is there, waiting up to the timeout."""
        ...


class LiveQuery(Protocol):
    """What a view needs to know of a running push query.

    ``params`` are values that others may change: the query is then planned again, and its ``feed`` is another one.
    ``problem`` says why that could not be done.
    """

    @property
    def columns(self) -> Sequence[tuple[str, SqlType]]: ...
    @property
    def key_columns(self) -> int: ...
    @property
    def is_table(self) -> bool: ...
    @property
    def state(self) -> Any: ...
    @property
    def feed(self) -> Feed: ...
    def relation(self) -> Relation: ...
    @property
    def params(self) -> Mapping[str, object]: ...
    @property
    def problem(self) -> str | None: ...
    def stop(self) -> Any: ...


class View(Protocol):
    """Something on a page that follows a feed."""

    def tick(self, now_s: float) -> bool:
        """Send what is due at this moment of the monotonic clock; False when nothing will ever be due again."""
        ...


class Pacer:
    """Decides when the next frame may go: not above the rate, and not far ahead of the browser."""

    def __init__(self, rate_max: float) -> None:
        self.gap_s = max(FRAME_S, 1.0 / rate_max)
        self._sent_s = float("-inf")
        self._sent = 0
        self._acknowledged = 0

    @property
    def answered(self) -> bool:
        """Tell whether a browser has ever acknowledged a frame."""
        return self._acknowledged > 0

    def due(self, now_s: float) -> bool:
        """Tell whether a frame may be sent now."""
        return self.rest(now_s) <= 1e-3  # timers fire a little early

    def rest(self, now_s: float) -> float:
        """Tell how many seconds are left until a frame may be sent; 0 or less when it may be sent now."""
        gap_s = self.gap_s
        if self._sent - self._acknowledged >= _IN_FLIGHT_MAX:
            gap_s = max(gap_s, _UNANSWERED_S)
        return self._sent_s + gap_s - now_s

    def sent(self, now_s: float | None) -> int:
        """Note that a frame goes out, and number it from 1; one sent out of turn has no time."""
        if now_s is not None:
            self._sent_s = now_s
        self._sent += 1
        return self._sent

    def acknowledged(self, number: int) -> None:
        """Note that a browser has drawn the frame of this number."""
        self._acknowledged = max(self._acknowledged, min(number, self._sent))


class Sender:
    """One thread for all views of a kernel; it lives while there are views to serve."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._views: list[View] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, view: View) -> None:
        """Serve a view until its ``tick`` returns False or it is removed."""
        with self._lock:
            self._views.append(view)
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="streamnb-views", daemon=True)
                self._thread.start()

    def remove(self, view: View) -> None:
        """Stop serving a view; a tick that has begun may still finish."""
        with self._lock:
            self._views = [v for v in self._views if v is not view]
            if not self._views:
                self._wake.set()

    def tick(self) -> int:
        """Give every view its turn once, and return how many views are left."""
        with self._lock:
            views = list(self._views)
        for view in views:
            if not self._serve(view):
                self.remove(view)
        with self._lock:
            return len(self._views)

    def _serve(self, view: View) -> bool:
        try:
            return view.tick(self._clock())
        except Exception:
            # One broken view must not freeze the others; the kernel's log says what happened.
            _log.exception("a live view is given up")
            return False

    def _run(self) -> None:
        while True:
            started_s = self._clock()
            self.tick()
            with self._lock:
                if not self._views:
                    self._thread = None
                    return
            self._wake.wait(max(0.005, FRAME_S - (self._clock() - started_s)))


_default: Sender | None = None
_default_lock = threading.Lock()


def default_sender() -> Sender:
    """Return the kernel's sender."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Sender()
        return _default
