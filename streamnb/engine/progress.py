"""How far finite work has come: the records that were there when a query began, and when they will all be read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backlog", "Progress"]

_SPAN_S = 5.0


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` records are read, at ``rate`` records a second in the last seconds."""

    done: int
    total: int
    rate: float

    @property
    def left(self) -> int:
        """Count the records that are still to be read."""
        return max(self.total - self.done, 0)

    @property
    def share(self) -> float:
        """Tell how much is done, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 1.0

    @property
    def left_s(self) -> float | None:
        """Estimate the seconds that the rest takes; None before anything was read."""
        return self.left / self.rate if self.rate > 0 else None


class Backlog:
    """Follows a query through the records that were there when it began. Written by one thread, read by any."""

    def __init__(self, total: int | None, now_s: Callable[[], float] = time.monotonic) -> None:
        """Begin; of an unknown ``total`` no progress is told."""
        self._total = total
        self._now_s = now_s
        self._points: deque[tuple[float, int]] = deque([(now_s(), 0)])
        self._progress = None if not total else Progress(0, total, 0.0)

    @property
    def progress(self) -> Progress | None:
        """Tell how far it is; None once it has caught up."""
        return self._progress

    def add(self, records: int, *, more: bool) -> None:
        """Note a step: the records it read, and whether there may be more at once."""
        if self._progress is None or self._total is None:
            return
        done = self._progress.done + records
        if done >= self._total or not more:
            self._progress = None
            return
        now_s = self._now_s()
        self._points.append((now_s, done))
        while len(self._points) > 2 and now_s - self._points[1][0] >= _SPAN_S:
            self._points.popleft()
        first_s, first = self._points[0]
        rate = (done - first) / (now_s - first_s) if now_s > first_s else 0.0
        self._progress = Progress(done, self._total, rate)
