"""Writing into the output area of the running cell, and replacing what stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import IPython.display
import ipywidgets

from streamnb.widgets.delivery import answer_while_busy

__all__ = ["WIDGET_MIME", "WidgetOutput", "publish", "replace"]

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

_display: Callable[..., Any] = IPython.display.display
_update: Callable[..., Any] = IPython.display.update_display


def publish(bundle: dict[str, Any], display_id: str | None = None) -> None:
    """Show a MIME bundle in the running cell."""
    _display(bundle, raw=True, display_id=display_id)


def replace(bundle: dict[str, Any], display_id: str) -> None:
    """Show another bundle wherever one was published under an id; from any thread."""
    _update(bundle, raw=True, display_id=display_id)


class WidgetOutput:
    """A widget's place in a cell: the widget, and beside it a still picture, which a saved notebook shows.

    The widget's messages are handled while a cell computes.
    """

    def __init__(self, widget: ipywidgets.Widget) -> None:
        answer_while_busy(widget)
        self._reference = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
        self._display_id = f"streamnb-{widget.model_id}"

    def publish(self, picture: dict[str, Any]) -> None:
        """Show the widget in the running cell."""
        publish({WIDGET_MIME: self._reference, **picture}, self._display_id)

    def renew(self, picture: dict[str, Any]) -> None:
        """Put another picture beside the widget; from any thread."""
        replace({WIDGET_MIME: self._reference, **picture}, self._display_id)

    def leave(self, picture: dict[str, Any]) -> None:
        """Take the widget away and leave a picture; from any thread."""
        replace(picture, self._display_id)
