"""What the table's and the chart's widget have in common: frames out, questions of the page in."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from streamnb.widgets.feed import FeedSnapshot, Pacer

__all__ = ["FrameWidget", "Frames", "static_text"]

_STATIC = Path(__file__).parent / "static"
_log = logging.getLogger(__name__)


def static_text(*names: str) -> str:
    """Read files of the package's ``static`` folder, and put them together in this order: one module, or one sheet."""
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


class Frames(Protocol):
    """Turns snapshots of a feed into what a page is told: a message, of which the ``buffers`` travel as bytes."""

    def advance(self, snapshot: FeedSnapshot) -> dict[str, Any]:
        """Move on to a snapshot and describe what it changes."""
        ...

    def full(self) -> dict[str, Any]:
        """Describe everything that is on show."""
        ...


class FrameWidget(anywidget.AnyWidget):
    """A widget that gets one message per frame and answers a page that has just opened with everything.

    The page says ``mount`` when a view of it appears or has missed a frame, and ``ack`` when it has drawn one.
    Until the first acknowledgement every frame is a full one, since a page may open while the kernel is busy
    and cannot hear it ask.
    """

    key = traitlets.Unicode().tag(sync=True)

    def __init__(self, frames: Frames, rate_max: float, **traits: Any) -> None:
        self._frames = frames
        self._pacer = Pacer(rate_max)
        self._frames_lock = threading.Lock()
        super().__init__(key=uuid.uuid4().hex, **traits)
        self.on_msg(self._heard)

    def due(self, now_s: float) -> bool:
        """Tell whether the page is ready for a frame."""
        return self._pacer.due(now_s)

    def push(self, snapshot: FeedSnapshot, now_s: float) -> None:
        """Send what a snapshot changes."""
        with self._frames_lock:
            frame = self._frames.advance(snapshot)
            if not self._pacer.answered:
                frame = self._frames.full()
            self._send_frame(frame, now_s)

    def picture(self, snapshot: FeedSnapshot, title: str) -> str | None:
        """Draw what is on show as an SVG document; None when the rows themselves are the picture."""
        return None

    def resend(self) -> None:
        """Send everything again, to a page that has nothing yet."""
        with self._frames_lock:
            self._send_frame(self._frames.full(), None)

    def _send_frame(self, frame: dict[str, Any], now_s: float | None) -> None:
        message = {name: value for name, value in frame.items() if name != "buffers"}
        self.send({"type": "frame", "n": self._pacer.sent(now_s), **message}, buffers=frame.get("buffers"))

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "ack" and isinstance(message.get("n"), int):
            self._pacer.acknowledged(message["n"])
            self._answered()
        elif kind == "mount":
            self.resend()
        else:
            self._received(kind, message)

    def _answered(self) -> None:
        """Hear that the page has drawn a frame, so that another may be due; called on any thread."""

    def _received(self, kind: Any, message: Any) -> None:
        """Hear another message of the page; called on any thread, so note what is wanted and return."""
        self._asked(kind)

    def _asked(self, kind: Any) -> None:
        _log.warning("a page sent an unknown message: %r", kind)
