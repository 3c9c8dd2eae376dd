"""When the still picture beside a live view is drawn anew."""

from __future__ import annotations

__all__ = ["Renewal"]

_FIRST_S = 1.0
_GROWTH = 3.0
_MAX_S = 600.0


class Renewal:
    """Lets a picture be renewed soon after the start, then more and more rarely, and at the end.

    Each renewal makes JupyterLab build the views of the output again, so a running view has few of them.
    """

    def __init__(self) -> None:
        self.due_s: float | None = None
        self._gap_s = _FIRST_S
        self._version = -1

    def due(self, now_s: float, version: int, last: bool) -> bool:
        """Tell whether the picture of a version is wanted now; one that is asked for is taken to be drawn."""
        if self.due_s is None:
            self.due_s = now_s + self._gap_s
        if self._version == version or (now_s < self.due_s and not last):
            return False
        self._gap_s = min(self._gap_s * _GROWTH, _MAX_S)
        self.due_s = now_s + self._gap_s
        self._version = version
        return True
