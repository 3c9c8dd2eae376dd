"""On which thread of the kernel a page's messages are handled.

JupyterLab asks for messages of widgets to be handled on a subshell, a thread beside the one that runs cells. ipykernel
sends those of a comm back to the shell that the comm last spoke from, though, and a view is opened from a cell: its
clicks would wait until the cells that run have ended. So the comms of our views leave the choice to the page. Where a
page or a kernel knows no subshells, clicks wait for the running cell as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets

__all__ = ["answer_while_busy", "tree"]


def tree(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """List a widget and all that it is made of, the innermost first."""
    for child in getattr(widget, "children", ()):
        yield from tree(child)
    for part in ("layout", "style"):
        owned = getattr(widget, part, None)
        if isinstance(owned, ipywidgets.Widget):
            yield owned
    yield widget


def answer_while_busy(widget: ipywidgets.Widget) -> None:
    """Have clicks and messages of a widget, and of all it is made of, handled while a cell computes."""
    for part in tree(widget):
        if hasattr(part.comm, "_reply_subshell_for"):
            part.comm._reply_subshell_for = _as_asked


def _as_asked(_data: Any, asked: str | None) -> str | None:
    return asked
