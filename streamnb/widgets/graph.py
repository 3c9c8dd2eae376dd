"""The live graph: a diagram that the page draws anew when it changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from streamnb.errors import StreamnbError
from streamnb.plan.diagram import Diagram
from streamnb.widgets.drawing import Drawing, draw, svg_text
from streamnb.widgets.feed import Sender, default_sender
from streamnb.widgets.output import WidgetOutput
from streamnb.widgets.transport import static_text

__all__ = ["LiveGraph"]

_REFRESH_S = 1.0
_PICTURE_S = 30.0
_log = logging.getLogger(__name__)


class _GraphWidget(anywidget.AnyWidget):
    """Shapes to draw; an unchanged drawing is not sent again."""

    _esm = static_text("graph.js")
    _css = static_text("graph.css")
    drawing = traitlets.Dict().tag(sync=True)


class LiveGraph:
    """A diagram in a cell: one that stays, or one that is asked for anew once a second.

    The saved notebook keeps it as an SVG picture.
    """

    def __init__(self, diagram: Callable[[], Diagram], *, live: bool = True, sender: Sender | None = None) -> None:
        """Draw what ``diagram`` returns. Raises: what it raises."""
        self._diagram = diagram
        self._live = live
        self._sender = sender or default_sender()
        self._drawing = draw(diagram())
        self._due_s = float("-inf")
        self._picture_s: float | None = None
        self._pictured = self._drawing
        self._closed = threading.Event()
        self.widget = _GraphWidget(drawing=_plain(self._drawing))
        self._output = WidgetOutput(self.widget)

    def show(self) -> None:
        """Put the graph into the running cell and keep it current."""
        self._output.publish(self._picture())
        if self._live:
            self._sender.add(self)

    def close(self) -> None:
        """Take the live graph away; its picture stays in the cell."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._sender.remove(self)
        self._output.leave(self._picture())
        self.widget.close()

    def tick(self, now_s: float) -> bool:
        """Ask for the diagram when it is due; False once the graph is closed or its pipeline is."""
        if self._closed.is_set():
            return False
        if now_s < self._due_s:
            return True
        self._due_s = now_s + _REFRESH_S
        try:
            self._drawing = draw(self._diagram())
        except StreamnbError:
            _log.debug("the pipeline of a graph is gone", exc_info=True)
            return False
        self.widget.drawing = _plain(self._drawing)
        self._picture_s = now_s if self._picture_s is None else self._picture_s
        if now_s - self._picture_s >= _PICTURE_S and self._pictured != self._drawing:
            self._picture_s, self._pictured = now_s, self._drawing
            self._output.renew(self._picture())
        return True

    def _picture(self) -> dict[str, Any]:
        names = [str(s["text"]) for s in self._drawing.shapes if s.get("class") == "n"]
        return {"image/svg+xml": svg_text(self._drawing), "text/plain": f"graph of {', '.join(names) or 'nothing yet'}"}


def _plain(drawing: Drawing) -> dict[str, Any]:
    return {"width": drawing.width, "height": drawing.height, "shapes": list(drawing.shapes)}
