"""What charts and tiles have in common: other views restrict them, and they leave a drawing in the saved notebook."""

from __future__ import annotations

from typing import Any, Protocol

from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.linking import Keeps, selection_of
from streamnb.widgets.transport import Frames, FrameWidget

__all__ = ["LinkedFrames", "LinkedWidget"]


class LinkedFrames(Frames, Protocol):
    """Frames that can be told to show some rows only."""

    def restrict(self, keeps: Keeps | None) -> None:
        """Show only the rows that a predicate keeps, from the next snapshot on; None shows all."""
        ...


class LinkedWidget(FrameWidget):
    """A widget that shares the selection of its query: what is selected elsewhere restricts what it draws."""

    def __init__(self, query: LiveQuery, frames: LinkedFrames, rate_max: float, **traits: Any) -> None:
        self._query = query
        self._linked = frames
        self._snapshot: FeedSnapshot | None = None
        super().__init__(frames, rate_max, **traits)
        self._selection = selection_of(query)
        self._selection.join(self, self._restrict)
        self._restrict()  # something may be selected already

    def push(self, snapshot: FeedSnapshot, now_s: float) -> None:
        """Send what a snapshot changes."""
        self._snapshot = snapshot
        super().push(snapshot, now_s)

    def picture(self, snapshot: FeedSnapshot, title: str) -> str:
        """Draw what is on show as an SVG document."""
        with self._frames_lock:
            if snapshot is not self._snapshot:  # before the first frame, or after the last one
                self._linked.advance(snapshot)
                self._snapshot = snapshot
            return self._draw(title)

    def close(self) -> None:
        """Close the widget; what was selected in it is selected no more."""
        if hasattr(self, "_selection"):  # the base class closes a widget whose making failed
            self._selection.leave(self)
        super().close()

    def _draw(self, title: str) -> str:
        raise NotImplementedError

    def _keeps(self) -> Keeps | None:
        """Tell which rows are drawn: those that the other views' selections leave."""
        return self._selection.criteria(self).keeps(self._query.columns)

    def _restrict(self) -> None:
        with self._frames_lock:
            self._linked.restrict(self._keeps())
            if self._snapshot is not None:
                self._send_frame(self._linked.advance(self._snapshot), None)
