"""How far finite work has come: the records that were there when a query began, and when they will all be read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backlog", "Progress", "RecentRate", "Report"]

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

    def __str__(self) -> str:
        """Write it in a few words: ``43 %, 1,200 records/s, 12 s left``."""
        words = [f"{self.share:.0%}".replace("%", " %")]
        if self.left_s is not None:
            words += [f"{self.rate:,.0f} records/s", f"{_duration(self.left_s)} left"]
        return ", ".join(words)


Report = Callable[[Progress | None], None]
"""Is told how far work has come while it is done, and None at its end."""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class RecentRate:
    """Records a second, over the last few seconds."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._points: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, total: int) -> float:
        """Note the total so far and return the rate; a total that falls is the start of another count."""
        if self._points and total < self._points[-1][1]:
            self._points.clear()
        self._points.append((now_s, total))
        while len(self._points) > 2 and now_s - self._points[1][0] >= self._span_s:
            self._points.popleft()
        first_s, first = self._points[0]
        return (total - first) / (now_s - first_s) if now_s > first_s else 0.0


class Backlog:
    """Follows a query through the records that were there when it began. Written by one thread, read by any."""

    def __init__(self, total: int | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        """Begin; a ``total`` that is not known yet is found later."""
        self._now_s = now_s
        self._done = 0
        self._total: int | None = None
        self._rate = RecentRate(_SPAN_S)
        self._rate.note(now_s(), 0)
        self._progress: Progress | None = None
        self.find(total)

    @property
    def is_known(self) -> bool:
        """Tell whether it is known how many records were there."""
        return self._total is not None

    @property
    def is_over(self) -> bool:
        """Tell whether all that was there is read."""
        return self.is_known and self._progress is None

    @property
    def progress(self) -> Progress | None:
        """Tell how far it is; None while that is not known, and once it has caught up."""
        return self._progress

    def find(self, left: int | None) -> None:
        """Take the count of records that are still to be read; None changes nothing."""
        if left is not None and self._total is None:
            self._total = self._done + left
            self._progress = Progress(self._done, self._total, 0.0) if left else None

    def add(self, records: int, *, more: bool = True) -> None:
        """Note a step: the records it read, and whether there may be more at once."""
        self._done += records
        if self._progress is None or self._total is None:
            return
        if self._done >= self._total or not more:
            self._progress = None
            return
        self._progress = Progress(self._done, self._total, self._rate.note(self._now_s(), self._done))
