"""Writing into the output area of the running cell, and replacing what stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import IPython.display

__all__ = ["WIDGET_MIME", "publish", "replace"]

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

_display: Callable[..., Any] = IPython.display.display
_update: Callable[..., Any] = IPython.display.update_display


def publish(bundle: dict[str, Any], display_id: str | None = None) -> None:
    """Show a MIME bundle in the running cell."""
    _display(bundle, raw=True, display_id=display_id)


def replace(bundle: dict[str, Any], display_id: str) -> None:
    """Show another bundle wherever one was published under an id; from any thread."""
    _update(bundle, raw=True, display_id=display_id)
